package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	yaml "sigs.k8s.io/yaml/goyaml.v3" // it tells lines; what it stands for would be one direct require more

	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/near"
)

// File is the user's own configuration file.
type File struct {
	Path     string
	all      Layer
	contexts map[string]Layer
}

// ReadFile reads the user's own file; where there is none it is nil. The error is a *fault.BadSetting.
func ReadFile(path string) (*File, error) {
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, &fault.BadSetting{Where: path, Reason: err.Error()}
	}
	return parseFile(path, text)
}

// Layer is what the file sets for a context of the kubeconfig: first what it says of that context, then of all.
func (f *File) Layer(context string) Layer {
	if f == nil {
		return nil
	}
	return Settle(f.contexts[context], f.all)
}

// entry is a key of a mapping and its value, each at its line.
type entry struct {
	key   string
	line  int
	value *yaml.Node
}

func parseFile(path string, text []byte) (*File, error) {
	f := &File{Path: path, all: Layer{}, contexts: map[string]Layer{}}
	fail := func(line int, format string, args ...any) *fault.BadSetting {
		return &fault.BadSetting{Where: fmt.Sprintf("%s:%d", path, line), Reason: fmt.Sprintf(format, args...)}
	}
	root, err := document(text)
	if err != nil {
		return nil, &fault.BadSetting{Where: path, Reason: err.Error()}
	}
	entries, err := mapping(root)
	if err != nil {
		return nil, fail(root.Line, "%v", err)
	}
	version := false
	for _, e := range entries {
		switch e.key {
		case "apiVersion":
			if version = e.value.Value == APIVersion; !version {
				return nil, fail(e.line, "apiVersion is %q, and this program knows %s", e.value.Value, APIVersion)
			}
		case "kind":
			if e.value.Value != "Config" {
				return nil, fail(e.line, "kind is %q, and not Config", e.value.Value)
			}
		case "contexts":
			contexts, err := mapping(e.value)
			if err != nil {
				return nil, fail(e.line, "contexts: %v", err)
			}
			for _, c := range contexts {
				settings, err := mapping(c.value)
				if err != nil {
					return nil, fail(c.line, "context %q: %v", c.key, err)
				}
				l := Layer{}
				for _, s := range settings {
					if err := put(l, s, path, " (context "+c.key+")", nil); err != nil {
						return nil, err
					}
				}
				f.contexts[c.key] = l
			}
		default:
			if err := put(f.all, e, path, "", []string{"apiVersion", "kind", "contexts"}); err != nil {
				return nil, err
			}
		}
	}
	if !version {
		return nil, fail(root.Line, "apiVersion is missing: the file begins with apiVersion: %s", APIVersion)
	}
	return f, nil
}

// put adds an entry of the user's file to a layer. Others are keys that could stand in its place, too.
func put(l Layer, e entry, path, note string, others []string) error {
	where := fmt.Sprintf("%s:%d", path, e.line)
	s, known := find(Key(e.key))
	if !known {
		for _, key := range Keys() {
			others = append(others, string(key))
		}
		return &fault.BadSetting{Where: where, Reason: fmt.Sprintf("there is no setting %q", e.key), Near: near.Names(e.key, others)}
	}
	if e.value.Kind != yaml.ScalarNode {
		return &fault.BadSetting{Where: where, Reason: fmt.Sprintf("%s is not one value", e.key)}
	}
	if err := s.check(e.value.Value); err != nil {
		return &fault.BadSetting{Where: where, Reason: fmt.Sprintf("%s: %v", e.key, err)}
	}
	l[s.key] = Value{e.value.Value, path + note}
	return nil
}

// document returns the only document of a YAML text.
func document(text []byte) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var doc, more yaml.Node
	switch err := decoder.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, errors.New("it is empty")
	case err != nil:
		return nil, errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if err := decoder.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, errors.New("it has more than one YAML document")
	}
	return doc.Content[0], nil
}

// mapping returns the entries of a node that is one.
func mapping(n *yaml.Node) (entries []entry, err error) {
	if n.Kind != yaml.MappingNode {
		return nil, errors.New("it is no mapping of keys to values")
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode || seen[key.Value] {
			return nil, fmt.Errorf("line %d: a key is there twice, or is no word", key.Line)
		}
		seen[key.Value] = true
		entries = append(entries, entry{key.Value, key.Line, n.Content[i+1]})
	}
	return entries, nil
}
