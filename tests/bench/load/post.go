package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

type headerFlags map[string]string

func (h headerFlags) String() string { return "" }
func (h headerFlags) Set(text string) error {
	name, value, found := strings.Cut(text, ":")
	if !found {
		return fmt.Errorf("%q is not NAME: VALUE", text)
	}
	h[name] = strings.TrimSpace(value)
	return nil
}

// runPost sends the same request again and again over plain HTTP/1.1: the REST API of vBrain.
func runPost(arguments []string) (any, error) {
	flags := flag.NewFlagSet("post", flag.ExitOnError)
	headers := headerFlags{}
	flags.Var(headers, "header", "a header, NAME: VALUE; may be repeated")
	url := flags.String("url", "", "address")
	body := flags.String("body", "", "file with the body")
	count := flags.Int("count", 1000, "number of requests")
	connections := flags.Int("connections", 32, "number of connections")
	want := flags.Int("status", 201, "status of a good answer")
	if err := flags.Parse(arguments); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(*body)
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	times, err := inParallel(*connections, *count, func(int) func(int) error {
		client := oneConnection(nil)
		return func(int) error {
			status, answer, err := send(client, "POST", *url, headers, text)
			if err == nil && status != *want {
				err = fmt.Errorf("POST %s: %d %s", *url, status, shorten(answer))
			}
			return err
		}
	})
	if err != nil {
		return nil, err
	}
	took := time.Since(begin)
	return &objectsResult{Objects: *count, Connections: *connections, WallS: took.Seconds(), CreateS: took.Seconds(),
		CreatedPerS: float64(*count) / took.Seconds(), CreateP50Ms: percentile(times, 50), CreateP99Ms: percentile(times, 99)}, nil
}
