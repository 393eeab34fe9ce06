// rules-test runs tests of Prometheus alert rules: files in the format of `promtool test rules`, with Prometheus' own engine and rule manager.
// promtool itself brings the clients of every cloud with it (1,143 packages) and takes several minutes to build; this has half of them. It knows the part of
// the format that the chart's tests use: rule_files, evaluation_interval, and tests with name, interval, input_series, alert_rule_test. Every
// other key is an error. Usage: rules-test FILE... Exit status 1: a test failed; the last line has the counts.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/rules"
	"go.yaml.in/yaml/v2"
)

type testFile struct {
	RuleFiles          []string       `yaml:"rule_files"`
	EvaluationInterval model.Duration `yaml:"evaluation_interval"`
	Tests              []testGroup    `yaml:"tests"`
}

type testGroup struct {
	Name        string         `yaml:"name"`
	Interval    model.Duration `yaml:"interval"`
	InputSeries []struct {
		Series string `yaml:"series"`
		Values string `yaml:"values"`
	} `yaml:"input_series"`
	AlertTests []alertTest `yaml:"alert_rule_test"`
}

type alertTest struct {
	EvalTime  model.Duration `yaml:"eval_time"`
	Alertname string         `yaml:"alertname"`
	Expected  []struct {
		Labels      map[string]string `yaml:"exp_labels"`
		Annotations map[string]string `yaml:"exp_annotations"`
	} `yaml:"exp_alerts"`
}

// firing returns the alerts of a name that fire, each as one sorted text.
func firing(groups map[string]*rules.Group, name string) []string {
	var texts []string
	for _, group := range groups {
		for _, rule := range group.AlertingRules() {
			if rule.Name() != name {
				continue
			}
			for _, alert := range rule.ActiveAlerts() {
				if alert.State == rules.StateFiring {
					texts = append(texts, alert.Labels.String()+" "+alert.Annotations.String())
				}
			}
		}
	}
	slices.Sort(texts)
	return texts
}

func expected(test alertTest) []string {
	var texts []string
	for _, alert := range test.Expected {
		all := maps.Clone(alert.Labels)
		if all == nil {
			all = map[string]string{}
		}
		all[labels.AlertName] = test.Alertname
		texts = append(texts, labels.FromMap(all).String()+" "+labels.FromMap(alert.Annotations).String())
	}
	slices.Sort(texts)
	return texts
}

// run plays one group of tests and returns what is wrong.
func run(group testGroup, step time.Duration, ruleFiles []string) (problems []string, err error) {
	interval := time.Duration(group.Interval)
	if interval == 0 {
		interval = step
	}
	var load strings.Builder
	fmt.Fprintf(&load, "load %s\n", model.Duration(interval))
	for _, series := range group.InputSeries {
		fmt.Fprintf(&load, "  %s %s\n", series.Series, series.Values)
	}
	language := parser.NewParser(parser.Options{})
	suite, err := promqltest.NewLazyLoader(load.String(), promqltest.LazyLoaderOpts{EnableAtModifier: true, EnableNegativeOffset: true, Parser: language})
	if err != nil {
		return nil, err
	}
	defer suite.Close()
	suite.SubqueryInterval = step
	manager := rules.NewManager(&rules.ManagerOptions{
		QueryFunc:    rules.EngineQueryFunc(suite.QueryEngine(), suite.Storage()),
		AppendableV2: suite.Storage(),
		Context:      context.Background(),
		NotifyFunc:   func(context.Context, string, ...*rules.Alert) {},
		Logger:       slog.New(slog.DiscardHandler),
		Parser:       language,
	})
	groups, problemsOfFiles := manager.LoadGroups(interval, labels.EmptyLabels(), "", nil, false, ruleFiles...)
	if problemsOfFiles != nil {
		return nil, fmt.Errorf("rules: %v", problemsOfFiles)
	}
	var end time.Duration
	names := map[string]bool{}
	for _, rules := range groups {
		for _, rule := range rules.AlertingRules() {
			rule.SetRestored(true) // without it ALERTS is not written
			names[rule.Name()] = true
		}
	}
	for _, test := range group.AlertTests {
		end = max(end, time.Duration(test.EvalTime))
		if !names[test.Alertname] {
			return nil, fmt.Errorf("there is no alert %s", test.Alertname)
		}
	}
	for at := time.Duration(0); at <= end; at += step {
		now := time.Unix(0, 0).UTC().Add(at)
		suite.WithSamplesTill(now, func(problem error) {
			if err = problem; err != nil {
				return
			}
			for _, rules := range groups {
				rules.Eval(suite.Context(), now)
				for _, rule := range rules.Rules() {
					if rule.LastError() != nil {
						err = fmt.Errorf("%s at %s: %w", rule.Name(), at, rule.LastError())
					}
				}
			}
		})
		if err != nil {
			return nil, err
		}
		for _, test := range group.AlertTests {
			if when := time.Duration(test.EvalTime); when < at || when >= at+step {
				continue
			}
			want, got := expected(test), firing(groups, test.Alertname)
			if !slices.Equal(want, got) {
				problems = append(problems, fmt.Sprintf("%s at %s:\n        want %s\n        got  %s", test.Alertname, test.EvalTime,
					strings.Join(want, "\n             "), strings.Join(got, "\n             ")))
			}
		}
	}
	return problems, nil
}

func main() {
	passed, failed := 0, 0
	for _, name := range os.Args[1:] {
		var file testFile
		content, err := os.ReadFile(name)
		if err == nil {
			err = yaml.UnmarshalStrict(content, &file)
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
			os.Exit(1)
		}
		for i, path := range file.RuleFiles {
			if !filepath.IsAbs(path) {
				file.RuleFiles[i] = filepath.Join(filepath.Dir(name), path)
			}
		}
		step := time.Duration(file.EvaluationInterval)
		if step == 0 {
			step = time.Minute
		}
		for _, group := range file.Tests {
			problems, err := run(group, step, file.RuleFiles)
			if err != nil {
				problems = append(problems, err.Error())
			}
			if len(problems) == 0 {
				passed++
				fmt.Printf("ok    %s\n", group.Name)
				continue
			}
			failed++
			fmt.Printf("FAIL  %s\n      %s\n", group.Name, strings.Join(problems, "\n      "))
		}
	}
	fmt.Printf("%d passed, %d failed, 0 skipped\n", passed, failed)
	if failed > 0 || passed == 0 {
		os.Exit(1)
	}
}
