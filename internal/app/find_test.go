package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/imagekind"
	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
	"github.com/mindebug/kubectl-mindebug/internal/registry"
	"github.com/mindebug/kubectl-mindebug/pkg/attach"
)

// searched is a cluster that is searched, in pages of two pods.
type searched struct {
	*world
	pods []*corev1.Pod
	// labels are those of the namespaces, closed the namespaces whose pods may not be listed, "" standing for all at once.
	labels    map[string]map[string]string
	labelsErr error
	closed    []string
	// torn is true where the pages after the first are of another moment.
	torn bool
	jobs []batchv1.Job
}

var errForbidden = apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "", errors.New("no"))

func (s *searched) PodPages(_ context.Context, namespace, _ string, do func([]corev1.Pod, int64, bool) error) error {
	s.called("list " + namespace)
	if slices.Contains(s.closed, namespace) {
		return errForbidden
	}
	var all []corev1.Pod
	for _, pod := range s.pods {
		if namespace == "" || namespace == pod.Namespace {
			all = append(all, *pod.DeepCopy())
		}
	}
	for first := 0; first == 0 || first < len(all); first += 2 {
		last := min(first+2, len(all))
		if err := do(all[first:last], int64(len(all)-last), s.torn && first == 2); err != nil {
			return err
		}
	}
	return nil
}

func (s *searched) EachPod(context.Context, string, string, func(*corev1.Pod)) error {
	panic("a search reads pages")
}

func (s *searched) NamespaceLabels(_ context.Context, name string) (map[string]map[string]string, error) {
	s.called("namespaces " + name)
	return s.labels, s.labelsErr
}

func (s *searched) Jobs(context.Context, string) ([]batchv1.Job, error) {
	s.called("list jobs")
	return s.jobs, nil
}

// library are registries: the history of each image, or why it cannot be read.
type library struct {
	mu     sync.Mutex
	images map[string]any
	opened []string
}

func (l *library) Open(_ context.Context, r registry.Request) ([]registry.Image, func(), error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.opened = append(l.opened, r.Image)
	var images []registry.Image
	switch content := l.images[r.Image].(type) {
	case error:
		return nil, nil, content
	case []string: // a history for each platform
		for n, history := range content {
			i, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{History: []v1.History{{CreatedBy: history}}})
			if err != nil {
				return nil, nil, err
			}
			image := registry.NewImage(i)
			image.Platform = fmt.Sprintf("linux/%d", n)
			images = append(images, image)
		}
	}
	return images, func() {}, nil
}

// imageID is a digest made of a letter.
func imageID(letter string) string { return "host.test/x@sha256:" + strings.Repeat(letter, 64) }

// ofImage is a running pod of one container, of an image of that digest.
func ofImage(namespace, name, image, letter string) *kubetest.PodBuilder {
	return kubetest.Pod(namespace, name).Image(image).Running(65532, 0).With(func(p *corev1.Pod) {
		p.Status.ContainerStatuses[0].ImageID = imageID(letter)
	})
}

// ran searches and returns a line for each container that was found.
func ran(t *testing.T, s *searched, sources KindSources, r FindRequest) ([]string, FindSummary, error) {
	t.Helper()
	if s.world == nil {
		s.world = &world{}
	}
	if r.Kinds == nil {
		r.Kinds = imagekind.Kinds()
	}
	var rows []string
	summary, err := Find(t.Context(), s, sources, r, func(found []Found) error {
		for _, f := range found {
			rows = append(rows, fmt.Sprintf("%s/%s %s %s: %s, %s, %s", f.Namespace, f.Pod, f.Container, f.Type, f.Kind, f.Certainty, f.Evidence))
		}
		return nil
	}, func(FindProgress) {})
	return rows, summary, err
}

func TestFind(t *testing.T) {
	t.Parallel()
	cache := imagekind.NewCache(t.TempDir())
	if err := cache.Put(digestOf(imageID("c")), imagekind.Verdict{Kind: imagekind.Scratch, Evidence: "seen", Certainty: imagekind.Certain}); err != nil {
		t.Fatal(err)
	}
	s := &searched{
		labels: map[string]map[string]string{"shop": {enforced: "restricted"}, "mill": {}},
		pods: []*corev1.Pod{
			ofImage("mill", "command", "x.test/a:1", "a").With(func(p *corev1.Pod) { p.Spec.Containers[0].Command = []string{"sh"} }).Build(),
			ofImage("mill", "named", "gcr.io/distroless/static:nonroot", "b").Build(),
			ofImage("mill", "seen", "x.test/c:1", "c").Build(),
			ofImage("shop", "silent", "x.test/d:1", "d").Build(),
			kubetest.Pod("shop", "new").Image("x.test/e:1").Build(),
		},
	}
	want := []string{
		"mill/command app container: shell, certain, its command runs sh",
		"mill/named app container: distroless, likely, its name is that of a distroless image",
		"mill/seen app container: scratch, certain, seen",
		"shop/silent app container: unknown, , ",
		"shop/new app container: unknown, , it has not run yet",
	}
	rows, summary, err := ran(t, s, KindSources{Cache: cache}, FindRequest{})
	if diff := cmp.Diff(want, rows); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	wanted := FindSummary{Pods: 5, Shown: 5, Kinds: map[imagekind.Kind]int{
		imagekind.WithShell: 1, imagekind.Distroless: 1, imagekind.Scratch: 1, imagekind.Unknown: 2,
	}}
	if diff := cmp.Diff(wanted, summary); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
	rows, summary, err = ran(t, s, KindSources{}, FindRequest{Kinds: []imagekind.Kind{imagekind.Distroless}})
	if err != nil || !slices.Equal(rows, want[1:2]) || summary.Shown != 1 || summary.Kinds[imagekind.Unknown] != 3 {
		t.Errorf("distroless ones: %q, %+v, %v", rows, summary, err)
	}
}

// TestFindRow: what is told of a container beside its kind.
func TestFindRow(t *testing.T) {
	t.Parallel()
	pod := ofImage("shop", "web-7d-x", "x.test/a:1", "a").With(func(p *corev1.Pod) {
		p.OwnerReferences = []metav1.OwnerReference{{Kind: "Job", Name: "web-1", Controller: new(true)}}
	}).Build()
	s := &searched{
		pods: []*corev1.Pod{pod}, labels: map[string]map[string]string{"shop": {enforced: "baseline"}},
		jobs: []batchv1.Job{{ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: "web-1", OwnerReferences: []metav1.OwnerReference{{Kind: "CronJob", Name: "web", Controller: new(true)}},
		}}},
		world: &world{},
	}
	var found []Found
	_, err := Find(t.Context(), s, KindSources{}, FindRequest{Kinds: imagekind.Kinds()}, func(page []Found) error {
		found = append(found, page...)
		return nil
	}, func(FindProgress) {})
	if err != nil || len(found) != 1 {
		t.Fatalf("%d found, %v", len(found), err)
	}
	f := found[0]
	if f.Workload.Kind != "CronJob" || f.Workload.Name != "web" || f.UID.Value != 65532 || f.Level != "baseline" || f.State != "running" ||
		f.Image != "x.test/a:1" || f.Digest != "sha256:"+strings.Repeat("a", 64) || f.Session != "" {
		t.Errorf("it is %+v", f)
	}
}

// TestFindContainers: which containers of a pod are listed.
func TestFindContainers(t *testing.T) {
	t.Parallel()
	b := kubetest.Pod("shop", "web").InitContainer("done").InitContainer("at-it").Sidecar("beside").Running(1, 1).
		Terminated("done", "Completed", 0).Ephemeral(corev1.EphemeralContainer{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "debugger"}})
	finished := kubetest.Pod("shop", "finished").Running(1, 1).With(func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded })
	rows, summary, err := ran(t, &searched{pods: []*corev1.Pod{b.Build(), finished.Build()}}, KindSources{}, FindRequest{})
	for i := range rows {
		rows[i], _, _ = strings.Cut(rows[i], ":")
	}
	want := []string{"shop/web app container", "shop/web at-it init", "shop/web beside sidecar"}
	if diff := cmp.Diff(want, rows); diff != "" || err != nil || summary.Pods != 2 {
		t.Errorf("of %d pods, %v (-want +got):\n%s", summary.Pods, err, diff)
	}
}

// TestFindWhereAllowed: who may not list all pods gets those that he may, and is told of the rest.
func TestFindWhereAllowed(t *testing.T) {
	t.Parallel()
	pods := []*corev1.Pod{ofImage("mill", "a", "x", "a").Build(), ofImage("shop", "b", "x", "a").Build()}
	both := map[string]map[string]string{"mill": {}, "shop": {}}
	for name, test := range map[string]struct {
		namespace string
		closed    []string
		labels    map[string]map[string]string
		labelsErr error
		rows      int
		unseen    []string
		forbidden bool
	}{
		"all":                       {"", nil, both, nil, 2, nil, false},
		"each":                      {"", []string{""}, both, nil, 2, nil, false},
		"some":                      {"", []string{"", "mill"}, both, nil, 1, []string{"namespaces [mill]"}, false},
		"none of them":              {"", []string{"", "mill", "shop"}, both, nil, 0, nil, true},
		"no namespaces":             {"", nil, nil, errForbidden, 2, []string{"levels []"}, false},
		"his own":                   {"", []string{""}, nil, errForbidden, 1, []string{"others [shop]", "levels []"}, false},
		"not even his own":          {"", []string{"", "shop"}, nil, errForbidden, 0, []string{"others [shop]"}, true},
		"one":                       {"shop", []string{""}, both, nil, 1, nil, false},
		"one that may not be named": {"shop", []string{""}, nil, errForbidden, 1, []string{"levels []"}, false},
		"one that is closed":        {"shop", []string{"", "shop"}, both, nil, 0, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &searched{pods: pods, closed: test.closed, labels: test.labels, labelsErr: test.labelsErr}
			rows, summary, err := ran(t, s, KindSources{}, FindRequest{Namespace: test.namespace, Own: "shop"})
			var forbidden *fault.Forbidden
			if len(rows) != test.rows || errors.As(err, &forbidden) != test.forbidden || err != nil && !test.forbidden {
				t.Errorf("%q, %v; want %d rows", rows, err, test.rows)
			}
			if test.forbidden && forbidden.Namespace != test.namespace {
				t.Errorf("forbidden in %q", forbidden.Namespace)
			}
			var unseen []string
			for _, u := range summary.Unseen {
				unseen = append(unseen, fmt.Sprintf("%s %v", u.About, u.Names))
			}
			if diff := cmp.Diff(test.unseen, unseen); diff != "" {
				t.Errorf("unseen (-want +got):\n%s", diff)
			}
		})
	}
}

// TestFindTorn: that the pages are not of one moment is told; a namespace that there is not is an error.
func TestFindTorn(t *testing.T) {
	t.Parallel()
	var pods []*corev1.Pod
	for n := range 5 {
		pods = append(pods, ofImage("shop", fmt.Sprint(n), "x", "a").Build())
	}
	rows, summary, err := ran(t, &searched{pods: pods, torn: true}, KindSources{}, FindRequest{})
	if err != nil || len(rows) != 5 || len(summary.Unseen) != 1 || summary.Unseen[0].About != UnseenMoment {
		t.Errorf("%d rows, %+v, %v", len(rows), summary.Unseen, err)
	}
	absent := apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, "shpo")
	_, _, err = ran(t, &searched{labelsErr: absent}, KindSources{}, FindRequest{Namespace: "shpo"})
	var nothing *fault.NothingToCheck
	if !errors.As(err, &nothing) || !nothing.NoNamespace {
		t.Errorf("error %v; want that there is no such namespace", err)
	}
}

// TestFindRegistry: each image is asked about once, whatever pods run it, and only where nothing else tells; a registry that
// gives no answer once; what it tells is kept.
func TestFindRegistry(t *testing.T) {
	t.Parallel()
	const ran1 = "RUN /bin/sh -c x"
	unreachable := &fault.Registry{Image: "down.test/a", Reason: fault.RegistryUnreachable, Cause: errors.New("no route")}
	images := &library{images: map[string]any{
		"x.test/a:1": []string{ran1}, "x.test/b:1": []string{ran1, ran1}, "x.test/c:1": []string{ran1, "COPY x"},
		"locked.test/a:1": &fault.Registry{Reason: fault.ImageUnauthorized, Cause: errors.New("401")},
		"down.test/a:1":   unreachable, "down.test/b:1": unreachable,
	}}
	var pods []*corev1.Pod
	for n := range 3 { // of several pages
		name := fmt.Sprint(n)
		pods = append(pods, ofImage("shop", "a"+name, "x.test/a:1", "a").Build(), ofImage("shop", "d"+name, "locked.test/a:1", "d").Build())
	}
	pods = append(
		pods, ofImage("shop", "b", "x.test/b:1", "b").Build(), ofImage("shop", "c", "x.test/c:1", "c").Build(),
		ofImage("shop", "e", "down.test/a:1", "e").Build(), ofImage("shop", "f", "gcr.io/distroless/cc", "f").Build(),
		ofImage("shop", "g", "down.test/b:1", "0").Build(), kubetest.Pod("shop", "new").Image("x.test/new:1").Build(),
	)
	cache := imagekind.NewCache(t.TempDir())
	rows, summary, err := ran(t, &searched{pods: pods}, KindSources{Images: images, Cache: cache}, FindRequest{Registry: true, MaxBytes: 1})
	const (
		shell  = "app container: shell, likely, a step of its history ran /bin/sh"
		locked = "app container: unknown, , registry locked.test: unauthorized"
		down   = "app container: unknown, , registry down.test: unreachable"
	)
	want := []string{
		"shop/a0 " + shell, "shop/d0 " + locked, "shop/a1 " + shell, "shop/d1 " + locked, "shop/a2 " + shell, "shop/d2 " + locked,
		"shop/b " + shell, "shop/c app container: unknown, , shell on linux/0, scratch on linux/1, and nothing tells which the node is",
		"shop/e " + down, "shop/f app container: distroless, likely, its name is that of a distroless image", "shop/g " + down,
		"shop/new app container: unknown, , it has not run yet",
	}
	if diff := cmp.Diff(want, rows); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	slices.Sort(images.opened)
	if diff := cmp.Diff([]string{"down.test/a:1", "locked.test/a:1", "x.test/a:1", "x.test/b:1", "x.test/c:1"}, images.opened); diff != "" {
		t.Errorf("images opened (-want +got):\n%s", diff)
	}
	var unseen []string
	for _, u := range summary.Unseen {
		unseen = append(unseen, fmt.Sprintf("%s %v %d", u.About, u.Names, u.Count))
	}
	if diff := cmp.Diff([]string{"images [down.test] 2", "images [locked.test] 1"}, unseen); diff != "" {
		t.Errorf("unseen (-want +got):\n%s", diff)
	}
	images.opened = nil
	again, _, err := ran(t, &searched{pods: pods[:1]}, KindSources{Images: images, Cache: cache}, FindRequest{Registry: true, MaxBytes: 1})
	if err != nil || !slices.Equal(again, want[:1]) || len(images.opened) > 0 {
		t.Errorf("again: %q, %v, after %q was opened", again, err, images.opened)
	}
}

// shellBox answers execs: it has the shells named, or fails.
type shellBox struct {
	mu     sync.Mutex
	has    map[string]string // pod to shell
	fails  map[string]error
	execed []string
}

func (b *shellBox) Exec(_ context.Context, c attach.Container, command []string, _ attach.Streams) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.execed = append(b.execed, c.Pod+" "+strings.Join(command, " "))
	switch err := b.fails[c.Pod]; {
	case err != nil:
		return 0, err
	case b.has[c.Pod] == command[0]:
		return 0, nil
	case strings.HasPrefix(command[0], "/"):
		return 0, fmt.Errorf(`OCI runtime exec failed: exec failed: unable to start container process: exec: %q: stat %s: no such file or directory`, command[0], command[0])
	}
	return 0, fmt.Errorf(`OCI runtime exec failed: exec failed: unable to start container process: exec: %q: executable file not found in $PATH`, command[0])
}

// TestFindProbe: one container of each image that nothing else tells of, and one that runs.
func TestFindProbe(t *testing.T) {
	t.Parallel()
	box := &shellBox{has: map[string]string{"a": "sh", "b": "/busybox/sh"}, fails: map[string]error{"d": errForbidden}}
	waiting := ofImage("shop", "a-waits", "x", "a").Waiting("app", "CrashLoopBackOff", "")
	pods := []*corev1.Pod{
		waiting.Build(), ofImage("shop", "a", "x", "a").Build(), ofImage("shop", "a2", "x", "a").Build(), ofImage("shop", "b", "x", "b").Build(),
		ofImage("shop", "c", "x", "c").Build(), ofImage("shop", "d", "x", "d").Build(),
		ofImage("shop", "named", "gcr.io/distroless/cc", "e").Build(), ofImage("shop", "f", "x", "f").Waiting("app", "ImagePullBackOff", "").Build(),
	}
	rows, summary, err := ran(t, &searched{pods: pods}, KindSources{Execer: box}, FindRequest{Probe: true})
	want := []string{
		"shop/a-waits app container: shell, certain, sh was run in it", "shop/a app container: shell, certain, sh was run in it",
		"shop/a2 app container: shell, certain, sh was run in it", "shop/b app container: shell, certain, /busybox/sh was run in it",
		"shop/c app container: no-shell, likely, none of these could be run in it: sh, /busybox/sh, bash",
		"shop/d app container: unknown, , no command could be run in it",
		"shop/named app container: distroless, likely, its name is that of a distroless image", "shop/f app container: unknown, , ",
	}
	if diff := cmp.Diff(want, rows); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	slices.Sort(box.execed)
	if diff := cmp.Diff([]string{"a sh -c :", "b /busybox/sh -c :", "b sh -c :", "c /busybox/sh -c :", "c bash -c :", "c sh -c :", "d sh -c :"}, box.execed); diff != "" {
		t.Errorf("execs (-want +got):\n%s", diff)
	}
	if len(summary.Unseen) != 1 || summary.Unseen[0].About != UnseenProbes || summary.Unseen[0].Count != 1 {
		t.Errorf("unseen %+v", summary.Unseen)
	}
}

// TestFindEnds: an interrupt ends a search, and so does output that nobody takes.
func TestFindEnds(t *testing.T) {
	t.Parallel()
	s := &searched{world: &world{}, pods: []*corev1.Pod{ofImage("shop", "a", "x.test/a:1", "a").Build()}}
	broken := errors.New("broken pipe")
	_, err := Find(t.Context(), s, KindSources{}, FindRequest{Kinds: imagekind.Kinds()}, func([]Found) error { return broken }, func(FindProgress) {})
	if !errors.Is(err, broken) {
		t.Errorf("error %v; want %v", err, broken)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	interrupted := errors.New("interrupted")
	cancel(interrupted)
	_, err = Find(ctx, s, KindSources{Images: &library{}}, FindRequest{Kinds: imagekind.Kinds(), Registry: true},
		func([]Found) error { t.Error("it went on"); return nil }, func(FindProgress) {})
	if !errors.Is(err, interrupted) {
		t.Errorf("error %v; want %v", err, interrupted)
	}
}
