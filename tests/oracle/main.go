// Asks the Go modules that Flux's controllers are built from, and prints their answers as JSON.
//
//	oracle envsubst              what fluxcd/pkg/envsubst makes of each text of envsubst.go
//	oracle build FILE ...        what the Kustomization of each repository in the files applies, by fluxcd/pkg/kustomize
//
// The answers are committed below tests/facts, so that the tests need no Go.
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "oracle envsubst | build FILE ...")
		os.Exit(2)
	}
	var answers any
	switch os.Args[1] {
	case "envsubst":
		answers = envsubstAnswers()
	case "build":
		answers = buildAnswers(os.Args[2:])
	default:
		fmt.Fprintln(os.Stderr, "unknown question", os.Args[1])
		os.Exit(2)
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(answers); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
