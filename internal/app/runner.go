package app

import (
	"context"
	"io"
	"sync/atomic"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/internal/session"
	"github.com/mindebug/kubectl-mindebug/pkg/attach"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// Runner runs scripts of ours in the session container of one target. Each run is a session: with the target's identity, a
// lease, and nothing left of it. It may be used by several goroutines at once.
type Runner struct {
	session *sessionRun
	pod     *corev1.Pod
	release func()
}

// OpenRunner goes the way of a session up to a container that can be entered. It says what a session says there, on a
// terminal. The caller closes the Runner.
func OpenRunner(ctx context.Context, cluster Cluster, execer session.Execer, images Images, streams Streams, r SessionRequest) (*Runner, error) {
	r.Command, r.Stdin, r.TTY = nil, false, false
	s := &sessionRun{cluster: cluster, execer: execer, images: images, streams: streams, request: r, readyOnly: true}
	if _, err := s.open(ctx); err != nil {
		return nil, err
	}
	runner := &Runner{session: s, pod: s.inPod, release: func() {}}
	if s.in.TTL < leastTTL {
		if err := runner.hold(ctx); err != nil {
			return nil, err
		}
	}
	return runner, nil
}

// leastTTL is the time to live that lasts from one run to the next.
const leastTTL = time.Minute

// hold keeps the session container in use until the Runner is closed.
func (r *Runner) hold(ctx context.Context) error {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	begun, done := make(chan struct{}), make(chan struct{})
	var err error
	signals := make(chan syscall.Signal, 1)
	request := r.request(io.Discard, io.Discard)
	request.Command = []string{"sleep", "2147483647"}
	request.Signals = signals
	request.Begun = func(session.Greeting) { close(begun) }
	go func() {
		defer close(done)
		_, err = r.enter(ctx, request)
	}()
	r.release = func() {
		signals <- syscall.SIGTERM
		<-done
		cancel()
	}
	select {
	case <-begun:
		return nil
	case <-done:
		cancel()
		return err
	}
}

// Close lets go of the session container, which then ends when it has been unused for its time to live.
func (r *Runner) Close() { r.release() }

// Facts are the target's.
func (r *Runner) Facts() target.Facts { return r.session.facts }

// Pod is the pod as it was when the session container was found.
func (r *Runner) Pod() *corev1.Pod { return r.pod }

// Place says where one is, in a user's words: "prod-eu shop/web-7d app".
func (r *Runner) Place() string { return r.session.place() }

// Closed says why the target's files are closed to the session, and what would help; both are empty where they are open.
func (r *Runner) Closed() (why, hint string) {
	if r.session.greeting.Open {
		return "", ""
	}
	return r.session.whyClosed(r.session.greeting)
}

// Run runs a POSIX shell script, which BusyBox must understand, and returns its exit status. The script has args as they
// are, T and TPID as in every session, and the function `inside` (internal/session/inside.sh). Standard input, which may be
// nil, is what comes after the script. When ctx is done the script is sent TERM, and killed where that does not end it; the
// error is then the context's cause. Where the streams end early, or the target does, the error is a *fault.Lost or
// *fault.Ended.
func (r *Runner) Run(ctx context.Context, script string, args []string, stdin io.Reader, stdout, stderr io.Writer) (int, error) {
	var begun atomic.Bool
	signals := make(chan syscall.Signal, 1)
	streaming, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	stop := context.AfterFunc(ctx, func() {
		if begun.Load() {
			signals <- syscall.SIGTERM
			return
		}
		cancel(context.Cause(ctx))
	})
	defer stop()
	request := r.request(stdout, stderr)
	request.Command, request.Stdin = session.Script(request.TargetID, script, args, stdin)
	request.Signals = signals
	request.Begun = func(session.Greeting) { begun.Store(true) }
	status, err := r.enter(streaming, request)
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	if begun.Load() {
		return r.session.whyEnded(ctx, r.session.in, r.pod, status, err)
	}
	return status, err
}

// request is what every run asks for.
func (r *Runner) request(stdout, stderr io.Writer) session.Request {
	return session.Request{
		TargetID: r.session.facts.ContainerID, Reason: r.session.request.Reason, Grace: r.session.request.Grace,
		Stdout: stdout, Stderr: stderr, Quiet: true,
	}
}

// enter runs one session in the container.
func (r *Runner) enter(ctx context.Context, request session.Request) (int, error) {
	c := attach.Container{Namespace: r.pod.Namespace, Pod: r.pod.Name, Name: r.session.in.Name}
	return session.Reenter(ctx, r.session.execer, c, r.session.request.Timeout, request)
}
