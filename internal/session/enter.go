package session

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/pkg/attach"
)

// Cluster is what a session needs of the API server.
type Cluster interface {
	Pod(ctx context.Context, namespace, name string) (*corev1.Pod, error)
	WatchPod(ctx context.Context, pod *corev1.Pod) (watch.Interface, error)
	WatchEvents(ctx context.Context, pod *corev1.Pod, container string) (watch.Interface, error)
}

// Reenter runs a session in a container that runs already. The error is a *fault.NotEntered where the command did not
// begin within bound, for instance because the container has ended meanwhile.
func Reenter(ctx context.Context, execer Execer, c attach.Container, bound time.Duration, r Request) (int, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	late := time.AfterFunc(bound, func() { cancel(&lateError{bound}) })
	begun := r.Begun
	r.Begun = func(g Greeting) {
		late.Stop()
		begun(g)
	}
	r.wait(waitEntry)
	status, err := run(ctx, execer, c, r)
	late.Stop()
	var notBegun *notBegunError
	if !errors.As(err, &notBegun) {
		return status, lost(c, err)
	}
	if cause := context.Cause(ctx); cause != nil {
		notBegun.cause = cause
	}
	return 0, translate(c, notBegun.cause)
}

// What is waited for, in a user's words.
const (
	waitEntry = "entering the session container"
	waitStart = "waiting for the container to start"
	waitPull  = "pulling image "
)

// lateError says that nothing was heard from a container within the bound.
type lateError struct{ bound time.Duration }

func (e *lateError) Error() string { return fmt.Sprintf("nothing heard from it within %s", e.bound) }

// Early tries: the kubelet answers an exec from the runtime, not from the pod's status, so that a session can begin
// before the status says that its container runs. Where Events may be read, "Started" tells the moment, some 30 ms before
// the status does and 15 ms after the first exec that would succeed, and nothing is tried before. Where they may not,
// these are the times, from the patch on: few, since a failed exec stands in the audit log (docs/performance.md has the
// recorded starts).
var earlyTries = []time.Duration{
	150 * time.Millisecond, 300 * time.Millisecond, 600 * time.Millisecond, 1200 * time.Millisecond,
}

// pollEvery is the distance of reads where the user may not watch the pod.
const pollEvery = time.Second

// Enter waits for the container that was just added to pod to start, no longer than bound, and runs a session in it.
// Where it does not start, the error is a *fault.NotStarted.
func Enter(ctx context.Context, cluster Cluster, execer Execer, pod *corev1.Pod, container string, bound time.Duration, r Request) (int, error) {
	return enter(ctx, cluster, pod, container, bound, r, func(ctx context.Context, c attach.Container, r Request) (int, error) {
		return run(ctx, execer, c, r)
	})
}

// runner carries one session from its beginning to its end, as run does.
type runner func(ctx context.Context, c attach.Container, r Request) (int, error)

func enter(ctx context.Context, cluster Cluster, pod *corev1.Pod, container string, bound time.Duration, r Request, run runner) (int, error) {
	e := entrance{
		cluster: cluster, run: run, pod: pod, request: r,
		container: attach.Container{Namespace: pod.Namespace, Pod: pod.Name, Name: container},
		attempts:  make(chan attempt, 1),
		begun:     make(chan struct{}),
	}
	begun := r.Begun
	e.request.Begun = func(g Greeting) {
		close(e.begun)
		begun(g)
	}
	e.request.wait(waitStart)
	return e.enter(ctx, bound)
}

// entrance is one way into a container that is starting: tries on the one hand, what the cluster tells on the other.
type entrance struct {
	cluster   Cluster
	run       runner
	pod       *corev1.Pod
	container attach.Container
	request   Request

	attempts chan attempt
	begun    chan struct{}
	trying   bool
	// running is set when an Event or the status says so, pulling while the image is not there: nothing is tried then.
	running, pulling bool
	// failed counts tries since running was set, cause is what the last one said.
	failed int
	cause  error
	// reason and message are the last that was heard of a container that is not running yet.
	reason, message string
}

// attempt is how a try ended.
type attempt struct {
	status int
	err    error
}

func (e *entrance) enter(ctx context.Context, bound time.Duration) (int, error) {
	watching, stopWatching := context.WithCancel(ctx)
	defer stopWatching()
	trying, stopTrying := context.WithCancel(ctx)
	defer func() {
		stopTrying()
		if e.trying { // a command that begins after all would run although an error was returned
			<-e.attempts
		}
	}()
	pods, events := watchPod(watching, e.cluster, e.pod), e.watchEvents(watching)
	deadline := time.NewTimer(bound)
	defer deadline.Stop()
	start, next := time.Now(), 0
	timer := time.NewTimer(bound) // set once there is something to try for
	timer.Stop()
	defer timer.Stop()

	for {
		select {
		case <-e.begun:
			stopWatching()
			result := <-e.attempts
			e.trying = false
			return result.status, lost(e.container, result.err)
		case result := <-e.attempts:
			if done, status, err := e.ended(result); done {
				return status, err
			}
			if e.running {
				timer.Reset(retryAfter)
			}
		case <-timer.C:
			if !e.pulling || e.running {
				e.try(trying)
			}
			if next++; events == nil && next < len(earlyTries) {
				timer.Reset(time.Until(start.Add(earlyTries[next])))
			}
		case pod, ok := <-pods:
			if !ok {
				pods = nil
				continue
			}
			if err := e.follow(trying, e.observe(pod)); err != nil {
				return 0, err
			}
		case event, ok := <-events:
			if !ok {
				events = nil
				timer.Reset(time.Until(start.Add(earlyTries[0])))
				continue
			}
			if err := e.follow(trying, e.note(event)); err != nil {
				return 0, err
			}
		case <-deadline.C:
			return 0, e.notStarted(e.reason, e.message, bound)
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
}

// follow starts a try where what was heard, of which err is what note or observe made, says that the container runs.
func (e *entrance) follow(ctx context.Context, err error) error {
	if err == nil && e.running {
		e.try(ctx)
	}
	return err
}

// retryAfter is the wait between tries in a container that runs, enoughTries how many of them fail before that is the
// answer.
const (
	retryAfter  = 200 * time.Millisecond
	enoughTries = 3
)

// try starts an attempt unless one is on its way.
func (e *entrance) try(ctx context.Context) {
	if e.trying {
		return
	}
	e.trying = true
	go func() {
		status, err := e.run(ctx, e.container, e.request)
		e.attempts <- attempt{status, err}
	}()
}

// ended looks at a try that is over. It is the end of the matter where the command had begun, where the server refuses
// for good, or where the container runs and still nothing can be started in it.
func (e *entrance) ended(a attempt) (done bool, status int, err error) {
	e.trying = false
	var notBegun *notBegunError
	if !errors.As(a.err, &notBegun) {
		return true, a.status, lost(e.container, a.err)
	}
	e.cause = notBegun.cause
	var stop *StopError
	if apierrors.IsUnauthorized(e.cause) {
		return true, 0, &fault.LoggedOut{Added: e.container.Name, Server: e.cause}
	}
	if errors.As(e.cause, &stop) || apierrors.IsForbidden(e.cause) {
		return true, 0, translate(e.container, e.cause)
	}
	if e.running {
		if e.failed++; e.failed >= enoughTries {
			return true, 0, translate(e.container, e.cause)
		}
	}
	return false, 0, nil
}

// translate says why a command did not begin in the terms of package fault.
func translate(c attach.Container, cause error) error {
	pod := fault.Pod{Namespace: c.Namespace, Name: c.Pod}
	var stop *StopError
	var dial *net.OpError
	switch {
	case errors.As(cause, &dial) && dial.Op == "dial":
		return &fault.Unreachable{Server: dial.Addr.String(), Cause: cause, Added: c.Name}
	case errors.As(cause, &stop) && stop.Reason == "apart":
		return &fault.Apart{Pod: pod, Container: c.Name}
	case errors.As(cause, &stop):
		return &fault.TargetGone{Pod: pod, Container: c.Name}
	}
	return &fault.NotEntered{Pod: pod, Container: c.Name, Cause: cause}
}

// lost says of the error of a session that had begun that the connection ended before its exit status came.
func lost(c attach.Container, err error) error {
	var broken *attach.LostError
	if !errors.As(err, &broken) {
		return err
	}
	return &fault.Lost{Pod: fault.Pod{Namespace: c.Namespace, Name: c.Pod}, Container: c.Name, Cause: broken.Cause}
}
