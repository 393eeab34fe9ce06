// What tests/generated/README.md says, with the client that openapi-generator made for Go.
package main

import (
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

	// The client returns the stream when it has ended, with the job.
	var event vbrain.JobEvent
	for _, line := range strings.Split(must(jobs.StreamJobEvents(identity, job).Execute()), "\n") {
		if data, found := strings.CutPrefix(line, "data:"); found {
			if err := json.Unmarshal([]byte(data), &event); err != nil || event.JobId != job {
				log.Panic(err, event.JobId)
			}
		}
	}
	seen["last_event"] = event.JobStatus

	info := ended(job)
	seen["job"] = []any{info.JobStatus, info.GetReason(), info.RepositoryId == repository}
	seen["output"] = must(results.GetJobResult(identity, job).Wait(50).Execute()).Output
	listed := must(jobs.ListJobs(identity).RepositoryId(repository).Execute())
	seen["jobs"] = len(listed) == 1 && listed[0].String != nil && *listed[0].String == job
	seen["role"] = must(client.TenantAPI.GetUsage(identity).Execute()).Role

	whole := content(must(results.DownloadJobOutput(identity, job).Execute()))
	// The client returns nothing of an answer that was cut, so the first part is asked for as one.
	file, answer, err := results.DownloadJobOutput(identity, job).Range_("bytes=0-39").Execute()
	first, etag := content(must(file, answer, err)), answer.Header.Get("ETag")
	file, answer, err = results.DownloadJobOutput(identity, job).Range_("bytes=40-").IfRange(etag).Execute()
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
