package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// model is what belongs to a Job that exists. Copies of it get other ids of the same length, so that also a pod, which
// etcd holds as protobuf, can be copied.
type model struct {
	Keys    []string          `json:"keys"`    // of its objects in etcd
	IDs     []string          `json:"ids"`     // of the Job, and what else differs between two such Jobs: UUIDs
	Folders []string          `json:"folders"` // by path from the folder of the tenant's jobs; parents first
	Files   map[string]string `json:"files"`   // the same
}

// etcd is the JSON gateway of etcd (etcd docs, "gRPC gateway"). Its keys and values are in base64, as Go has it for []byte.
type etcd struct {
	client *http.Client
	url    string
}

type keyValue struct {
	Key   []byte `json:"key"`
	Value []byte `json:"value,omitempty"`
}

func (e *etcd) call(what string, request, answer any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	status, text, err := send(e.client, "POST", e.url+"/v3/kv/"+what, map[string]string{"Content-Type": "application/json"}, body)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("etcd, %s: %d %s", what, status, shorten(text))
	}
	return json.Unmarshal(text, answer)
}

func (e *etcd) get(key string) ([]byte, error) {
	var found struct {
		Kvs []keyValue `json:"kvs"`
	}
	if err := e.call("range", keyValue{Key: []byte(key)}, &found); err != nil {
		return nil, err
	}
	if len(found.Kvs) != 1 {
		return nil, fmt.Errorf("etcd does not have %s", key)
	}
	return found.Kvs[0].Value, nil
}

func (e *etcd) put(key, value string) error {
	return e.call("put", keyValue{Key: []byte(key), Value: []byte(value)}, &struct{}{})
}

// runKnown copies a Job: its objects by writing them into etcd, because the API server takes 20 times as long, and its files. No
// controller may run meanwhile. Without --etcd only the files are copied.
func runKnown(arguments []string) (any, error) {
	flags := flag.NewFlagSet("known", flag.ExitOnError)
	address := flags.String("etcd", "", "address of etcd, http://HOST:PORT")
	file := flags.String("model", "", "file with the JSON of a model: keys, ids, folders, files")
	folder := flags.String("folder", "", "folder of the tenant's jobs on the volume")
	count := flags.Int("count", 1000, "number of copies")
	connections := flags.Int("connections", 32, "number of connections")
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
	objects := map[string]string{}
	if *address != "" {
		source := &etcd{oneConnection(nil), *address}
		for _, key := range like.Keys {
			value, err := source.get(key)
			if err != nil {
				return nil, err
			}
			objects[key] = string(value)
		}
	}
	begin := time.Now()
	_, err = inParallel(*connections, *count, func(int) func(int) error {
		target := &etcd{oneConnection(nil), *address}
		return func(int) error {
			var others []string
			for _, id := range like.IDs {
				others = append(others, id, newName())
			}
			replaced := strings.NewReplacer(others...)
			for _, part := range like.Folders {
				if err := os.Mkdir(filepath.Join(*folder, replaced.Replace(part)), 0o770); err != nil {
					return err
				}
			}
			for part, content := range like.Files {
				if err := os.WriteFile(filepath.Join(*folder, replaced.Replace(part)), []byte(replaced.Replace(content)), 0o660); err != nil {
					return err
				}
			}
			for key, value := range objects {
				if err := target.put(replaced.Replace(key), replaced.Replace(value)); err != nil {
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
