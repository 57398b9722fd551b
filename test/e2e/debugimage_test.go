package e2e

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

const debugImageFolder = "../../images/debug"

// buildDebugImage builds the debug image and returns it with the digest that the build printed.
func buildDebugImage(t *testing.T) (v1.Image, string) {
	t.Helper()
	dir := t.TempDir()
	// Buildah writes to /etc/cni when it begins, unless it is told another folder.
	settings := filepath.Join(dir, "containers.conf")
	text := fmt.Sprintf("[network]\nnetwork_backend = \"cni\"\nnetwork_config_dir = %q\n", filepath.Join(dir, "network"))
	if err := os.WriteFile(settings, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(dir, "image.tar")
	cmd := exec.CommandContext(t.Context(), filepath.Join(debugImageFolder, "build"), archive)
	cmd.Env = append(os.Environ(), "CONTAINERS_CONF="+settings)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	digest, err := cmd.Output()
	if err != nil {
		t.Fatalf("images/debug/build: %v\n%s", err, stderr.Bytes())
	}
	folder := filepath.Join(dir, "layout")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "tar", "-xf", archive, "-C", folder).CombinedOutput(); err != nil {
		t.Fatalf("tar: %v\n%s", err, out)
	}
	index, err := layout.ImageIndexFromPath(folder)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	image, err := index.Image(manifest.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	return image, strings.TrimSpace(string(digest))
}

// TestDebugImage: it is the same each time it is built, and its files are those that images/debug/README.md lists, with modes.
func TestDebugImage(t *testing.T) {
	t.Parallel()
	onNode(t) // buildah is there where the test cluster was made
	image, first := buildDebugImage(t)
	_, second := buildDebugImage(t)
	if digest, err := image.Digest(); err != nil || first != digest.String() || second != first {
		t.Errorf("two builds printed the digests %s and %s, and the archive has %v, %v", first, second, digest, err)
	}
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if config.Config.User != "65532:65532" || config.Config.Labels["org.opencontainers.image.licenses"] == "" {
		t.Errorf("user %q, labels %v", config.Config.User, config.Config.Labels)
	}
	readme, err := os.ReadFile(filepath.Join(debugImageFolder, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(readme), "\n## The files\n")
	_, rest, _ = strings.Cut(rest, "```\n")
	want, _, _ := strings.Cut(rest, "```\n")
	if diff := cmp.Diff(want, debugImageTree(t, image)); diff != "" {
		t.Errorf("the files of the image and what images/debug/README.md says of them (-README +image):\n%s", diff)
	}
}

// debugImageTree lists the image's files as its README does, and holds each to what protects a session.
func debugImageTree(t *testing.T, image v1.Image) string {
	t.Helper()
	files := mutate.Extract(image)
	defer files.Close()
	member := regexp.MustCompile(`(?m):[^:\n]+$`)
	var lines []string
	applets := 0
	for archive := tar.NewReader(files); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		name, mode := "/"+strings.Trim(h.Name, "/"), h.Mode&0o7777
		if h.Uid != 0 || h.Gid != 0 {
			t.Errorf("%s belongs to %d:%d", name, h.Uid, h.Gid)
		}
		elf := bytes.HasPrefix(content, []byte("\x7fELF"))
		switch {
		case h.Typeflag == tar.TypeSymlink && h.Linkname == "busybox":
			applets++
			continue
		case elf && mode != 0o111:
			t.Errorf("%s is a program of mode %04o", name, mode)
		case !elf && h.Typeflag == tar.TypeReg && mode&0o111 != 0 && !bytes.HasPrefix(content, []byte("#!/bin/sh\n")):
			t.Errorf("%s can be executed, and is neither a program nor a script", name)
		case name == "/etc/group" && member.Match(content):
			t.Errorf("/etc/group has members:\n%s", content)
		}
		lines = append(lines, fmt.Sprintf("%04o %s\n", mode, name))
	}
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(a[5:], b[5:]) })
	if applets < 200 {
		t.Errorf("%d links to busybox", applets)
	}
	return strings.Join(lines, "")
}

// TestToolsOfTheDebugImage: what BusyBox lacks, in a session as the target's user, read-only and with no capability.
func TestToolsOfTheDebugImage(t *testing.T) {
	t.Parallel()
	pod := restrictedTarget(t)
	for _, c := range []struct {
		command []string
		status  int
		// Patterns of what is printed and said.
		stdout, stderr string
	}{
		{command: []string{"lsof", "-p", "@pid"}, stdout: `(?m)^ +\d+ server +65532  txt /app/server$`},
		{command: []string{"lsof"}, stdout: `(?m)^ +\d+ server +65532 +\d+u socket:\[\d+\]$`},
		{command: []string{"lsof", "-p", "999999"}, status: 1, stderr: `^lsof: there is no process 999999\n$`},
		{command: []string{"lsof", "file"}, status: 2, stderr: `^usage: lsof `},
		{command: []string{"ss", "-ltn"}, stdout: `(?m)^tcp   LISTEN .* \[::\]:8080 +\[::\]:\* +\("server",pid=\d+,fd=\d+\)$`},
		{command: []string{"openssl", "version"}, status: 127, stderr: `^openssl: not in this image`},
		{command: []string{"ss", "sport", "=", "80"}, status: 2, stderr: `^ss: filters are not known here`},
		{command: []string{"wget", "-qO-", "https://127.0.0.1:1"}, status: 1, stderr: `^wget: note: this TLS checks no certificate, .*\n.*Connection refused\n`},
		{command: []string{"wget", "-qO-", "http://127.0.0.1:1"}, status: 1, stderr: `^wget: can't connect.*\n$`},
	} {
		t.Run(strings.Join(c.command, " "), func(t *testing.T) {
			t.Parallel()
			got := mindebug(t, pod, append([]string{"pod/target", "--"}, c.command...)...)
			if got.status != c.status || !regexp.MustCompile(c.stdout).MatchString(got.stdout) || !regexp.MustCompile(c.stderr).MatchString(got.stderr) ||
				c.stderr == "" && c.status == 0 && got.stderr != "" {
				t.Errorf("status %d, output:\n%s\nerror output:\n%s", got.status, got.stdout, got.stderr)
			}
		})
	}
}
