package main

import (
	"bytes"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"text/template"
)

// versions are semantic ones with a v, as krew wants them.
var versions = regexp.MustCompile(`^v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$`)

func isVersion(text string) bool { return versions.MatchString(text) }

// writeManifest writes the krew manifest of the archives. krew wants the file to have the plugin's name.
func (r *release) writeManifest() error {
	text, err := os.ReadFile(filepath.Join(r.root, ".krew.yaml"))
	if err != nil {
		return err
	}
	manifest, err := fill(string(text), r.version, func(name string) (string, error) { return sum(filepath.Join(r.out, name)) })
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.out, "mindebug.yaml"), manifest, 0o644)
}

// fill fills in the template of krew-release-bot as the bot does, with the sums of the archives of these names.
func fill(text, version string, sumOf func(name string) (string, error)) ([]byte, error) {
	tag := struct{ TagName string }{version}
	addURIAndSha := func(uri, _ string) (string, error) {
		var full strings.Builder
		inner, err := template.New("uri").Parse(uri)
		if err != nil {
			return "", err
		}
		if err := inner.Execute(&full, tag); err != nil {
			return "", err
		}
		sum, err := sumOf(path.Base(full.String()))
		return fmt.Sprintf("uri: %s\n    sha256: %s", full.String(), sum), err
	}
	outer, err := template.New(".krew.yaml").Funcs(template.FuncMap{"addURIAndSha": addURIAndSha}).Parse(text)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := outer.Execute(&out, tag); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
