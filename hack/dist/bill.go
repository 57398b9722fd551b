package main

import (
	"debug/buildinfo"
	"fmt"
	"io"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// writeBill writes the CycloneDX bill of materials of a program, from what Go's linker wrote into it: the modules whose code
// is in it, with their sums, and Go itself. It has no serial number and no time, so that the same program has the same one.
func writeBill(path, program, version string) error {
	built, err := buildinfo.ReadFile(program)
	if err != nil {
		return err
	}
	const self = "pkg:golang/github.com/mindebug/kubectl-mindebug"
	root := cdx.Component{
		BOMRef: self + "@" + version, Type: cdx.ComponentTypeApplication, Name: "kubectl-mindebug", Version: version,
		PackageURL: self + "@" + version, Licenses: &cdx.Licenses{{License: &cdx.License{ID: "Apache-2.0"}}},
	}
	var components []cdx.Component
	var refs []string
	add := func(name, version, sum string) {
		url := fmt.Sprintf("pkg:golang/%s@%s", name, version)
		c := cdx.Component{BOMRef: url, Type: cdx.ComponentTypeLibrary, Name: name, Version: version, PackageURL: url}
		if sum != "" { // go.sum's own form, which is no plain SHA-256
			c.Properties = &[]cdx.Property{{Name: "go:sum", Value: sum}}
		}
		components, refs = append(components, c), append(refs, url)
	}
	add("std", built.GoVersion, "")
	for _, m := range built.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		add(m.Path, m.Version, m.Sum)
	}
	var settings []cdx.Property
	for _, s := range built.Settings {
		settings = append(settings, cdx.Property{Name: "go:build:" + s.Key, Value: s.Value})
	}
	bom := cdx.NewBOM()
	bom.SerialNumber = ""
	bom.Metadata = &cdx.Metadata{Component: &root, Properties: &settings}
	bom.Components = &components
	bom.Dependencies = &[]cdx.Dependency{{Ref: root.BOMRef, Dependencies: &refs}}
	return create(path, func(out io.Writer) error {
		return cdx.NewBOMEncoder(out, cdx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false).EncodeVersion(bom, cdx.SpecVersion1_6)
	})
}
