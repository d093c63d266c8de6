// Sets image tags in YAML files as image-automation-controller does: with kyaml, which reads and writes the files.
//
//	setter FOLDER NAMESPACE:NAME=IMAGE:TAG[@DIGEST] ...
//
// Each marked scalar below FOLDER gets its policy's value; only files in which a value changes are written. The
// paths of these go to stdout, those of files that kyaml cannot read to stderr.
//
// The controller's module is not used: it brings Kubernetes' client with it, and what it adds to kyaml is short.
package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/kube-openapi/pkg/validation/spec"
	"sigs.k8s.io/kustomize/kyaml/fieldmeta"
	"sigs.k8s.io/kustomize/kyaml/kio"
	"sigs.k8s.io/kustomize/kyaml/kio/kioutil"
	"sigs.k8s.io/kustomize/kyaml/openapi"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

const token = `"$imagepolicy"`

func main() {
	fieldmeta.SetShortHandRef("$imagepolicy")
	openapi.SuppressBuiltInSchemaUse()
	if err := run(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(root string, policies []string) error {
	setters, err := values(policies)
	if err != nil {
		return err
	}
	var schema spec.Schema
	schema.Definitions = spec.Definitions{}
	for name := range setters {
		schema.Definitions[fieldmeta.SetterDefinitionPrefix+name] = *spec.StringProperty()
	}
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !isYAML(path) {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(text, []byte(token)) {
			return err
		}
		relative, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		reader := kio.ByteReader{
			Reader:            bytes.NewReader(text),
			SetAnnotations:    map[string]string{kioutil.PathAnnotation: relative},
			PreserveSeqIndent: true,
		}
		nodes, err := reader.Read()
		if err != nil {
			fmt.Fprintln(os.Stderr, "cannot be read:", relative)
			return nil
		}
		changed := false
		for _, node := range nodes {
			if err := visit(node, &schema, setters, &changed); err != nil {
				return err
			}
		}
		if !changed {
			return nil
		}
		fmt.Println(relative)
		return kio.LocalPackageWriter{PackagePath: root}.Write(nodes)
	})
}

func isYAML(path string) bool {
	extension := filepath.Ext(path)
	return extension == ".yaml" || extension == ".yml" || filepath.Base(path) == "Kustomization"
}

// values gives each setter, `NAMESPACE:NAME` and its parts, the value that it sets.
func values(policies []string) (map[string]string, error) {
	setters := map[string]string{}
	for _, policy := range policies {
		name, image, ok := strings.Cut(policy, "=")
		if !ok {
			return nil, fmt.Errorf("no image in %q", policy)
		}
		whole, digest, _ := strings.Cut(image, "@")
		colon := strings.LastIndex(whole, ":")
		if colon < 0 {
			return nil, fmt.Errorf("no tag in %q", policy)
		}
		setters[name] = image
		setters[name+":name"] = whole[:colon]
		setters[name+":tag"] = whole[colon+1:]
		setters[name+":digest"] = digest
	}
	return setters, nil
}

func visit(node *yaml.RNode, schema *spec.Schema, setters map[string]string, changed *bool) error {
	switch node.YNode().Kind {
	case yaml.MappingNode:
		return node.VisitFields(func(field *yaml.MapNode) error {
			return visit(field.Value, schema, setters, changed)
		})
	case yaml.SequenceNode:
		return node.VisitElements(func(item *yaml.RNode) error {
			return visit(item, schema, setters, changed)
		})
	case yaml.ScalarNode:
		meta := fieldmeta.FieldMeta{SettersSchema: schema}
		if err := meta.Read(node); err != nil || meta.IsEmpty() {
			return nil
		}
		reference := meta.Schema.Ref.String()
		name, ok := strings.CutPrefix(reference, fieldmeta.DefinitionsPrefix+fieldmeta.SetterDefinitionPrefix)
		value, known := setters[name]
		if !ok || !known {
			return nil
		}
		*changed = *changed || node.YNode().Value != value
		node.YNode().Value = value
		yaml.FormatNonStringStyle(node.YNode(), *spec.StringProperty())
	}
	return nil
}
