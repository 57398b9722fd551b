package session

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"reflect"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/pkg/attach"
)

var (
	podName      = fault.Pod{Namespace: "shop", Name: "web"}
	pods         = schema.GroupResource{Resource: "pods"}
	errNotYet    = errors.New("container not found")
	unauthorized = apierrors.NewUnauthorized("token expired")
	forbidden    = apierrors.NewForbidden(pods, "web", errors.New("no exec for you"))
)

func refusals(n int) []error {
	var out []error
	for range n {
		out = append(out, errNotYet)
	}
	return out
}

const bound = time.Minute

// TestEnter plays what an API server and a kubelet say while a session container starts.
func TestEnter(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	up := func(a *api) { a.pods.Modify(debugged().Up("mindebug-x", 65532, 65532).Build()) }
	early := earlyTries
	down := func() error { return &fault.Unreachable{Server: "https://s", Cause: errNotYet} }
	noDial := error(&net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 6443}, Err: syscall.ECONNREFUSED})
	blind := func(a *api) { a.noEvts = forbidden }
	tests := []struct {
		name string
		// container is the other end, script what the API server says, in a goroutine of its own.
		container container
		api       func(*api)
		script    func(t *testing.T, a *api)
		want      error
		status    int
		// tries are when execs were asked for, counted from the beginning.
		tries []time.Duration
		took  time.Duration
	}{
		{
			name: "at the first early try", container: container{command: exits(3)},
			api:    blind,
			status: 3, tries: early[:1], took: early[0],
		},
		{
			name: "at the third", container: container{refusals: refusals(2), command: exits(0)},
			api:   blind,
			tries: early[:3], took: early[2],
		},
		{
			name: "at most four early tries", container: container{refusals: refusals(100)},
			api:   blind,
			want:  &fault.NotStarted{Pod: podName, Container: "mindebug-x", Image: "debug:1", Reason: errNotYet.Error(), Waited: bound},
			tries: early, took: bound,
		},
		{
			name: "running in the status: at once", container: container{command: exits(0)},
			script: func(t *testing.T, a *api) { wait(t, 20*ms); up(a) },
			tries:  []time.Duration{20 * ms}, took: 20 * ms,
		},
		{
			name: "none while pulling", container: container{command: exits(0)},
			script: func(t *testing.T, a *api) {
				a.events.Add(event(corev1.EventTypeNormal, "Pulling", ""))
				wait(t, 30*time.Second)
				a.events.Add(event(corev1.EventTypeNormal, "Pulled", ""))
				wait(t, 100*ms)
				a.events.Add(event(corev1.EventTypeNormal, "Started", ""))
			},
			tries: []time.Duration{30100 * ms}, took: 30100 * ms,
		},
		{
			name: "still pulling when time is up", container: container{command: exits(0)},
			script: func(_ *testing.T, a *api) { a.events.Add(event(corev1.EventTypeNormal, "Pulling", "Pulling image")) },
			want: &fault.NotStarted{
				Pod: podName, Container: "mindebug-x", Image: "debug:1", Reason: "Pulling", Message: "Pulling image", Waited: bound,
			},
			took: bound,
		},
		{
			name: "Events may be read, and nothing is heard: no try",
			want: &fault.NotStarted{Pod: podName, Container: "mindebug-x", Image: "debug:1", Waited: bound}, took: bound,
		},
		{
			name: "Events end: the early tries that remain", container: container{refusals: refusals(1), command: exits(0)},
			script: func(t *testing.T, a *api) { wait(t, 100*ms); a.events.Stop() },
			tries:  early[:2], took: early[1],
		},
		{
			name: "Events end while pulling: no try", container: container{command: exits(0)},
			script: func(t *testing.T, a *api) {
				a.events.Add(event(corev1.EventTypeNormal, "Pulling", ""))
				wait(t, 100*ms)
				a.events.Stop()
				wait(t, 10*time.Second)
				up(a)
			},
			tries: []time.Duration{10100 * ms}, took: 10100 * ms,
		},
		{
			name: "failed while pulling: it is the image",
			script: func(_ *testing.T, a *api) {
				a.events.Add(event(corev1.EventTypeNormal, "Pulling", ""))
				a.events.Add(event(corev1.EventTypeWarning, "Failed", "not found"))
			},
			want: &fault.NotStarted{Pod: podName, Container: "mindebug-x", Image: "debug:1", Reason: "ErrImagePull", Message: "not found"},
		},
		{
			name: "the runtime restarts", container: container{command: exits(0)},
			script: func(t *testing.T, a *api) {
				const down = `rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing"`
				a.events.Add(event(corev1.EventTypeWarning, "InspectFailed", `Failed to inspect image "": `+down))
				a.events.Add(event(corev1.EventTypeWarning, "Failed", "Error: ImageInspectError"))
				a.pods.Modify(debugged().Waiting("mindebug-x", "ImageInspectError", down).Build())
				wait(t, 4*time.Second)
				a.events.Add(event(corev1.EventTypeNormal, "Started", ""))
			},
			tries: []time.Duration{4 * time.Second}, took: 4 * time.Second,
		},
		{
			name: "the runtime stays down",
			script: func(_ *testing.T, a *api) {
				a.events.Add(event(corev1.EventTypeWarning, "InspectFailed", `rpc error: code = Unavailable desc = down`))
			},
			want: &fault.NotStarted{
				Pod: podName, Container: "mindebug-x", Image: "debug:1", Reason: "InspectFailed", Message: "rpc error: code = Unavailable desc = down", Waited: bound,
			},
			took: bound,
		},
		{
			name: "runs and cannot be entered", container: container{refusals: refusals(100)},
			api:    blind,
			script: func(t *testing.T, a *api) { wait(t, 10*time.Second); up(a) },
			want:   &fault.NotEntered{Pod: podName, Container: "mindebug-x", Cause: errNotYet},
			tries:  append(append([]time.Duration{}, early...), 10*time.Second, 10*time.Second+retryAfter, 10*time.Second+2*retryAfter),
			took:   10*time.Second + 2*retryAfter,
		},
		{
			name: "exec is forbidden: one try", container: container{refusals: []error{forbidden}},
			api:   blind,
			want:  &fault.NotEntered{Pod: podName, Container: "mindebug-x", Cause: forbidden},
			tries: early[:1], took: early[0],
		},
		{
			name: "the target is gone", container: container{greeting: "mindebug 1\nstop gone\n"},
			api:   blind,
			want:  &fault.TargetGone{Pod: podName, Container: "mindebug-x"},
			tries: early[:1], took: early[0],
		},
		{
			name: "the namespace is not shared", container: container{greeting: "mindebug 1\nstop apart\n"},
			api:   blind,
			want:  &fault.Apart{Pod: podName, Container: "mindebug-x"},
			tries: early[:1], took: early[0],
		},
		{
			name: "ended before it was entered", container: container{refusals: refusals(100)},
			script: func(t *testing.T, a *api) {
				wait(t, 100*ms)
				a.pods.Modify(debugged().Terminated("mindebug-x", "Error", 1).Build())
			},
			want: &fault.NotStarted{Pod: podName, Container: "mindebug-x", Image: "debug:1", Reason: "Error"}, took: 100 * ms,
		},
		{
			name: "the target ended", container: container{refusals: refusals(100)},
			script: func(t *testing.T, a *api) {
				wait(t, 100*ms)
				a.pods.Modify(debugged().Terminated("app", "Completed", 0).Build())
			},
			want: &fault.NotStarted{
				Pod: podName, Container: "mindebug-x", Image: "debug:1",
				Reason: "TargetEnded", Message: "the target's process ended before the session container had started",
			},
			took: 100 * ms,
		},
		{
			name: "the pod is finished: nothing is started in it", container: container{refusals: refusals(100)},
			script: func(t *testing.T, a *api) {
				wait(t, 100*ms)
				a.pods.Modify(debugged().With(func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded }).Build())
			},
			want: &fault.NotStarted{
				Pod: podName, Container: "mindebug-x", Image: "debug:1",
				Reason: "TargetEnded", Message: "the target's process ended before the session container had started",
			},
			took: 100 * ms,
		},
		{
			name: "a warning Event",
			script: func(t *testing.T, a *api) {
				wait(t, 100*ms)
				a.events.Add(event(corev1.EventTypeWarning, "Failed", "Error: cannot join"))
			},
			want: &fault.NotStarted{Pod: podName, Container: "mindebug-x", Image: "debug:1", Reason: "Failed", Message: "Error: cannot join"},
			took: 100 * ms,
		},
		{
			name: "no shell in the image",
			script: func(_ *testing.T, a *api) {
				a.events.Add(event(corev1.EventTypeWarning, "Failed", `Error: runc create failed: exec: "sh": executable file not found in $PATH: unknown`))
			},
			want: &fault.NotStarted{
				Pod: podName, Container: "mindebug-x", Image: "debug:1", Reason: "Failed", NoShell: true,
				Message: `Error: runc create failed: exec: "sh": executable file not found in $PATH: unknown`,
			},
		},
		{
			name: "the pod is being deleted", script: func(_ *testing.T, a *api) {
				a.pods.Modify(debugged().With(func(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{} }).Build())
			},
			want: &fault.Replaced{Pod: podName},
		},
		{
			name: "the pod was deleted at once", script: func(_ *testing.T, a *api) { a.pods.Delete(debugged().Build()) },
			want: &fault.Replaced{Pod: podName},
		},
		{
			name: "another pod of that name", script: func(_ *testing.T, a *api) {
				a.pods.Add(debugged().With(func(p *corev1.Pod) { p.UID = "another" }).Build())
			},
			want: &fault.Replaced{Pod: podName},
		},
		{
			name: "may not watch: reads once a second", container: container{refusals: refusals(4), command: exits(0)},
			api: func(a *api) { a.noPods, a.noEvts = forbidden, forbidden },
			script: func(t *testing.T, a *api) {
				wait(t, 2500*ms)
				a.set(debugged().Up("mindebug-x", 65532, 65532).Build(), nil)
			},
			tries: append(append([]time.Duration{}, early...), 3*time.Second), took: 3 * time.Second,
		},
		{
			name: "the watch ends: reads go on", container: container{refusals: refusals(4), command: exits(0)},
			script: func(t *testing.T, a *api) {
				a.events.Stop()
				wait(t, 1500*ms)
				a.pods.Stop()
				a.set(debugged().Up("mindebug-x", 65532, 65532).Build(), nil)
			},
			tries: append(append([]time.Duration{}, early...), 2500*ms), took: 2500 * ms,
		},
		{
			name: "reading the pod fails for a while", container: container{refusals: refusals(4), command: exits(0)},
			api: func(a *api) { a.noPods, a.noEvts = forbidden, forbidden; a.podErr = errors.New("server is down") },
			script: func(t *testing.T, a *api) {
				wait(t, 20500*ms)
				a.set(debugged().Up("mindebug-x", 65532, 65532).Build(), nil)
			},
			tries: append(append([]time.Duration{}, early...), 21*time.Second), took: 21 * time.Second,
		},
		{
			name: "the API server is silent for less than a call may take", container: container{refusals: refusals(4), command: exits(0)},
			api: func(a *api) { a.noPods, a.noEvts, a.podErr = down(), down(), down() },
			script: func(t *testing.T, a *api) {
				wait(t, 9500*ms)
				a.set(debugged().Build(), nil)
				wait(t, time.Second)
				a.set(debugged().Build(), down())
				wait(t, 9*time.Second)
				a.set(debugged().Up("mindebug-x", 65532, 65532).Build(), nil)
			},
			tries: append(append([]time.Duration{}, early...), 20*time.Second), took: 20 * time.Second,
		},
		{
			name: "the API server is silent", container: container{refusals: refusals(100)},
			script: func(t *testing.T, a *api) {
				wait(t, 5*time.Second)
				a.set(nil, down())
				a.pods.Stop()
			},
			want: &fault.Unreachable{Server: "https://s", Cause: errNotYet, Added: "mindebug-x"}, took: 5*time.Second + silentAfter,
		},
		{
			name: "the token expires in the wait", container: container{refusals: refusals(100)},
			script: func(t *testing.T, a *api) {
				wait(t, 5*time.Second)
				a.set(nil, unauthorized)
				a.pods.Stop()
			},
			want: &fault.LoggedOut{Added: "mindebug-x", Server: unauthorized}, took: 6 * time.Second,
		},
		{
			name: "the token has expired when the container runs", container: container{refusals: []error{unauthorized}},
			script: func(_ *testing.T, a *api) { up(a) },
			want:   &fault.LoggedOut{Added: "mindebug-x", Server: unauthorized}, tries: []time.Duration{0},
		},
		{
			name: "no connection for the session", container: container{refusals: []error{noDial, noDial, noDial}},
			script: func(_ *testing.T, a *api) { a.events.Add(event(corev1.EventTypeNormal, "Started", "")) },
			want:   &fault.Unreachable{Server: "10.0.0.1:6443", Cause: noDial, Added: "mindebug-x"},
			tries:  []time.Duration{0, retryAfter, 2 * retryAfter}, took: 2 * retryAfter,
		},
		{
			name: "reading finds no pod", container: container{refusals: refusals(100)},
			api:  func(a *api) { a.noPods, a.noEvts, a.podErr = forbidden, forbidden, apierrors.NewNotFound(pods, "web") },
			want: &fault.Replaced{Pod: podName}, tries: early[:3], took: time.Second,
		},
		{
			name: "the connection is lost after the command began",
			container: container{command: func(context.Context, attach.Streams, <-chan string) (int, error) {
				return 0, &attach.LostError{Cause: io.ErrUnexpectedEOF}
			}},
			api:   blind,
			want:  &fault.Lost{Pod: podName, Container: "mindebug-x", Cause: io.ErrUnexpectedEOF},
			tries: early[:1], took: early[0],
		},
		{
			name: "a session has no bound", container: container{command: func(context.Context, attach.Streams, <-chan string) (int, error) {
				<-time.After(time.Hour)
				return 5, nil
			}},
			script: func(t *testing.T, a *api) {
				a.events.Add(event(corev1.EventTypeNormal, "Started", ""))
				wait(t, 2*time.Second)
				a.events.Add(event(corev1.EventTypeWarning, "Failed", "too late to matter"))
			},
			status: 5, tries: []time.Duration{0}, took: time.Hour,
		},
	}
	for i := range tests {
		test := &tests[i]
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a := newAPI()
				if test.api != nil {
					test.api(a)
				}
				start := time.Now()
				if test.script != nil {
					go test.script(t, a)
				}
				status, err := Enter(t.Context(), a, &test.container, debugged().Build(), "mindebug-x", bound, aRequest(io.Discard))
				took := time.Since(start)
				if diff := cmp.Diff(test.want, err, everyField); diff != "" {
					t.Errorf("error (-want +got):\n%s", diff)
				}
				if status != test.status {
					t.Errorf("status = %d; want %d", status, test.status)
				}
				if took != test.took {
					t.Errorf("it took %s; want %s", took, test.took)
				}
				var tries []time.Duration
				for _, at := range test.container.tries() {
					tries = append(tries, at.Sub(start))
				}
				if diff := cmp.Diff(test.tries, tries); diff != "" {
					t.Errorf("tries (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// everyField compares errors by what is in them.
var everyField = cmp.Exporter(func(reflect.Type) bool { return true })

// exits is a command that ends at once.
func exits(status int) func(context.Context, attach.Streams, <-chan string) (int, error) {
	return func(context.Context, attach.Streams, <-chan string) (int, error) { return status, nil }
}

// TestEnterHopeless: each reason of the kubelet's for which nothing will start ends the wait with its words.
func TestEnterHopeless(t *testing.T) {
	t.Parallel()
	for reason := range hopeless {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a := newAPI()
				a.pods.Modify(debugged().Waiting("mindebug-x", "ContainerCreating", "").Build())
				a.pods.Modify(debugged().Waiting("mindebug-x", reason, "why").Build())
				f := &container{}
				_, err := Enter(t.Context(), a, f, debugged().Build(), "mindebug-x", bound, aRequest(io.Discard))
				want := &fault.NotStarted{Pod: podName, Container: "mindebug-x", Image: "debug:1", Reason: reason, Message: "why"}
				if diff := cmp.Diff(error(want), err); diff != "" {
					t.Errorf("error (-want +got):\n%s", diff)
				}
				if len(f.tries()) > 0 {
					t.Errorf("it was tried %d times", len(f.tries()))
				}
			})
		})
	}
}

// TestEnterNamesPullSecrets: an image that cannot be pulled may want other secrets than the pod's.
func TestEnterNamesPullSecrets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		pod := debugged().With(func(p *corev1.Pod) {
			p.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "regcred"}, {Name: "mirror"}}
		})
		a := newAPI()
		a.pods.Modify(pod.Waiting("mindebug-x", "ErrImagePull", "unauthorized").Build())
		_, err := Enter(t.Context(), a, &container{}, pod.Build(), "mindebug-x", bound, aRequest(io.Discard))
		want := &fault.NotStarted{
			Pod: podName, Container: "mindebug-x", Image: "debug:1", Reason: "ErrImagePull", Message: "unauthorized", PullSecrets: []string{"regcred", "mirror"},
		}
		if diff := cmp.Diff(error(want), err); diff != "" {
			t.Errorf("error (-want +got):\n%s", diff)
		}
	})
}

// TestEnterIsCancelled: whoever cancels gets the reason back, and no command begins after that.
func TestEnterIsCancelled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(10*time.Second, func() { cancel(&fault.Interrupted{Signal: 2}) })
		_, err := Enter(ctx, newAPI(), &container{refusals: refusals(100)}, debugged().Build(), "mindebug-x", bound, aRequest(io.Discard))
		if diff := cmp.Diff(error(&fault.Interrupted{Signal: 2}), err); diff != "" {
			t.Errorf("error (-want +got):\n%s", diff)
		}
	})
}

// TestEnterLeavesNoTry: a try that hangs is over when Enter returns, so that no command begins behind the user's back.
func TestEnterLeavesNoTry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAPI()
		a.events.Add(event(corev1.EventTypeNormal, "Started", ""))
		tried, returned := false, false
		hanging := execerFunc(func(ctx context.Context, _ attach.Container, _ []string, s attach.Streams) (int, error) {
			tried = true
			<-ctx.Done()
			if returned {
				t.Error("a try went on after Enter had returned")
			}
			return 0, ctx.Err()
		})
		r := aRequest(io.Discard)
		r.Begun = func(Greeting) { t.Error("begun") }
		_, err := Enter(t.Context(), a, hanging, debugged().Build(), "mindebug-x", bound, r)
		returned = true
		var notStarted *fault.NotStarted
		if !errors.As(err, &notStarted) || notStarted.Waited != bound || !tried {
			t.Errorf("error = %v, tried: %t; want a *fault.NotStarted after a try", err, tried)
		}
		synctest.Wait()
	})
}

// TestEnterTriesOneAtATime: what the status says does not start a second try beside one that is on its way.
func TestEnterTriesOneAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAPI()
		var now, most int
		slow := execerFunc(func(ctx context.Context, c attach.Container, command []string, s attach.Streams) (int, error) {
			now++
			most = max(most, now)
			wait(t, 5*time.Second)
			now--
			return (&container{command: exits(0)}).Exec(ctx, c, command, s)
		})
		go func() {
			for range 20 {
				wait(t, 100*time.Millisecond)
				a.pods.Modify(debugged().Up("mindebug-x", 65532, 65532).Build())
			}
		}()
		status, err := Enter(t.Context(), a, slow, debugged().Build(), "mindebug-x", bound, aRequest(io.Discard))
		if status != 0 || err != nil || most != 1 {
			t.Errorf("Enter = %d, %v with %d tries at once; want one", status, err, most)
		}
	})
}

func TestReenter(t *testing.T) {
	t.Parallel()
	in := attach.Container{Namespace: "shop", Pod: "web", Name: "mindebug-x"}
	interrupted := &fault.Interrupted{Signal: 15}
	tests := []struct {
		name   string
		execer Execer
		status int
		want   error
		output string
	}{
		{name: "the command's status", execer: &container{greeting: hello + "data", command: exits(42)}, status: 42, output: "data"},
		{name: "not found", execer: &container{refusals: refusals(1)}, want: &fault.NotEntered{Pod: podName, Container: "mindebug-x", Cause: errNotYet}},
		{name: "target gone", execer: &container{greeting: "mindebug 1\nstop gone\n"}, want: &fault.TargetGone{Pod: podName, Container: "mindebug-x"}},
		{name: "apart", execer: &container{greeting: "mindebug 1\nstop apart\n"}, want: &fault.Apart{Pod: podName, Container: "mindebug-x"}},
		{
			name: "lost", want: &fault.Lost{Pod: podName, Container: "mindebug-x", Cause: io.ErrUnexpectedEOF},
			execer: &container{command: func(context.Context, attach.Streams, <-chan string) (int, error) {
				return 0, &attach.LostError{Cause: io.ErrUnexpectedEOF}
			}},
		},
		{
			name: "frozen: nothing is heard", want: &fault.NotEntered{Pod: podName, Container: "mindebug-x", Cause: &lateError{bound}},
			execer: execerFunc(func(ctx context.Context, _ attach.Container, _ []string, _ attach.Streams) (int, error) {
				<-ctx.Done()
				return 0, ctx.Err()
			}),
		},
		{
			name: "a session has no bound", status: 1,
			execer: &container{command: func(ctx context.Context, _ attach.Streams, _ <-chan string) (int, error) {
				select {
				case <-time.After(time.Hour):
					return 1, nil
				case <-ctx.Done():
					return 0, ctx.Err()
				}
			}},
		},
	}
	for i := range tests {
		test := &tests[i]
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				status, err := Reenter(t.Context(), test.execer, in, bound, aRequest(&out))
				if diff := cmp.Diff(test.want, err, everyField); diff != "" {
					t.Errorf("error (-want +got):\n%s", diff)
				}
				if status != test.status || out.String() != test.output {
					t.Errorf("Reenter = %d with output %q; want %d, %q", status, out.String(), test.status, test.output)
				}
			})
		})
	}
	t.Run("interrupted", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancelCause(t.Context())
		hanging := execerFunc(func(ctx context.Context, _ attach.Container, _ []string, _ attach.Streams) (int, error) {
			cancel(interrupted)
			<-ctx.Done()
			return 0, ctx.Err()
		})
		_, err := Reenter(ctx, hanging, in, bound, aRequest(io.Discard))
		if !errors.Is(err, interrupted) {
			t.Errorf("error = %v; want the cause of the end, %v", err, interrupted)
		}
	})
}

// TestEnterSaysWhatItWaitsFor: in the order in which it happens.
func TestEnterSaysWhatItWaitsFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, f := newAPI(), &container{command: exits(0)}
		var said []string
		r := aRequest(io.Discard)
		r.Waiting = func(what string) { said = append(said, what) }
		for _, reason := range []string{"Pulling", "Pulled", "Created", "Started"} {
			a.events.Add(event(corev1.EventTypeNormal, reason, ""))
		}
		if _, err := Enter(t.Context(), a, f, a.pod, "mindebug-x", bound, r); err != nil {
			t.Fatal(err)
		}
		want := []string{"waiting for the container to start", "pulling image debug:1", "waiting for the container to start"}
		if diff := cmp.Diff(want, said); diff != "" {
			t.Errorf("said (-want +got):\n%s", diff)
		}
		said = nil
		if _, err := Reenter(t.Context(), f, attach.Container{}, bound, r); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"entering the session container"}, said); diff != "" {
			t.Errorf("said on entering again (-want +got):\n%s", diff)
		}
	})
}
