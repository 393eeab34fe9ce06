package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// objectsResult is what `load objects` prints. Latency is the time from sending the POST to the event that shows the end.
type objectsResult struct {
	Objects      int     `json:"objects"`
	Connections  int     `json:"connections"`
	Done         int     `json:"done"`
	Failed       int     `json:"failed"`
	WallS        float64 `json:"wall_s"`
	CreateS      float64 `json:"create_s"`
	CreatedPerS  float64 `json:"created_per_s"`
	DonePerS     float64 `json:"done_per_s"`
	LatencyP50Ms float64 `json:"latency_p50_ms"`
	LatencyP99Ms float64 `json:"latency_p99_ms"`
	CreateP50Ms  float64 `json:"create_p50_ms"`
	CreateP99Ms  float64 `json:"create_p99_ms"`
	Watches      int     `json:"watches"`
}

// tracker knows when each object was sent and when it ended.
type tracker struct {
	lock   sync.Mutex
	index  map[string]int
	sent   []time.Time
	ended  []time.Time
	ends   []chan struct{} // closed at the end of each
	failed int
	left   int
	done   chan struct{} // closed at the end of all
}

func newTracker(names []string) *tracker {
	t := &tracker{index: make(map[string]int, len(names)), sent: make([]time.Time, len(names)),
		ended: make([]time.Time, len(names)), ends: make([]chan struct{}, len(names)), left: len(names), done: make(chan struct{})}
	for i, name := range names {
		t.index[name] = i
		t.ends[i] = make(chan struct{})
	}
	return t
}

func (t *tracker) begin(i int) {
	t.lock.Lock()
	t.sent[i] = time.Now()
	t.lock.Unlock()
}

// end counts each name once, so a watch that was opened again may repeat events.
func (t *tracker) end(name string, succeeded bool) {
	now := time.Now()
	t.lock.Lock()
	defer t.lock.Unlock()
	i, known := t.index[name]
	if !known || !t.ended[i].IsZero() {
		return
	}
	t.ended[i] = now
	close(t.ends[i])
	if !succeeded {
		t.failed++
	}
	if t.left--; t.left == 0 {
		close(t.done)
	}
}

func runObjects(arguments []string) (any, error) {
	flags := flag.NewFlagSet("objects", flag.ExitOnError)
	kubeconfig := flags.String("kubeconfig", "", "file with the address and the credentials of the API server")
	path := flags.String("path", "", "path of the collection, such as /api/v1/namespaces/x/pods")
	kind := flags.String("kind", "", "how an end is recognised: pod, batch, vbrain; empty: only create")
	template := flags.String("template", "", "file with the JSON of an object; NAME in it is replaced")
	count := flags.Int("count", 1000, "number of objects")
	connections := flags.Int("connections", 32, "number of connections")
	closed := flags.Bool("closed", false, "each connection creates its next object when the one before has ended")
	timeout := flags.Duration("timeout", 5*time.Minute, "longest time until all have ended")
	agent := flags.String("user-agent", "vbrain-bench-load", "user agent, as the audit log shows it")
	if err := flags.Parse(arguments); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(*template)
	if err != nil {
		return nil, err
	}
	api, err := openServer(*kubeconfig)
	if err != nil {
		return nil, err
	}
	names := make([]string, *count)
	bodies := make([][]byte, *count)
	for i := range names {
		names[i] = newName()
		bodies[i] = []byte(strings.ReplaceAll(string(text), "NAME", names[i]))
	}
	track := newTracker(names)
	watcher := &watcher{api: api, path: *path, kind: *kind, agent: *agent, track: track}
	if *kind != "" {
		if err := watcher.open(); err != nil {
			return nil, err
		}
		go watcher.run()
	}
	headers := map[string]string{"Content-Type": "application/json", "User-Agent": *agent}
	url := api.config.Host + *path
	begin := time.Now()
	times, err := inParallel(*connections, *count, func(worker int) func(int) error {
		client := api.connection()
		return func(i int) error {
			track.begin(i)
			status, answer, err := send(client, "POST", url, headers, bodies[i])
			if err == nil && status != 201 {
				err = fmt.Errorf("POST %s: %d %s", *path, status, shorten(answer))
			}
			if err == nil && *closed {
				select {
				case <-track.ends[i]:
				case <-time.After(*timeout):
					err = fmt.Errorf("%s did not end within %s", names[i], *timeout)
				}
			}
			return err
		}
	})
	if err != nil {
		return nil, err
	}
	created := time.Since(begin)
	result := &objectsResult{Objects: *count, Connections: *connections, CreateS: created.Seconds(),
		CreatedPerS: float64(*count) / created.Seconds(), CreateP50Ms: percentile(times, 50), CreateP99Ms: percentile(times, 99)}
	if *kind == "" {
		result.WallS = created.Seconds()
		return result, nil
	}
	select {
	case <-track.done:
	case err := <-watcher.failed():
		return nil, err
	case <-time.After(*timeout):
	}
	return finish(result, track, begin)
}

func finish(result *objectsResult, track *tracker, begin time.Time) (any, error) {
	track.lock.Lock()
	defer track.lock.Unlock()
	var latencies []time.Duration
	last := begin
	for i, end := range track.ended {
		if end.IsZero() {
			continue
		}
		latencies = append(latencies, end.Sub(track.sent[i]))
		if end.After(last) {
			last = end
		}
	}
	result.Done = len(latencies)
	result.Failed = track.failed
	result.Watches = int(watches.Load())
	result.WallS = last.Sub(begin).Seconds()
	if result.Done > 0 {
		result.DonePerS = float64(result.Done) / result.WallS
		result.LatencyP50Ms = percentile(latencies, 50)
		result.LatencyP99Ms = percentile(latencies, 99)
	}
	return result, nil
}

// inParallel calls the functions of the workers with 0 to count-1 and returns how long each call took. The first error
// ends all.
func inParallel(workers, count int, start func(worker int) func(int) error) ([]time.Duration, error) {
	var next atomic.Int64
	var stop atomic.Bool
	times := make([]time.Duration, count)
	faults := make([]error, workers)
	var group sync.WaitGroup
	for worker := range workers {
		group.Add(1)
		go func() {
			defer group.Done()
			call := start(worker)
			for !stop.Load() {
				i := int(next.Add(1)) - 1
				if i >= count {
					return
				}
				begin := time.Now()
				if err := call(i); err != nil {
					faults[worker] = err
					stop.Store(true)
					return
				}
				times[i] = time.Since(begin)
			}
		}()
	}
	group.Wait()
	return times, errors.Join(faults...)
}

// percentile of the times in milliseconds. It sorts them.
func percentile(times []time.Duration, percent int) float64 {
	if len(times) == 0 {
		return 0
	}
	sort.Slice(times, func(a, b int) bool { return times[a] < times[b] })
	return float64(times[(len(times)-1)*percent/100].Microseconds()) / 1000
}
