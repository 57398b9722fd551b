package app

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
	"github.com/mindebug/kubectl-mindebug/pkg/attach"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// CreatePod makes the copy, whose containers start as starts says, or else at once.
func (w *world) CreatePod(_ context.Context, pod *corev1.Pod, dryRun bool) (*corev1.Pod, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if dryRun {
		w.calls = append(w.calls, "dry run create")
		return pod.DeepCopy(), w.dryRunErr
	}
	w.calls = append(w.calls, "create")
	if w.patchErr != nil {
		return nil, w.patchErr
	}
	w.copied = pod.DeepCopy()
	w.copied.UID, w.copied.CreationTimestamp = "copy", metav1.NewTime(time.Now())
	return w.copied.DeepCopy(), nil
}

// DeletePod deletes the copy.
func (w *world) DeletePod(_ context.Context, pod *corev1.Pod) error {
	w.called("delete " + pod.Name)
	return w.deleteErr
}

// copyWorld is a world in which the copy is watched as it becomes, and as it is later.
type copyWorld struct {
	*world
	becomes, later []func(*corev1.Pod)
}

// WatchPod tells each state of the copy, one after the other.
func (w *copyWorld) WatchPod(context.Context, *corev1.Pod) (watch.Interface, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	states := watch.NewRaceFreeFake()
	for _, change := range w.becomes {
		change(w.copied)
		states.Modify(w.copied.DeepCopy())
	}
	w.becomes = w.later
	return states, nil
}

// state sets the state of the held container.
func state(s corev1.ContainerState) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Spec.NodeName = "node"
		p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "app", State: s}}
	}
}

// The states that a held container goes through.
var (
	runs   = state(corev1.ContainerState{Running: &corev1.ContainerStateRunning{}})
	waits  = state(corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "PodInitializing"}})
	pulls  = state(corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImagePull", Message: "no such image"}})
	killed = state(corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 137, Reason: "OOMKilled"}})
)

// crashed is a pod whose container does not stay up.
func crashed() *kubetest.PodBuilder {
	return nonRoot().Restarted("app", 4, corev1.ContainerStateTerminated{ExitCode: 2, Reason: "Error"}).With(func(p *corev1.Pod) {
		p.Spec.Containers[0].Command = []string{"/app/server"}
	})
}

func TestSessionInCopy(t *testing.T) {
	t.Parallel()
	copied := fault.Pod{Namespace: "shop", Name: "web-2"}
	gone := apierrors.NewNotFound(resources, "web-2")
	exits := func(status int, err error) func(context.Context, attach.Streams, <-chan string) (int, error) {
		return func(_ context.Context, s attach.Streams, _ <-chan string) (int, error) {
			_, _ = io.WriteString(s.Stdout, "data")
			return status, err
		}
	}
	entered := []string{"dry run create", "create", "delete web-2"}
	for _, test := range []struct {
		name    string
		pod     *kubetest.PodBuilder
		world   func(*world)
		becomes []func(*corev1.Pod)
		later   func(*corev1.Pod)
		request func(*CopyRequest)
		status  int
		want    error
		calls   []string
		says    []string
		prints  string
	}{
		{name: "a command", world: func(w *world) { w.run = exits(7, nil) }, status: 7, calls: entered, prints: "data"},
		{
			name: "a shell", request: func(r *CopyRequest) { r.Command = nil }, becomes: []func(*corev1.Pod){waits, runs}, calls: entered,
			says: []string{
				"copying pod/web to pod/web-2, with a shell in place of container app", "prod-eu shop/web-2 app copy: inside image ",
				"in pod/web it ended with exit code 2 (Error); what it printed: kubectl logs -n shop web -c app --previous",
				"run-target starts what the container runs, $TARGET_COMMAND, and says how it ended", "the copy is deleted when you leave, ", "deleted pod/web-2",
			},
		},
		{
			name: "a command that nobody knows", pod: nonRoot(), request: func(r *CopyRequest) { r.Command = nil }, calls: entered,
			says: []string{
				"copying pod/web", "prod-eu shop/web-2 app copy", "what the container runs is not known, since its spec has no command: ", "set it, and run-target starts it: ",
				"the copy is deleted when you leave, ", "deleted pod/web-2",
			},
		},
		{
			name: "who may not read the pod is told what a copy needs", world: func(w *world) { w.readErr = forbidden; w.mayNot = []string{"get pods"} },
			want: &fault.Forbidden{Namespace: "shop", Call: "get pods", User: "dana", Copies: true, Server: forbidden},
		},
		{
			name: "the server refuses the dry run", world: func(w *world) { w.dryRunErr = forbidden; w.mayNot = []string{"create pods"} }, calls: []string{"dry run create"},
			want: &fault.Forbidden{Namespace: "shop", Call: "create pods", User: "dana", Copies: true, Server: forbidden},
		},
		{
			name: "who may not delete it makes none", world: func(w *world) { w.mayNot = []string{"delete pods"} }, calls: []string{"dry run create"},
			want: &fault.Forbidden{Namespace: "shop", Call: "delete pods", User: "dana", Copies: true},
		},
		{
			name: "the name is taken meanwhile", world: func(w *world) { w.patchErr = apierrors.NewAlreadyExists(resources, "web-2") }, calls: []string{"dry run create", "create"},
			want: &fault.NameTaken{Pod: copied, Server: apierrors.NewAlreadyExists(resources, "web-2")},
		},
		{
			name: "an image that cannot be pulled", becomes: []func(*corev1.Pod){waits, pulls}, calls: entered,
			want: &fault.CopyNotStarted{Pod: copied, Container: "app", Reason: "ErrImagePull", Message: "no such image", Image: "mindebug.test/http:nonroot"},
		},
		{
			name: "it does not start in time", becomes: []func(*corev1.Pod){waits}, calls: entered,
			want: &fault.CopyNotStarted{Pod: copied, Reason: "waiting for the copy to start", Waited: time.Minute},
		},
		{
			name: "it cannot be deleted", world: func(w *world) { w.run, w.deleteErr = exits(3, nil), forbidden }, calls: entered, prints: "data",
			want: &fault.CopyRemains{Pod: copied, Cause: forbidden, Status: 3},
		},
		{name: "somebody deleted it", world: func(w *world) { w.run, w.deleteErr = exits(3, nil), gone }, status: 3, calls: entered, prints: "data"},
		{
			name: "its memory is used up", world: func(w *world) { w.run = exits(137, nil) }, later: killed, calls: entered, prints: "data",
			want: &fault.CopyEnded{Pod: copied, Exit: &fault.Exit{Code: 137, Reason: "OOMKilled"}},
		},
		{name: "only the command was killed", world: func(w *world) { w.run = exits(137, nil) }, status: 137, calls: entered, prints: "data"},
		{
			name: "the connection is lost", world: func(w *world) { w.run, w.cut = exits(0, &attach.LostError{Cause: io.ErrUnexpectedEOF}), true }, calls: entered, prints: "data",
			want: &fault.Lost{Pod: copied, Container: "app", Unchanged: true, Deleted: true, Cause: io.ErrUnexpectedEOF},
		},
		{
			name: "a container that there is not", request: func(r *CopyRequest) { r.Images = map[string]string{"ap": "x"} },
			want: &fault.NoContainer{Pod: web, Name: "ap", Near: []string{"app"}, Containers: []fault.Candidate{
				{Name: "app", Image: "mindebug.test/http:nonroot", Kind: "container", State: "running", Restarts: 4},
			}},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				if test.pod == nil {
					test.pod = crashed()
				}
				w := &copyWorld{&world{pod: test.pod.Build()}, test.becomes, []func(*corev1.Pod){runs}}
				if test.world != nil {
					test.world(w.world)
				}
				if w.becomes == nil {
					w.becomes = []func(*corev1.Pod){runs}
				}
				if test.later != nil {
					w.later = []func(*corev1.Pod){test.later}
				}
				r := CopyRequest{SessionRequest: aRequest(), Name: "web-2"}
				r.Command, r.Stdin = []string{"ls"}, false
				if test.request != nil {
					test.request(&r)
				}
				var out, errOut bytes.Buffer
				status, err := SessionInCopy(t.Context(), w, w, &w.registries, Streams{In: strings.NewReader(""), Out: &out, Err: &errOut}, r)
				var remains *fault.CopyRemains
				if errors.As(err, &remains) {
					if ends := time.Now().Add(r.TTL); remains.Until.After(ends) || remains.Until.Before(ends.Add(-time.Minute)) {
						t.Errorf("it is said to end at %s, want %s", remains.Until, ends)
					}
					remains.Until = time.Time{}
				}
				if diff := cmp.Diff(test.want, err, everyField); diff != "" {
					t.Errorf("error (-want +got):\n%s", diff)
				}
				if status != test.status || out.String() != test.prints {
					t.Errorf("exit status %d, want %d; it prints %q", status, test.status, &out)
				}
				var calls []string
				for _, call := range w.calls {
					if !strings.HasPrefix(call, "get") && !strings.HasPrefix(call, "may I") {
						calls = append(calls, call)
					}
				}
				if diff := cmp.Diff(test.calls, calls); diff != "" {
					t.Errorf("calls (-want +got):\n%s", diff)
				}
				says := strings.Split(strings.TrimSuffix(errOut.String(), "\n"), "\n")
				for i := range says {
					if i < len(test.says) && strings.HasPrefix(says[i], test.says[i]) {
						says[i] = test.says[i]
					}
				}
				if test.says == nil {
					test.says = []string{""}
				}
				if diff := cmp.Diff(test.says, says); diff != "" {
					t.Errorf("it says (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestCopyOfTheWorst: of a workload's pods the worst is copied, and that is said.
func TestCopyOfTheWorst(t *testing.T) {
	t.Parallel()
	w := &world{pod: nonRoot().Build()}
	bad := crashed().Waiting("app", "CrashLoopBackOff", "back-off").With(func(p *corev1.Pod) { p.Name = "web-9k" }).Build()
	w.siblings = []*corev1.Pod{bad}
	r := CopyRequest{SessionRequest: aRequest(), Name: "web-2"}
	r.Query = target.Query{Kind: "deployment", Name: "shop"}
	draft, err := DraftCopy(t.Context(), w, &w.registries, Streams{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard}, r, false)
	if err != nil || draft.Pod.Annotations["mindebug/copy-of"] != "web-9k" || draft.Pod.Name != "web-2" {
		t.Errorf("it is %+v, %v", draft.Pod, err)
	}
	r.Query = target.Query{Kind: "deployment", Name: "none"}
	if _, err := DraftCopy(t.Context(), w, &w.registries, Streams{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard}, r, false); err == nil {
		t.Error("of a Deployment that is not there is a copy")
	}
}
