package main

import (
	"os"
	"path"
	"testing"

	"sigs.k8s.io/yaml"
)

// TestManifest: krew.yaml is the template, filled in with a version and the sums of its archives.
func TestManifest(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../krew.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if found := faults(text, "mindebug.yaml"); len(found) > 0 {
		t.Errorf("krew refuses it: %q", found)
	}
	var m manifest
	if err := yaml.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	sums := map[string]string{}
	for _, p := range m.Spec.Platforms {
		sums[path.Base(p.URI)] = p.Sha256
	}
	filled, err := fill(krewTemplate(t), m.Spec.Version, func(name string) (string, error) { return sums[name], nil })
	if err != nil {
		t.Fatal(err)
	}
	if string(filled) != string(text) {
		t.Error("krew.yaml is not what .krew.yaml becomes: make krew RELEASE=" + m.Spec.Version)
	}
	distinct := map[string]bool{}
	for _, sum := range sums {
		distinct[sum] = true
	}
	if len(distinct) != len(platforms) {
		t.Errorf("%d sums of %d archives", len(distinct), len(platforms))
	}
}
