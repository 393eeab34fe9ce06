package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"
)

// watches counts the watches that were opened. The API server may close one under load.
var watches atomic.Int64

// object has the fields that show whether an object has ended.
type object struct {
	Metadata struct {
		Name            string `json:"name"`
		ResourceVersion string `json:"resourceVersion"`
	} `json:"metadata"`
	Status struct {
		Phase      string `json:"phase"`
		Conditions []struct {
			Type   string `json:"type"`
			Status string `json:"status"`
		} `json:"conditions"`
	} `json:"status"`
}

// ends says for each kind whether an object has ended, and whether it succeeded.
var ends = map[string]func(*object) (bool, bool){
	"pod": func(o *object) (bool, bool) {
		return o.Status.Phase == "Succeeded" || o.Status.Phase == "Failed", o.Status.Phase == "Succeeded"
	},
	"vbrain": func(o *object) (bool, bool) {
		return o.Status.Phase == "Finished" || o.Status.Phase == "Failed", o.Status.Phase == "Finished"
	},
	"batch": func(o *object) (bool, bool) {
		return hasCondition(o, "Complete") || hasCondition(o, "Failed"), hasCondition(o, "Complete")
	},
}

// selectors leave out of the watch what is not an end, so that counting costs little.
var selectors = map[string]string{
	"pod":    "status.phase!=Pending,status.phase!=Running",
	"vbrain": "status.phase!=Queued,status.phase!=Started",
	"batch":  "status.successful!=0",
}

func hasCondition(o *object, kind string) bool {
	for _, condition := range o.Status.Conditions {
		if condition.Type == kind && condition.Status == "True" {
			return true
		}
	}
	return false
}

type watcher struct {
	api     *server
	path    string
	kind    string
	agent   string
	track   *tracker
	version string
	stream  *http.Response
	fault   chan error
}

func (w *watcher) get(query url.Values) (*http.Response, error) {
	request, err := http.NewRequest("GET", w.api.config.Host+w.path+"?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("User-Agent", w.agent)
	request.Header.Set("Accept", "application/json")
	client := w.api.connection()
	for tries := 0; ; tries++ {
		answer, err := client.Do(request)
		if err != nil || answer.StatusCode == http.StatusOK {
			return answer, err
		}
		answer.Body.Close()
		// An API server that has just started answers 429 until its cache of these objects is filled.
		if answer.StatusCode != http.StatusTooManyRequests || tries == 100 {
			return nil, fmt.Errorf("GET %s: %s", w.path, answer.Status)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// list counts what has ended and remembers from where to watch.
func (w *watcher) list(query url.Values) error {
	answer, err := w.get(query)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	var found struct {
		Metadata struct {
			ResourceVersion string `json:"resourceVersion"`
		} `json:"metadata"`
		Items []object `json:"items"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&found); err != nil {
		return err
	}
	w.version = found.Metadata.ResourceVersion
	for i := range found.Items {
		w.note(&found.Items[i])
	}
	return nil
}

func (w *watcher) note(o *object) {
	if ended, succeeded := ends[w.kind](o); ended {
		w.track.end(o.Metadata.Name, succeeded)
	}
}

// open lists and opens the watch, so that no event after it is missed.
func (w *watcher) open() error {
	w.fault = make(chan error, 1)
	if ends[w.kind] == nil {
		return fmt.Errorf("unknown kind %q", w.kind)
	}
	// Nothing has ended yet, so one object is enough to know the version. All of them may be 100,000.
	if err := w.list(url.Values{"limit": {"1"}}); err != nil {
		return err
	}
	return w.watch()
}

func (w *watcher) watch() error {
	answer, err := w.get(url.Values{"watch": {"true"}, "allowWatchBookmarks": {"true"}, "resourceVersion": {w.version},
		"fieldSelector": {selectors[w.kind]}})
	if err == nil {
		w.stream = answer
		watches.Add(1)
	}
	return err
}

func (w *watcher) failed() <-chan error { return w.fault }

// run reads events until the program ends. A watch that ends is opened again where it ended, or after a new list.
func (w *watcher) run() {
	for {
		expired := w.read()
		w.stream.Body.Close()
		var err error
		if expired {
			err = w.list(url.Values{"fieldSelector": {selectors[w.kind]}})
		}
		if err == nil {
			err = w.watch()
		}
		if err != nil {
			w.fault <- err
			return
		}
	}
}

// read returns at the end of the stream; true if the watch has to begin with a list.
func (w *watcher) read() bool {
	decoder := json.NewDecoder(w.stream.Body)
	for {
		var event struct {
			Type   string `json:"type"`
			Object object `json:"object"`
		}
		if err := decoder.Decode(&event); err != nil {
			return false
		}
		if event.Type == "ERROR" {
			return true
		}
		w.version = event.Object.Metadata.ResourceVersion
		if event.Type != "DELETED" {
			w.note(&event.Object)
		}
	}
}
