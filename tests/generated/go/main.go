// What tests/generated/README.md says, with the client that openapi-generator made for Go.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strings"

	"vbrain.test/generated/vbrain"
)

func must[T any](value T, answer *http.Response, err error) T {
	if err != nil {
		var refusal *vbrain.GenericOpenAPIError
		if errors.As(err, &refusal) {
			log.Panicf("%v: %s", err, refusal.Body())
		}
		log.Panic(err)
	}
	return value
}

func content(file *os.File) []byte {
	all, err := io.ReadAll(file)
	if err != nil {
		log.Panic(err)
	}
	file.Close()
	os.Remove(file.Name())
	return all
}

// The functions of the client read the whole answer before they return. builder keeps the request that they make, and sends nothing.
type builder struct{ request *http.Request }

var errNotSent = errors.New("the request is only built")

func (b *builder) RoundTrip(request *http.Request) (*http.Response, error) {
	b.request = request
	return nil, errNotSent
}

// opened sends the request that `call` makes with the generated client, and returns the answer while it comes.
func opened(configuration vbrain.Configuration, call func(client *vbrain.APIClient) error) *http.Response {
	var built builder
	configuration.HTTPClient = &http.Client{Transport: &built}
	if err := call(vbrain.NewAPIClient(&configuration)); !errors.Is(err, errNotSent) {
		log.Panic(err)
	}
	answer, err := http.DefaultClient.Do(built.request)
	if err != nil || answer.StatusCode != http.StatusOK {
		log.Panic(answer, err)
	}
	return answer
}

func main() {
	keys := map[string]vbrain.APIKey{"x-api-key": {Key: os.Getenv("VBRAIN_API_KEY")}}
	for _, name := range []string{"username", "organization_id", "application_id", "client_id"} {
		keys[name] = vbrain.APIKey{Key: os.Getenv("VBRAIN_" + strings.ToUpper(name))}
	}
	identity := context.WithValue(context.Background(), vbrain.ContextAPIKeys, keys)
	configuration := vbrain.NewConfiguration()
	configuration.Servers = vbrain.ServerConfigurations{{URL: os.Getenv("VBRAIN_URL") + "/api/v1"}}
	client := vbrain.NewAPIClient(configuration)
	jobs, results, repositories := client.JobsAPI, client.ResultsAPI, client.RepositoriesAPI
	seen := map[string]any{}

	ended := func(job string) *vbrain.Job {
		for {
			info := must(jobs.GetJob(identity, job).Wait(50).Execute())
			if info.JobStatus == vbrain.FINISHED || info.JobStatus == vbrain.FAILED {
				return info
			}
		}
	}

	if err := os.WriteFile("numbers.csv", []byte("a,b\n10,20\n"), 0o600); err != nil {
		log.Panic(err)
	}
	table, err := os.Open("numbers.csv")
	if err != nil {
		log.Panic(err)
	}
	// The client for Go sends no objects in forms, so the repository has no metadata.
	repository := must(repositories.CreateRepository(identity).File(table).Execute()).RepositoryId
	described := must(repositories.GetRepository(identity, repository).Execute())
	seen["repository"] = []any{described.Name, described.Input, described.CreatedBy}
	seen["uploaded"] = string(content(must(repositories.DownloadRepositoryInputFile(identity, repository, "numbers.csv").Execute())))

	key := os.Getenv("VBRAIN_KEY")
	job := must(jobs.ExecuteJob(identity).RepositoryId(repository).IdempotencyKey(key).Execute()).JobId
	seen["replayed"] = must(jobs.ExecuteJob(identity).RepositoryId(repository).IdempotencyKey(key).Execute()).JobId == job

	// Suspended, the job cannot end before its first event has come.
	must(jobs.SuspendJob(identity, job).Execute())
	stream := opened(*configuration, func(client *vbrain.APIClient) error {
		_, _, err := client.JobsAPI.StreamJobEvents(identity, job).Execute()
		return err
	})
	var event vbrain.JobEvent
	events := 0
	lines := bufio.NewScanner(stream.Body)
	for lines.Scan() {
		if data, found := strings.CutPrefix(lines.Text(), "data:"); found {
			if err := json.Unmarshal([]byte(data), &event); err != nil || event.JobId != job {
				log.Panic(err, event.JobId)
			}
			if events++; events == 1 {
				must(jobs.ResumeJob(identity, job).Execute())
			}
		}
	}
	stream.Body.Close()
	if lines.Err() != nil || events < 2 {
		log.Panic("no event came before the end: ", events, lines.Err())
	}
	seen["last_event"] = event.JobStatus

	info := ended(job)
	seen["job"] = []any{info.JobStatus, info.GetReason(), info.RepositoryId == repository}
	seen["output"] = must(results.GetJobResult(identity, job).Wait(50).Execute()).Output
	listed := must(jobs.ListJobs(identity).RepositoryId(repository).Execute())
	seen["jobs"] = len(listed) == 1 && listed[0].String != nil && *listed[0].String == job
	seen["role"] = must(client.TenantAPI.GetUsage(identity).Execute()).Role

	whole := content(must(results.DownloadJobOutput(identity, job).Execute()))
	begun := opened(*configuration, func(client *vbrain.APIClient) error {
		_, _, err := client.ResultsAPI.DownloadJobOutput(identity, job).Execute()
		return err
	})
	first := make([]byte, 40)
	if _, err := io.ReadFull(begun.Body, first); err != nil {
		log.Panic(err)
	}
	begun.Body.Close()
	etag := begun.Header.Get("ETag")
	file, answer, err := results.DownloadJobOutput(identity, job).Range_("bytes=40-").IfRange(etag).Execute()
	rest := content(must(file, answer, err))
	seen["resumed"] = []any{answer.StatusCode, len(first) == 40 && bytes.Equal(append(first, rest...), whole)}
	seen["file"] = string(content(must(results.DownloadJobOutputFile(identity, job, "product.txt").Execute())))

	params := []map[string]any{{"a": 3, "b": 4}, {"a": 5, "b": 6}}
	batch := []any{}
	for _, each := range must(jobs.ExecuteBatch(identity).RepositoryId(repository).Batch(*vbrain.NewBatch(params)).Execute()).JobIds {
		ended(each)
		batch = append(batch, must(results.GetJobResult(identity, each).Wait(50).Execute()).Output)
	}
	seen["batch"] = batch

	must(repositories.DeleteRepository(identity, repository).Execute())
	_, answer, err = jobs.GetJob(identity, job).Execute()
	var refusal *vbrain.GenericOpenAPIError
	if !errors.As(err, &refusal) || answer.StatusCode != http.StatusNotFound {
		log.Panic(err)
	}
	seen["refusal"] = refusal.Model().(vbrain.Error).Error
	text, err := json.Marshal(seen)
	if err != nil {
		log.Panic(err)
	}
	fmt.Println(string(text))
}
