package e2e

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
	"github.com/mindebug/kubectl-mindebug/test/images"
)

// inspected is the report of inspect, as docs/inspect.md promises it to programs.
type inspected struct {
	APIVersion, Kind string
	Source           struct{ From string }
	ImageKind        struct{ Kind, Evidence, Certainty string }
	Findings         []struct{ Severity, About, Text, Fix string }
	OS               struct{ PrettyName string }
	Program          struct {
		Path, Interpreter string
		Missing           []struct{ Name string }
		Go                struct{ Module string }
	}
	Runtimes []struct{ Name, Version string }
	Packages struct {
		Source string
		Items  []struct{ Name string }
	}
	Certificates struct {
		Path  string
		Count int
	}
	TimeZones string
	Users     struct {
		Entries []struct{ Name string }
		Running struct{ UID int64 }
	}
	Writable struct{ Paths []string }
	Shells   []string
	Unread   []string
}

func parseInspected(t *testing.T, r result) (report inspected) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.stdout), &report); err != nil || r.status != 0 || r.stderr != "" {
		t.Fatalf("status %d, stderr %q, %v: %q", r.status, r.stderr, err, r.stdout)
	}
	if report.APIVersion != "mindebug/v1alpha1" || report.Kind != "InspectReport" {
		t.Errorf("it is a %s of %s", report.Kind, report.APIVersion)
	}
	return report
}

// fatal is what each image of the table that does not start is told for; of a file nobody knows the node, nor what the pod
// asks for.
var fatal = map[string]struct{ about, text string }{
	"broken-dynamic":      {"interpreter", "is linked dynamically and its dynamic linker /lib64/ld-linux-x86-64.so.2 is not in the image"},
	"broken-architecture": {"architecture", "the program is for arm64 and the node is"},
	"broken-user":         {"user", `USER "app" is a name, and the image's /etc/passwd does not have it`},
	"broken-name":         {"user", `USER "nonroot" is a name, and a pod with runAsNonRoot wants a number`},
	"broken-entrypoint":   {"entrypoint", "the image names no program"},
	"broken-script":       {"interpreter", `is a script for "/bin/sh", which is not in the image`},
}

// wantInspected compares a report with what is true of the image.
func wantInspected(t *testing.T, got inspected, i images.Image, from string) {
	t.Helper()
	check := func(what string, want, got any) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	check("source", from, got.Source.From)
	check("kind", string(i.Kind), got.ImageKind.Kind)
	if got.ImageKind.Evidence == "" {
		t.Error("nothing is said to tell the kind")
	}
	check("os", i.OS, got.OS.PrettyName)
	check("module", i.GoModule, got.Program.Go.Module)
	check("linker", i.Interpreter, got.Program.Interpreter)
	check("package database", i.Database, got.Packages.Source)
	var packages, users []string
	for _, p := range got.Packages.Items {
		packages = append(packages, p.Name)
	}
	for _, u := range got.Users.Entries {
		users = append(users, u.Name)
	}
	check("packages", i.Packages, packages)
	check("users", i.Users, users)
	check("authorities", i.Bundle, got.Certificates.Path)
	check("authorities", i.Authorities, got.Certificates.Count)
	check("time zones", i.TimeZones, got.TimeZones != "")
	check("a shell", len(i.Shells) > 0, len(got.Shells) > 0)
	check("what was not read", []string(nil), got.Unread)
	if i.UID >= 0 {
		check("uid", i.UID, got.Users.Running.UID)
		for _, w := range i.Writable {
			if !slices.Contains(got.Writable.Paths, w) {
				t.Errorf("%s is writable, and writable are said to be %q", w, got.Writable.Paths)
			}
		}
	}
	if i.Runtime != "" {
		ok := false
		for _, r := range got.Runtimes {
			ok = ok || r.Name+" "+r.Version == i.Runtime
		}
		if !ok {
			t.Errorf("runtimes %v, want %s", got.Runtimes, i.Runtime)
		}
	}
	wantFatal(t, got, i, from)
}

// wantFatal holds that what does not start is said in one line, and of nothing else that it does not.
func wantFatal(t *testing.T, got inspected, i images.Image, from string) {
	t.Helper()
	want, isFatal := fatal[i.Name]
	if from == "file" && (i.Name == "broken-architecture" || i.Name == "broken-name") {
		isFatal = false
	}
	var said []string
	for _, f := range got.Findings {
		if f.Severity == "fatal" {
			said = append(said, f.About+": "+f.Text)
		}
	}
	switch {
	case !isFatal && len(said) > 0:
		t.Errorf("it is said not to start: %q", said)
	case isFatal && (len(said) != 1 || !strings.HasPrefix(said[0], want.about+": does not start: ") || !strings.Contains(said[0], want.text)):
		t.Errorf("it is said %q; want one line about %s: %q", said, want.about, want.text)
	}
}

// TestInspectFiles: every image of the table, before it is deployed, without a kubeconfig.
func TestInspectFiles(t *testing.T) {
	t.Parallel()
	store := imageStore(t)
	for _, i := range images.All {
		t.Run(i.Name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "image.tar")
			out, err := os.Create(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := store.WriteArchive(t.Context(), i.Name, out); err != nil {
				t.Fatal(err)
			}
			if err := out.Close(); err != nil {
				t.Fatal(err)
			}
			r := invocation{env: []string{"KUBECONFIG=/nonexistent"}, args: []string{"inspect", "--file", file, "-o", "json"}}.run(t)
			wantInspected(t, parseInspected(t, r), i, "file")
		})
	}
}

// TestInspectSessions: every image of the table that runs, through a session.
func TestInspectSessions(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t, "restricted")
	for _, i := range images.All {
		if !i.Runs() {
			continue
		}
		t.Run(i.Name, func(t *testing.T) {
			t.Parallel()
			kindOf(t, i.Name)
			pod := newPod(t, kindPod(t, ns, i))
			got := parseInspected(t, mindebug(t, pod, "inspect", "pod/"+pod.Name, "-o", "json"))
			wantInspected(t, got, i, "session")
			if got.Program.Path != i.Executable {
				t.Errorf("its program is said to be %s, want %s", got.Program.Path, i.Executable)
			}
			onlyContainer(t, pod)
			wantUnchanged(t, pod)
		})
	}
}

// TestInspectRegistry: every image of the table from a registry that asks who one is. What does not start needs no word for
// that.
func TestInspectRegistry(t *testing.T) {
	t.Parallel()
	store, s := imageStore(t), newShelf(t, "secret")
	ns := newNamespace(t, "restricted")
	own := t.TempDir()
	if err := os.WriteFile(filepath.Join(own, "config.json"), s.dockerConfig(), 0o600); err != nil {
		t.Fatal(err)
	}
	s.secret(t, ns)
	for _, i := range images.All {
		t.Run(i.Name, func(t *testing.T) {
			t.Parallel()
			image, err := store.Image(t.Context(), i.Name)
			if err != nil {
				t.Fatal(err)
			}
			// It never runs: the node has no right to pull it.
			pod := createPod(t, kubetest.Pod(ns, i.Name).Image(s.push(t, i.Name, image)).Restricted())
			args := []string{"-n", ns, "inspect", "pod/" + pod.Name, "-o", "json"}
			r := invocation{env: []string{"DOCKER_CONFIG=" + own, "HOME=" + own}, args: args}.run(t)
			wantInspected(t, parseInspected(t, r), i, "image")
			if len(sessionContainers(t, pod)) > 0 {
				t.Error("a session container was added")
			}
		})
	}
}

// TestInspectRefused: without the right to an image there is one error, with the way to it.
func TestInspectRefused(t *testing.T) {
	t.Parallel()
	s, ns := newShelf(t, "secret"), newNamespace(t, "restricted")
	s.secret(t, ns)
	image := s.image(t, "private", "31337", "")
	pod := createPod(t, kubetest.Pod(ns, "target").Image(image).Restricted().With(withPullSecret))
	nobody := []string{"DOCKER_CONFIG=" + t.TempDir(), "HOME=" + t.TempDir()}
	args := []string{"-n", ns, "inspect", "pod/target", "--from=image"}
	r := invocation{env: nobody, args: args}.run(t)
	if r.status != 1 || r.stdout != "" || !strings.Contains(r.stderr, "hint: log in there, as with docker login, or read it as the pod does: --use-pull-secrets") {
		t.Errorf("status %d, stdout %q, stderr %q", r.status, r.stdout, r.stderr)
	}
	r = invocation{env: nobody, args: append(args, "--use-pull-secrets", "-o", "json")}.run(t)
	if got := parseInspected(t, r); got.Users.Running.UID != 31337 {
		t.Errorf("uid %d", got.Users.Running.UID)
	}
	if len(sessionContainers(t, pod)) > 0 {
		t.Error("a session container was added")
	}
}

// memoryGroup is the folder of a container's memory cgroup (v1), which its status names.
func memoryGroup(t *testing.T, id string) string {
	t.Helper()
	found := ""
	err := filepath.WalkDir("/sys/fs/cgroup/memory", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.Contains(d.Name(), id) {
			found = path
			return fs.SkipAll
		}
		return nil // a group may be gone by now
	})
	if err != nil || found == "" {
		t.Fatalf("no memory cgroup of container %s: %v", id, err)
	}
	return found
}

// TestInspectMemory: however large the image, what a session of inspect takes of the pod's memory stays small.
func TestInspectMemory(t *testing.T) {
	t.Parallel()
	onNode(t)
	i := kindOf(t, "java")
	pod := newPod(t, kindPod(t, newNamespace(t, "restricted"), i))
	mindebug(t, pod, "pod/"+pod.Name, "--", "true").want(t, 0, "", "")
	_, id, _ := strings.Cut(current(t, pod).Status.EphemeralContainerStatuses[0].ContainerID, "://")
	peak := filepath.Join(memoryGroup(t, id), "memory.max_usage_in_bytes")
	if err := os.WriteFile(peak, []byte("0"), 0); err != nil {
		t.Fatal(err)
	}
	parseInspected(t, mindebug(t, pod, "inspect", "pod/"+pod.Name, "-o", "json"))
	text, err := os.ReadFile(peak)
	if err != nil {
		t.Fatal(err)
	}
	used, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || used < 1<<20 || used > 8<<20 {
		t.Errorf("the session container took up to %d bytes, want less than 8 MiB: %v", used, err)
	}
	onlyContainer(t, pod)
}
