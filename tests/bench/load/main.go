// Command load is the client of the benchmark. Each subcommand prints one JSON object on stdout.
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

var commands = map[string]func([]string) (any, error){
	"objects":   runObjects,
	"informers": runInformers,
	"post":      runPost,
	"get":       runGet,
	"known":     runKnown,
}

func main() {
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: load objects|informers|post|get|known [flags]   (--help shows the flags)")
		os.Exit(2)
	}
	result, err := commands[os.Args[1]](os.Args[2:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
	if result == nil {
		return
	}
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}
