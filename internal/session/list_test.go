package session

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
	"github.com/mindebug/kubectl-mindebug/pkg/attach"
)

// TestList: a session container is told by what it runs, whatever it is called.
func TestList(t *testing.T) {
	t.Parallel()
	ours := func(name string) corev1.EphemeralContainer {
		c := made(t, func(s *Settings) { s.Reason, s.Profile = "costs $5", "--profile=general" })
		c.Name = name
		return c
	}
	fake := ours("mindebug-fake")
	fake.Command[2] = "exec sleep 1000"
	other := corev1.EphemeralContainer{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "mindebug-other", Image: "busybox"}}
	at := metav1.NewTime(time.Unix(1700000000, 0))
	pod := kubetest.Pod("shop", "web").Running(65532, 65532).
		Ephemeral(other).Ephemeral(fake).Ephemeral(ours("starting")).Ephemeral(ours("stuck")).Ephemeral(ours("running")).Ephemeral(ours("ended")).Ephemeral(ours("killed")).
		With(func(p *corev1.Pod) {
			state := func(name string, s corev1.ContainerState) {
				p.Status.EphemeralContainerStatuses = append(p.Status.EphemeralContainerStatuses, corev1.ContainerStatus{Name: name, State: s})
			}
			state("stuck", corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff"}})
			state("running", corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: at}})
			state("ended", corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
				StartedAt: at, FinishedAt: at, Reason: "Completed", Message: "mindebug: its last session left\n",
			}})
			state("killed", corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{StartedAt: at, FinishedAt: at, Reason: "OOMKilled"}})
		}).Build()
	id := int64(65532)
	listed := func(name string, state State, why string, started, ended time.Time) Listed {
		return Listed{
			Name: name, Target: "app", Image: "debug:1", User: "dana", Reason: "costs $5", Version: "v1", Profile: "--profile=general",
			UID: &id, GID: &id, TTL: 30 * time.Minute, State: state, Why: why, Started: started, Ended: ended,
		}
	}
	want := []Listed{
		listed("starting", Starting, "", time.Time{}, time.Time{}),
		listed("stuck", Failing, "ImagePullBackOff", time.Time{}, time.Time{}),
		listed("running", Running, "", at.Time, time.Time{}),
		listed("ended", Ended, "its last session left", at.Time, at.Time),
		listed("killed", Ended, "OOMKilled", at.Time, at.Time),
	}
	if diff := cmp.Diff(want, List(pod)); diff != "" {
		t.Errorf("listed (-want +got):\n%s", diff)
	}
}

func TestParseLook(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		uses               []Use
		stopping, answered bool
	}{
		"":                               {},
		"mindebug 2\nend\n":              {},
		"mindebug 1\n":                   {},
		"mindebug 1\nend\n":              {answered: true},
		"mindebug 1\nstopping\nend\n":    {stopping: true, answered: true},
		"mindebug 1\nstopping\n":         {stopping: true},
		"mindebug 1\nsession x -\nend\n": {},
		"mindebug 1\nsession 61 mindebug:abc:INC-7: a b\nsession 5 -\nsession 0 mindebug:def:\nend\n": {answered: true, uses: []Use{
			{ID: "abc", Reason: "INC-7: a b", For: 61 * time.Second}, {For: 5 * time.Second}, {ID: "def"},
		}},
		"mindebug 1\ndetached 61 3600 mindebug:abc:a b\nend\n": {answered: true, uses: []Use{
			{ID: "abc", Reason: "a b", For: 61 * time.Second, Detached: true, Limit: time.Hour},
		}},
		"mindebug 1\ndetached 61 mindebug:abc:\nend\n": {},
	} {
		uses, stopping, answered := parseLook(text)
		if diff := cmp.Diff(want.uses, uses); diff != "" || stopping != want.stopping || answered != want.answered {
			t.Errorf("%q: stopping %t, answered %t, uses (-want +got):\n%s", text, stopping, answered, diff)
		}
	}
}

// looked is an Execer that answers once.
type looked struct {
	answer  string
	err     error
	command []string
}

func (l *looked) Exec(_ context.Context, _ attach.Container, command []string, s attach.Streams) (int, error) {
	l.command = command
	_, _ = io.WriteString(s.Stdout, l.answer)
	return 0, l.err
}

func TestLook(t *testing.T) {
	t.Parallel()
	var notEntered *fault.NotEntered
	pod, in := kubetest.Pod("shop", "web").Build(), &Listed{Name: "mindebug-x"}
	l := &looked{answer: "mindebug 1\nstopping\n", err: io.ErrUnexpectedEOF}
	if _, stopping, err := Look(t.Context(), l, pod, in, StopAnyway); !stopping || err != nil {
		t.Errorf("a container that ends before its answer does: stopping %t, %v", stopping, err)
	}
	if diff := cmp.Diff([]string{"sh", "-c", `eval "$MINDEBUG_LOOK"`, "mindebug-look", "force"}, l.command); diff != "" {
		t.Errorf("command (-want +got):\n%s", diff)
	}
	held := &Listed{Name: "app", Shell: "/x/bin/sh", Prelude: ". /x/env; "}
	if _, stopping, err := Look(t.Context(), l, pod, held, StopUnused); !stopping || err != nil || l.command[0] != held.Shell || l.command[2] != `. /x/env; eval "$MINDEBUG_LOOK"` {
		t.Errorf("in a container with a shell of its own: stopping %t, %v, by %q", stopping, err, l.command)
	}
	for _, l := range []*looked{{answer: ""}, {answer: "mindebug 1\n"}, {answer: "mindebug 1\nend\n", err: io.EOF}} {
		if _, _, err := Look(t.Context(), l, pod, in, NoStop); !errors.As(err, &notEntered) {
			t.Errorf("answer %q and %v: error %v, want that it was not entered", l.answer, l.err, err)
		}
	}
}

// TestHeldContainer: a container of the pod's own is held for sessions by what it runs alone.
func TestHeldContainer(t *testing.T) {
	t.Parallel()
	holder := append(Holder("/x/bin/sh", "d=/x; . $d/env; ", 0), "/app/server")
	for name, test := range map[string]struct {
		command []string
		want    bool
	}{
		"a holder":        {holder, true},
		"another command": {[]string{"sh", "-c", "sleep 1"}, false},
		"few words":       {holder[:4], false},
		"its name only":   {[]string{"sh", "-c", "sleep 1", "mindebug-hold", "0"}, false},
		"none":            {nil, false},
	} {
		pod := kubetest.Pod("shop", "web").Running(7, 8).With(func(p *corev1.Pod) { p.Spec.Containers[0].Command = test.command }).Build()
		l, ok := Held(pod, "app")
		if ok != test.want || ok && (l.Name != "app" || l.State != Running || l.Shell != "/x/bin/sh" || l.Prelude != "d=/x; . $d/env; ") {
			t.Errorf("%s: %t, %+v", name, ok, l)
		}
	}
	if _, ok := Held(kubetest.Pod("shop", "web").Build(), "none"); ok {
		t.Error("a container that there is not is held")
	}
}

func TestAwaitEnd(t *testing.T) {
	t.Parallel()
	c := made(t, nil)
	base := func() *kubetest.PodBuilder { return kubetest.Pod("shop", "web").Running(65532, 65532).Ephemeral(c) }
	t.Run("it ends", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			a := newAPI()
			a.pod = base().Up(c.Name, 65532, 65532).Build()
			a.pods.Modify(base().Up(c.Name, 65532, 65532).Build())
			a.pods.Modify(base().Terminated(c.Name, "Completed", 0).Build())
			if why, err := AwaitEnd(t.Context(), a, a.pod, c.Name, time.Minute); why != "Completed" || err != nil {
				t.Errorf("%q, %v; want that it has completed", why, err)
			}
		})
	})
	t.Run("it does not", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			a := newAPI()
			a.pod = base().Up(c.Name, 65532, 65532).Build()
			var late *fault.NotEnded
			if _, err := AwaitEnd(t.Context(), a, a.pod, c.Name, time.Minute); !errors.As(err, &late) || late.Waited != time.Minute {
				t.Errorf("error %v, want that it has not ended", err)
			}
		})
	})
	t.Run("the pod is gone", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			a := newAPI()
			a.pod = base().Build()
			a.pods.Delete(a.pod)
			var replaced *fault.Replaced
			if _, err := AwaitEnd(t.Context(), a, a.pod, c.Name, time.Minute); !errors.As(err, &replaced) {
				t.Errorf("error %v, want that the pod is gone", err)
			}
		})
	})
	t.Run("interrupted", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			a := newAPI()
			a.pod = base().Build()
			ctx, cancel := context.WithCancelCause(t.Context())
			stop := errors.New("interrupted")
			cancel(stop)
			if _, err := AwaitEnd(ctx, a, a.pod, c.Name, time.Minute); !errors.Is(err, stop) {
				t.Errorf("error %v, want the cause", err)
			}
		})
	})
}
