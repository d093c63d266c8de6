package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/fluxcd/pkg/kustomize"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// What the Kustomization of a repository applies: the answer for the path `./` unless its spec says another.
type buildAnswer struct {
	Name string `json:"name"`
	// Why it cannot be built.
	Error string `json:"error,omitempty"`
	// Why it cannot be built where variables without a value are refused.
	Strict  string           `json:"strict,omitempty"`
	Objects []map[string]any `json:"objects,omitempty"`
}

// Reads files of repositories: `=== NAME` begins one, `-- PATH --` a file of it; `flux.yaml` is the spec of the
// Flux Kustomization.
func buildAnswers(paths []string) any {
	var answers []buildAnswer
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			panic(err)
		}
		for _, part := range strings.Split("\n"+string(text), "\n=== ")[1:] {
			name, body, _ := strings.Cut(part, "\n")
			answers = append(answers, buildOne(strings.TrimSpace(name), body))
		}
	}
	return answers
}

func buildOne(name, body string) buildAnswer {
	answer := buildAnswer{Name: name}
	root, err := os.MkdirTemp("", "oracle")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(root)
	spec := map[string]any{}
	for _, part := range strings.Split("\n"+body, "\n-- ")[1:] {
		path, text, _ := strings.Cut(part, " --\n")
		text += "\n"
		if path == "flux.yaml" {
			if err := yaml.Unmarshal([]byte(text), &spec); err != nil {
				panic(name + ": " + err.Error())
			}
			continue
		}
		if path == "empty" {
			continue
		}
		place := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(place), 0o755); err != nil {
			panic(err)
		}
		if err := os.WriteFile(place, []byte(text), 0o644); err != nil {
			panic(err)
		}
	}
	object := unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
		"metadata": map[string]any{"name": "test", "namespace": "flux-system"},
		"spec":     spec,
	}}
	path, _ := spec["path"].(string)
	folder := filepath.Join(root, path)
	fail := func(err error) string {
		return strings.ReplaceAll(err.Error(), root, "")
	}
	if _, err := os.Stat(folder); err != nil {
		answer.Error = "kustomization path not found"
		return answer
	}
	if _, err := kustomize.NewGeneratorWithIgnore(root, "", object).WriteFile(folder); err != nil {
		answer.Error = fail(err)
		return answer
	}
	for _, strict := range []bool{false, true} {
		built, err := kustomize.SecureBuild(root, folder, false)
		if err != nil {
			answer.Error = fail(err)
			return answer
		}
		var objects []map[string]any
		for _, res := range built.Resources() {
			if spec["postBuild"] != nil {
				substitute, _ := spec["postBuild"].(map[string]any)
				always := substitute["substituteStrategy"] == "Always"
				done, err := kustomize.SubstituteVariables(context.Background(), nil, object, res,
					kustomize.SubstituteWithDryRun(true), kustomize.SubstituteWithStrict(strict), kustomize.SubstituteWithAlways(always))
				if err != nil {
					if strict {
						answer.Strict = fail(err)
						return answer
					}
					answer.Error = fail(err)
					return answer
				}
				if done != nil {
					res = done
				}
			}
			text, err := res.MarshalJSON()
			if err != nil {
				answer.Error = fmt.Sprint("marshal: ", err)
				return answer
			}
			var one map[string]any
			if err := json.Unmarshal(text, &one); err != nil {
				panic(err)
			}
			objects = append(objects, one)
		}
		if !strict {
			answer.Objects = objects
		}
	}
	return answer
}
