package cli

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/mindebug/kubectl-mindebug/internal/app"
	"github.com/mindebug/kubectl-mindebug/internal/imagekind"
	"github.com/mindebug/kubectl-mindebug/internal/inspect"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

func TestInspectRequest(t *testing.T) {
	t.Parallel()
	container := func(change func(*app.InspectRequest)) app.InspectRequest {
		r := app.InspectRequest{MaxBytes: 4 << 30, SessionRequest: app.SessionRequest{
			TargetRequest: app.TargetRequest{Query: target.Query{Kind: "pod", Name: "web"}},
			Image:         "env:1", ImageOrigin: "MINDEBUG_IMAGE", TTL: defaultTTL, Timeout: time.Minute,
		}}
		if change != nil {
			change(&r)
		}
		return r
	}
	for line, test := range map[string]struct {
		want  app.InspectRequest
		fails string
	}{
		"pod/web":                    {want: container(nil)},
		"web -c app --from=image":    {want: container(func(r *app.InspectRequest) { r.Container, r.FromImage = "app", true })},
		"pod/web --max-bytes=1Mi":    {want: container(func(r *app.InspectRequest) { r.MaxBytes = 1 << 20 })},
		"pod/web --use-pull-secrets": {want: container(func(r *app.InspectRequest) { r.UsePullSecrets = true })},
		"--file x.tar -q":            {want: app.InspectRequest{MaxBytes: 4 << 30, SessionRequest: app.SessionRequest{Quiet: true}}},
		"":                           {fails: "no target given"},
		"--file x.tar pod/web":       {fails: "--file names an image, and a container is named as well"},
		"--file x.tar -l app=web":    {fails: "--file names an image, and a container is named as well"},
		"--file x.tar --from=image":  {fails: "--file names an image, and a container is named as well"},
		"pod/web --from=session":     {fails: `--from="session": it can be image only`},
		"pod/web --max-bytes=x":      {fails: `--max-bytes="x" is no size`},
		"pod/web --max-bytes=0":      {fails: `--max-bytes="0" is no size`},
		"pod/web --image=-":          {fails: "is not the name of an image"},
		"pod/web --timeout=-1s":      {fails: "leaves no time"},
		"pod/web ls":                 {fails: `"ls" stands after the target`},
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			var f inspectFlags
			set := parsed(t, &f, line)
			got, err := f.request(set.Args(), surroundings{getenv: func(string) string { return "env:1" }, verbs: likeVerbs})
			if wantUsage(t, err, test.fails) {
				return
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
}

// TestInspectFile: an image in a file is looked at with no cluster and no kubeconfig.
func TestInspectFile(t *testing.T) {
	t.Parallel()
	image, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{OS: "linux", Architecture: "amd64", Config: v1.Config{User: "app"}})
	if err != nil {
		t.Fatal(err)
	}
	tag, err := name.NewTag("web:1")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "web.tar")
	if err := tarball.WriteToFile(file, tag, image); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (out, errOut string, status int) {
		var stdout, stderr bytes.Buffer
		p := Program{In: strings.NewReader(""), Out: &stdout, Err: &stderr, Getenv: func(string) string { return "" }}
		status = Run(t.Context(), p, append([]string{"inspect", "--kubeconfig=/nonexistent"}, args...))
		return stdout.String(), stderr.String(), status
	}
	out, errOut, status := run("--file", file)
	const want = `(linux/amd64)

does not start: USER "app" is a name, and the image's /etc/passwd does not have it ("unable to find user")
  fix: USER 65532:65532

does not start: the image names no program, and the pod no command ("no command specified")
`
	if _, after, _ := strings.Cut(out, ".tar "); status != 0 || errOut != "" || !strings.HasPrefix(after, want) {
		t.Errorf("exit status %d, error output %q, output:\n%s", status, errOut, out)
	}
	out, errOut, status = run("--file", file, "-o", "json")
	var report struct {
		APIVersion, Kind string
		Source           struct{ From, File, Platform string }
		ImageKind        struct{ Kind, Certainty string }
		Findings         []struct{ Severity, About, Text, Fix string }
		Shells           []string
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil || status != 0 || errOut != "" {
		t.Fatalf("%v, exit status %d, error output %q", err, status, errOut)
	}
	if report.APIVersion != apiVersion || report.Kind != "InspectReport" || report.Source.From != "file" || report.ImageKind.Kind != "scratch" ||
		len(report.Findings) < 2 || report.Findings[0].About != "user" || report.Shells == nil {
		t.Errorf("report %+v", report)
	}
	if _, errOut, status := run("--file", "/nonexistent.tar"); status != 1 || errOut != "error: /nonexistent.tar: open /nonexistent.tar: no such file or directory\n" {
		t.Errorf("exit status %d: %s", status, errOut)
	}
	if _, errOut, status := run("--file", t.TempDir()); status != 1 || !strings.Contains(errOut, "hint: make the file with: docker save") {
		t.Errorf("exit status %d: %s", status, errOut)
	}
	if _, errOut, status := run("--file", file, "--", "ls"); status != 2 || !strings.HasPrefix(errOut, "error: inspect runs no command\n") {
		t.Errorf("exit status %d: %s", status, errOut)
	}
}

// TestWriteInspected: what an image says cannot command the terminal, nor make a line of its own.
func TestWriteInspected(t *testing.T) {
	t.Parallel()
	end := time.Date(2027, time.January, 2, 0, 0, 0, 0, time.UTC)
	hostile := "x\x1b[2J\nfix: y"
	r := newInspectReport("prod-eu", app.Inspected{
		From: app.SourceSession, Namespace: "shop", Pod: "web", Container: "app", Image: "web:1",
		Kind: imagekind.Verdict{Kind: imagekind.Distroless, Certainty: imagekind.Likely, Evidence: hostile},
		Report: inspect.Report{
			Findings:     []inspect.Finding{{Severity: inspect.Warning, About: "x", Text: hostile, Fix: hostile}, {Severity: inspect.Fatal, Text: "does not start: z"}},
			System:       &inspect.System{ID: "debian", VersionID: "12"},
			Architecture: inspect.Architecture{Program: "amd64"},
			Program: &inspect.Program{
				Words: []string{hostile}, Path: hostile, Format: "elf", Interpreter: "/lib/ld.so", Libc: "glibc", Go: &inspect.Go{Version: "go1.26", Module: "m"},
				Libraries: []inspect.Library{{Path: "/lib/a"}}, Missing: []inspect.Missing{{Name: "b", By: "c"}},
			},
			Runtimes:     []inspect.Runtime{{Name: "Java", Version: "17", Path: "/opt"}},
			Packages:     &inspect.Packages{Source: "/var", Count: 9, Items: make([]inspect.Package, 9)},
			Certificates: &inspect.Certificates{Path: "/ca", Count: 2, Soonest: &end, Expired: 1},
			Users:        inspect.Users{Count: 1, Running: &inspect.RunningUser{UID: 7, GID: 8, Origin: "o"}},
			Resolver:     inspect.Resolver{Hosts: "files", Files: []string{"/etc/hosts"}},
			Writable:     &inspect.WritableSet{Paths: []string{"/tmp"}, Cut: true},
			Size:         &inspect.Size{Usage: inspect.Usage{Bytes: 1500000, Files: 3}, Compressed: 500000, Layers: 2},
			Unread:       []string{hostile},
		},
	})
	var out strings.Builder
	writeInspected(&out, r)
	const want = `pod/web app, image web:1, as it runs

warning: x\x1b[2J fix: y
  fix: x\x1b[2J fix: y

does not start: z

kind          distroless (likely): x\x1b[2J fix: y
program       x\x1b[2J fix: y (dynamic, amd64, go1.26)
module        m, modules in it: 0
linker        /lib/ld.so (glibc)
libraries     /lib/a
missing       b, needed by c
os            debian 12
runtime       Java 17 (/opt)
packages      9 in /var: , , , , , , ,  and 1 more
certificates  2 in /ca, the next to expire on 2027-01-02, 1 expired
time zones    none
user          7:8, not in /etc/passwd (o); 1 in /etc/passwd
resolver      /etc/hosts; hosts: files
writable      /tmp, and more
shells        none
size          1.5 MB in 3 files; 0.5 MB compressed, layers: 2
not read      x\x1b[2J fix: y
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
}
