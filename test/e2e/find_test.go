package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mindebug/kubectl-mindebug/internal/access"
	"github.com/mindebug/kubectl-mindebug/internal/imagekind"
	"github.com/mindebug/kubectl-mindebug/test/fleet"
	"github.com/mindebug/kubectl-mindebug/test/images"
)

// findReport is what `find -o json` prints, as docs/find.md describes it.
type findReport struct {
	APIVersion, Kind string
	Items            []struct {
		Namespace, Pod, Container, Kind, Certainty, Evidence, PodSecurity, Session, State string
		UID                                                                               *int64
	}
	Summary struct {
		Pods, Items int
		Kinds       map[string]int
	}
	Unseen []struct {
		About string
		Names []string
		Count int
	}
}

// finder runs find with a cache, and what else of the environment is its own.
type finder struct {
	cache string
	env   []string
}

// find runs `kubectl mindebug find -o json ARGS…`, which must end with that status.
func (f finder) find(t *testing.T, status int, args ...string) findReport {
	t.Helper()
	r := f.run(t, append([]string{"find", "-o", "json"}, args...)...)
	var report findReport
	if err := json.Unmarshal([]byte(r.stdout), &report); err != nil || r.status != status || r.stderr != "" {
		t.Fatalf("find %q: status %d, stderr %q, %v in stdout:\n%.2000s\nwant status %d and one object", args, r.status, r.stderr, err, r.stdout, status)
	}
	if report.APIVersion != "mindebug/v1alpha1" || report.Kind != "FindReport" || report.Summary.Items != len(report.Items) {
		t.Fatalf("the object is a %s of %s, with %d items of %d", report.Kind, report.APIVersion, len(report.Items), report.Summary.Items)
	}
	return report
}

func (f finder) run(t *testing.T, args ...string) result {
	t.Helper()
	return invocation{args: args, env: append([]string{"XDG_CACHE_HOME=" + f.cache}, f.env...)}.run(t)
}

// counts are the kinds of the items, and of how many containers the summary tells.
func (r findReport) counts() (items, all map[string]int) {
	items, all = map[string]int{}, map[string]int{}
	for _, item := range r.Items {
		items[item.Kind]++
	}
	for kind, n := range r.Summary.Kinds {
		if n > 0 {
			all[kind] = n
		}
	}
	return items, all
}

// TestFindFleet: 600 pods of 60 images of all kinds, in pages, in two namespaces: what each image is, from which source,
// and that the second time nobody is asked.
func TestFindFleet(t *testing.T) {
	t.Parallel()
	const pods = 600
	f, err := fleet.New(t.Context(), 60)
	if err != nil {
		t.Fatal(err)
	}
	one, other := newNamespace(t, "restricted"), newNamespace(t, "baseline")
	waitForAccount(t, one)
	waitForAccount(t, other)
	for ns, numbers := range map[string][2]int{one: {0, 550}, other: {550, pods}} {
		if err := f.Fill(t.Context(), client, ns, one, numbers[0], numbers[1]); err != nil {
			t.Fatal(err)
		}
	}
	everywhere := []string{"-A", "-l", fleet.Label + "=" + one}
	by := finder{cache: t.TempDir()}
	want := f.Expect(pods)

	report := by.find(t, 0, append(everywhere, "--kind=all", "--registry")...)
	items, all := report.counts()
	if diff := cmp.Diff(want, items); diff != "" || report.Summary.Pods != pods {
		t.Errorf("of %d pods (-want +got):\n%s", report.Summary.Pods, diff)
	}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
	if len(report.Unseen) != 1 || report.Unseen[0].About != "images" || report.Unseen[0].Count != 6 {
		t.Errorf("unseen: %+v; want the 6 images that the registry has not", report.Unseen)
	}
	levels := map[string]string{one: "restricted", other: "baseline"}
	for _, item := range report.Items {
		if item.UID == nil || item.PodSecurity != levels[item.Namespace] || (item.Kind == "unknown") != (item.Certainty == "") {
			t.Fatalf("item %+v", item)
		}
	}

	f.Close() // from here on no registry answers
	report = by.find(t, 0, everywhere...)
	items, all = report.counts()
	shellless := map[string]int{}
	for kind, n := range want {
		if kind != "shell" && kind != "unknown" {
			shellless[kind] = n
		}
	}
	if diff := cmp.Diff(shellless, items) + cmp.Diff(want, all); diff != "" || len(report.Unseen) != 0 {
		t.Errorf("from the cache, unseen %v (-want +got):\n%s", report.Unseen, diff)
	}

	fresh := finder{cache: t.TempDir()}
	_, all = fresh.find(t, 0, append(everywhere, "--kind=shell")...).counts()
	if alone := map[string]int{"distroless": 60, "shell": 60, "unknown": 480}; cmp.Diff(alone, all) != "" {
		t.Errorf("of pods and names alone (-want +got):\n%s", cmp.Diff(alone, all))
	}
	if none := fresh.find(t, 3, append(everywhere, "--kind=wolfi")...); none.Summary.Kinds["unknown"] != 480 {
		t.Errorf("summary %+v", none.Summary)
	}
}

// waitForAccount waits for the ServiceAccount that each pod of the namespace needs.
func waitForAccount(t *testing.T, namespace string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	w, err := client.CoreV1().ServiceAccounts(namespace).Watch(ctx, metav1.ListOptions{FieldSelector: "metadata.name=default"})
	if err != nil {
		t.Fatalf("watching accounts: %v", err)
	}
	defer w.Stop()
	if _, ok := <-w.ResultChan(); !ok {
		t.Fatalf("namespace %s has no account within %s", namespace, patience)
	}
}

// TestFindWithout: who may list pods in one namespace only finds those with -A, and is told of the rest.
func TestFindWithout(t *testing.T) {
	t.Parallel()
	pod := restrictedTarget(t)
	reader := newUser(t, pod.Namespace, "lister", access.ListPods)
	by := finder{cache: t.TempDir()}
	report := by.find(t, 0, reader.as("-n", pod.Namespace, "-A", "--kind=all")...)
	if len(report.Items) != 1 || report.Items[0].Pod != "target" || report.Items[0].PodSecurity != "unknown" {
		t.Errorf("found %+v", report.Items)
	}
	var about []string
	for _, u := range report.Unseen {
		about = append(about, fmt.Sprint(u.About, u.Names))
	}
	if diff := cmp.Diff([]string{"others[" + pod.Namespace + "]", "levels[]"}, about); diff != "" {
		t.Errorf("unseen (-want +got):\n%s", diff)
	}
	nobody := newUser(t, pod.Namespace, "nobody")
	r := by.run(t, append(nobody.as("find"), "-A")...)
	if r.status != 1 || r.stdout != "" || !strings.HasPrefix(r.stderr, "error: you may not list pods in all namespaces\n") {
		t.Errorf("status %d, stdout %q, stderr:\n%s", r.status, r.stdout, r.stderr)
	}
}

// TestFindAfterSession: what a session saw is what find knows, and as likely only.
func TestFindAfterSession(t *testing.T) {
	t.Parallel()
	pod := restrictedTarget(t)
	by := finder{cache: t.TempDir()}
	if before := by.find(t, 0, "-n", pod.Namespace, "--kind=all").Items; len(before) != 1 || before[0].Kind != "unknown" {
		t.Fatalf("before a session: %+v", before)
	}
	by.run(t, "-n", pod.Namespace, "pod/target", "--", "true").want(t, 0, "", "")
	waitForSession(t, pod)
	got := by.find(t, 0, "-n", pod.Namespace).Items
	if len(got) != 1 || got[0].Kind != "scratch" || got[0].Certainty != "likely" || got[0].Session == "" ||
		got[0].Evidence != "no shell in the usual places, and no distribution, as a session saw" {
		t.Errorf("after a session: %+v", got)
	}
}

// TestFindProbe: on a terminal it asks, and then runs a shell in the container itself.
func TestFindProbe(t *testing.T) {
	t.Parallel()
	pod := newPod(t, plainTarget(newNamespace(t, "baseline"), "bare"))
	newPod(t, plainTarget(pod.Namespace, "has-one").Image(stockImage).With(func(p *corev1.Pod) {
		p.Spec.Containers[0].Command = []string{"sleep", "86400"}
	}))
	by := finder{cache: t.TempDir()}
	term := invocation{
		args: []string{"-n", pod.Namespace, "find", "--probe", "--kind=all"}, env: []string{"XDG_CACHE_HOME=" + by.cache},
	}.onTerminal(t)
	term.expect("Run it? [y/N] ")
	term.send("y\r")
	term.expect("none of these could be run in it: sh, /busybox/sh, bash")
	term.expect("sh was run in it")
	if status := term.wait(); status != 0 {
		t.Errorf("status %d:\n%s", status, term.text())
	}
	want := map[string]judged{
		"bare":    {"no-shell", "likely", "none of these could be run in it: sh, /busybox/sh, bash"},
		"has-one": {"shell", "certain", "sh was run in it"},
	}
	if diff := cmp.Diff(want, by.find(t, 0, "-n", pod.Namespace, "--kind=all").verdicts()); diff != "" {
		t.Errorf("afterwards (-want +got):\n%s", diff)
	}
	r := mindebug(t, pod, "find", "--probe")
	if r.status != 2 || r.stdout != "" || !strings.HasPrefix(r.stderr, "error: --probe asks before it runs anything in a container") {
		t.Errorf("in a script: status %d, stdout %q, stderr:\n%s", r.status, r.stdout, r.stderr)
	}
}

// TestKindsOfImages: the verdict on each image that people debug is right, from its layers and by what its history says.
func TestKindsOfImages(t *testing.T) {
	t.Parallel()
	store := imageStore(t)
	for _, i := range images.All {
		image, err := store.Image(t.Context(), i.Name)
		if err != nil {
			t.Fatal(err)
		}
		v, err := imagekind.FromImage(image, 1<<30)
		if err != nil || string(v.Kind) != string(i.Kind) {
			t.Errorf("%s: %+v, %v; want %s", i.Name, v, err, i.Kind)
		}
	}
}

// TestFindNowhere: a namespace that there is not is an error, an empty one is "none".
func TestFindNowhere(t *testing.T) {
	t.Parallel()
	empty := newNamespace(t, "restricted")
	by := finder{cache: t.TempDir()}
	by.run(t, "-n", empty, "find", "-o", "name").want(t, 3, "", "")
	absent := empty + "-absent"
	if _, err := client.CoreV1().Namespaces().Get(t.Context(), absent, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Fatal(err)
	}
	r := by.run(t, "find", "-n", absent)
	if r.status != 1 || !strings.HasPrefix(r.stderr, fmt.Sprintf("error: there is no namespace %q\n", absent)) {
		t.Errorf("status %d, stderr:\n%s", r.status, r.stderr)
	}
}
