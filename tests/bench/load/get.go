package main

import (
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"net/http"
	"time"
)

type getResult struct {
	Requests    int     `json:"requests"`
	Connections int     `json:"connections"`
	Bytes       int64   `json:"bytes"`
	WallS       float64 `json:"wall_s"`
	MBPerS      float64 `json:"mb_per_s"` // 10^6 bytes
	PerS        float64 `json:"per_s"`
	P50Ms       float64 `json:"p50_ms"`
	P99Ms       float64 `json:"p99_ms"`
}

// runGet downloads a large file again and again and drops it. Its buffers are large, so that the server is the measure.
func runGet(arguments []string) (any, error) {
	flags := flag.NewFlagSet("get", flag.ExitOnError)
	headers := headerFlags{}
	flags.Var(headers, "header", "a header, NAME: VALUE; may be repeated")
	url := flags.String("url", "", "address")
	count := flags.Int("count", 1, "number of requests")
	connections := flags.Int("connections", 1, "number of connections")
	if err := flags.Parse(arguments); err != nil {
		return nil, err
	}
	sizes := make([]int64, *count)
	begin := time.Now()
	times, err := inParallel(*connections, *count, func(int) func(int) error {
		client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1, ReadBufferSize: 256 << 10, DisableCompression: true,
			TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{}}}
		buffer := make([]byte, 256<<10)
		return func(i int) error {
			request, err := http.NewRequest("GET", *url, nil)
			if err != nil {
				return err
			}
			for name, value := range headers {
				request.Header.Set(name, value)
			}
			answer, err := client.Do(request)
			if err != nil {
				return err
			}
			defer answer.Body.Close()
			if answer.StatusCode != http.StatusOK {
				return fmt.Errorf("GET %s: %s", *url, answer.Status)
			}
			// Not io.Discard alone: it would choose small buffers.
			sizes[i], err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{answer.Body}, buffer)
			return err
		}
	})
	if err != nil {
		return nil, err
	}
	took := time.Since(begin).Seconds()
	result := &getResult{Requests: *count, Connections: *connections, WallS: took, PerS: float64(*count) / took,
		P50Ms: percentile(times, 50), P99Ms: percentile(times, 99)}
	for _, size := range sizes {
		result.Bytes += size
	}
	result.MBPerS = float64(result.Bytes) / 1e6 / took
	return result, nil
}
