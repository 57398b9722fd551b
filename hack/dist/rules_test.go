package main

import (
	"fmt"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// manifest is what krew reads (its API version v1alpha2).
type manifest struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Spec struct {
		Version          string          `json:"version"`
		ShortDescription string          `json:"shortDescription"`
		Description      string          `json:"description"`
		Caveats          string          `json:"caveats"`
		Homepage         string          `json:"homepage"`
		Platforms        []krewsPlatform `json:"platforms"`
	} `json:"spec"`
}

type krewsPlatform struct {
	URI      string `json:"uri"`
	Sha256   string `json:"sha256"`
	Selector struct {
		MatchLabels map[string]string `json:"matchLabels"`
	} `json:"selector"`
	Files []struct{ From, To string } `json:"files"`
	Bin   string                      `json:"bin"`
}

func (p krewsPlatform) String() string {
	return p.Selector.MatchLabels["os"] + "/" + p.Selector.MatchLabels["arch"]
}

var (
	names   = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	digests = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// faults are the rules of krew, and of krew-index, that a manifest of this file name breaks.
func faults(text []byte, file string) (found []string) {
	fault := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	var m manifest
	if err := yaml.UnmarshalStrict(text, &m); err != nil {
		return []string{err.Error()}
	}
	if m.APIVersion != "krew.googlecontainertools.github.com/v1alpha2" || m.Kind != "Plugin" {
		fault("type %s %s", m.APIVersion, m.Kind)
	}
	if !names.MatchString(m.Metadata.Name) || m.Metadata.Name+".yaml" != file {
		fault("name %q in %s", m.Metadata.Name, file)
	}
	if !isVersion(m.Spec.Version) {
		fault("version %q", m.Spec.Version)
	}
	short := m.Spec.ShortDescription
	if short == "" || len(short) > 50 || strings.ContainsAny(short, "\r\n") || strings.HasSuffix(short, ".") {
		fault("short description %q", short)
	}
	if m.Spec.Description == "" || !strings.HasPrefix(m.Spec.Homepage, "https://") {
		fault("description %q, homepage %q", m.Spec.Description, m.Spec.Homepage)
	}
	var seen []string
	for _, p := range m.Spec.Platforms {
		if slices.Contains(seen, p.String()) || len(p.Selector.MatchLabels) != 2 {
			fault("selector %v", p.Selector)
		}
		seen = append(seen, p.String())
		found = append(found, faultsOfPlatform(p)...)
	}
	var all []string
	for _, p := range platforms {
		all = append(all, p.String())
	}
	if !slices.Equal(all, seen) {
		fault("platforms %q; want %q", seen, all)
	}
	return found
}

func faultsOfPlatform(p krewsPlatform) (found []string) {
	fault := func(format string, args ...any) { found = append(found, p.String()+": "+fmt.Sprintf(format, args...)) }
	ending, program := ".tar.gz", "kubectl-mindebug"
	if p.Selector.MatchLabels["os"] == "windows" {
		ending, program = ".zip", "kubectl-mindebug.exe"
	}
	if !strings.HasPrefix(p.URI, "https://") || !strings.HasSuffix(p.URI, ending) {
		fault("uri %q", p.URI)
	}
	if !digests.MatchString(p.Sha256) {
		fault("sha256 %q", p.Sha256)
	}
	var from []string
	for _, f := range p.Files {
		from = append(from, f.From)
		for _, name := range []string{f.From, f.To} {
			if name == "" || path.Clean(name) != name || path.IsAbs(name) || name == ".." || strings.HasPrefix(name, "../") || strings.Contains(name, `\`) {
				fault("path %q is not a clean one below the archive", name)
			}
		}
	}
	if !slices.Contains(from, "LICENSE") || !slices.Contains(from, p.Bin) || p.Bin != program {
		fault("bin %q, files %q", p.Bin, from)
	}
	return found
}

// krewTemplate is .krew.yaml.
func krewTemplate(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../.krew.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestTemplate: what the template becomes keeps all rules, and each rule is one that can be broken.
func TestTemplate(t *testing.T) {
	t.Parallel()
	filled, err := fill(krewTemplate(t), "v1.2.3", func(string) (string, error) { return strings.Repeat("ab01", 16), nil })
	if err != nil {
		t.Fatal(err)
	}
	if found := faults(filled, "mindebug.yaml"); len(found) > 0 {
		t.Fatalf("the template becomes a manifest that krew refuses: %q\n%s", found, filled)
	}
	if found := faults(filled, "krew-plugin.yaml"); len(found) != 1 {
		t.Errorf("a file that has not the plugin's name: %q", found)
	}
	for _, change := range [][2]string{
		{"v1alpha2", "v1alpha3"},
		{"kind: Plugin", "kind: Addon"},
		{"name: mindebug", "name: kubectl_MinDebug"},
		{"version: v1.2.3", "version: 1.2.3"},
		{"version: v1.2.3", "version: v1.2"},
		{"shortDescription: Debug", "shortDescription: Debug, at any hour of the day or the night,"},
		{"homepage: https:", "homepage: http:"},
		{"arch: arm64", "arch: amd64"},
		{"        arch: ppc64le\n", ""},
		{"linux_arm.tar.gz", "linux_arm.tar.xz"},
		{"windows_amd64.zip", "windows_amd64.tar.gz"},
		{"sha256: ab", "sha256: AB"},
		{"sha256: ab", "sha256: "},
		{"to: completion", "to: ./completion"},
		{"to: completion", "to: ../completion"},
		{"to: man", "to: /man"},
		{"from: LICENSE", "from: COPYING"},
		{"bin: kubectl-mindebug.exe", "bin: kubectl-mindebug"},
		{"caveats:", "caveat:"},
	} {
		changed := strings.Replace(string(filled), change[0], change[1], 1)
		if changed == string(filled) {
			t.Errorf("the manifest has no %q", change[0])
		} else if len(faults([]byte(changed), "mindebug.yaml")) == 0 {
			t.Errorf("%q in place of %q is no fault", change[1], change[0])
		}
	}
}
