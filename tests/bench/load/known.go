package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// model is a Job that has ended, with the small files of its folder. NAME and UID in the texts are replaced.
type model struct {
	Resource string            `json:"resource"`
	Status   string            `json:"status"`
	Files    map[string]string `json:"files"` // by path from its folder
}

// runKnown creates copies of a Job that has ended: the resource, its status, its folder. No controller may run meanwhile.
func runKnown(arguments []string) (any, error) {
	flags := flag.NewFlagSet("known", flag.ExitOnError)
	kubeconfig := flags.String("kubeconfig", "", "file with the address and the credentials of the API server")
	path := flags.String("path", "", "path of the collection")
	file := flags.String("model", "", "file with the JSON of a model: resource, status, files")
	folder := flags.String("folder", "", "folder of the tenant's jobs on the volume")
	count := flags.Int("count", 1000, "number of Jobs")
	connections := flags.Int("connections", 16, "number of connections")
	if err := flags.Parse(arguments); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(*file)
	if err != nil {
		return nil, err
	}
	var like model
	if err := json.Unmarshal(text, &like); err != nil {
		return nil, err
	}
	api, err := openServer(*kubeconfig)
	if err != nil {
		return nil, err
	}
	url := api.config.Host + *path
	begin := time.Now()
	_, err = inParallel(*connections, *count, func(int) func(int) error {
		client := api.connection()
		return func(int) error {
			name := newName()
			put := func(method, url, kind, body string, want int) (string, error) {
				status, answer, err := send(client, method, url, map[string]string{"Content-Type": kind}, []byte(body))
				if err == nil && status != want {
					err = fmt.Errorf("%s %s: %d %s", method, url, status, shorten(answer))
				}
				var made struct {
					Metadata struct {
						UID string `json:"uid"`
					} `json:"metadata"`
				}
				if err == nil {
					err = json.Unmarshal(answer, &made)
				}
				return made.Metadata.UID, err
			}
			uid, err := put("POST", url, "application/json", strings.ReplaceAll(like.Resource, "NAME", name), 201)
			if err != nil {
				return err
			}
			replaced := strings.NewReplacer("NAME", name, "UID", uid)
			status := replaced.Replace(like.Status)
			if _, err := put("PATCH", url+"/"+name+"/status", "application/merge-patch+json", status, 200); err != nil {
				return err
			}
			for part, content := range like.Files {
				target := filepath.Join(*folder, name, replaced.Replace(part))
				if err := os.MkdirAll(filepath.Dir(target), 0o770); err != nil {
					return err
				}
				if err := os.WriteFile(target, []byte(replaced.Replace(content)), 0o660); err != nil {
					return err
				}
			}
			return nil
		}
	})
	if err != nil {
		return nil, err
	}
	return map[string]any{"objects": *count, "wall_s": time.Since(begin).Seconds()}, nil
}
