package app

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
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
	// opening is held while the first run is on its way to its container; opened is true once it is there.
	opening sync.Mutex
	opened  bool
	// since is when that run began.
	since time.Time
}

// OpenRunner goes the way of a session up to a container that can be entered. It says what a session says there, on a
// terminal. The caller closes the Runner.
func OpenRunner(ctx context.Context, cluster Cluster, execer session.Execer, images Images, streams Streams, r SessionRequest) (*Runner, error) {
	runner := newRunner(cluster, execer, images, streams, r)
	s := runner.session
	if _, err := s.open(ctx); err != nil {
		return nil, err
	}
	runner.pod, runner.opened = s.inPod, true
	if s.in.TTL < leastTTL {
		if err := runner.hold(ctx); err != nil {
			return nil, err
		}
	}
	return runner, nil
}

// newRunner returns a Runner whose first run is the session that goes the way up to the container: what OpenRunner has a session
// of its own for. Where that run does not get there its error is an *unopenedError. Before its script writes anything nothing is
// known of the target.
func newRunner(cluster Cluster, execer session.Execer, images Images, streams Streams, r SessionRequest) *Runner {
	r.Command, r.Stdin, r.TTY = nil, false, false
	s := &sessionRun{cluster: cluster, execer: execer, images: images, streams: streams, request: r, readyOnly: true}
	return &Runner{session: s, release: func() {}}
}

// unopenedError is why a first run did not begin. It hides what it is about from whoever would try again: that has been done.
type unopenedError struct{ cause error }

func (e *unopenedError) Error() string { return e.cause.Error() }

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
	w := work{script: script, args: args, stdin: stdin, stdout: stdout, stderr: stderr, enter: r.enter, begun: func(session.Greeting) {}}
	r.opening.Lock()
	if !r.opened {
		return r.first(ctx, w)
	}
	r.opening.Unlock()
	return r.do(ctx, w)
}

// work is what a run is to do.
type work struct {
	script         string
	args           []string
	stdin          io.Reader
	stdout, stderr io.Writer
	// enter begins the session, and begun is called when it has.
	enter func(context.Context, session.Request) (int, error)
	begun func(session.Greeting)
	// may is closed when the script may begin, and refused then says why it may not; nil where it may at once.
	may     <-chan struct{}
	refused *error
	// seeImage asks what tells the kind of the target's image.
	seeImage bool
}

// first runs a script by the session that opens the Runner. The caller has locked opening.
func (r *Runner) first(ctx context.Context, w work) (int, error) {
	s, may := r.session, make(chan struct{})
	unlock := sync.OnceFunc(r.opening.Unlock)
	defer unlock()
	var ready sync.WaitGroup
	var refused error
	w.may, w.refused = may, &refused
	s.first = func(ctx context.Context, in session.Found, pod *corev1.Pod) (int, error) {
		w.seeImage = s.kindUnseen(pod)
		w.enter = func(ctx context.Context, request session.Request) (int, error) { return s.run(ctx, in, pod, request) }
		w.begun = func(g session.Greeting) {
			s.notices.Await("")
			r.pod, s.in, s.inPod, s.greeting = pod, in, pod, g
			s.sayBegun(g, in)
			s.keepKind(pod, g.Image)
			r.opened, r.since = true, time.Now()
			unlock()
			ready.Go(func() {
				refused = r.ready(ctx)
				close(may)
			})
		}
		return r.do(ctx, w)
	}
	status, err := s.open(ctx)
	ready.Wait()
	if refused != nil {
		err = refused
	}
	if err != nil && (!r.opened || refused != nil) {
		err = &unopenedError{err}
	}
	return status, err
}

// ready makes sure that scripts can run, one after the other, and see the target's files.
func (r *Runner) ready(ctx context.Context) error {
	if why, hint := r.Closed(); why != "" {
		f := r.Facts()
		return &fault.Closed{Pod: fault.Pod{Namespace: f.Namespace, Name: f.Pod}, Container: f.Container, Why: why, Hint: hint}
	}
	if r.session.in.TTL < leastTTL {
		return r.hold(ctx)
	}
	return nil
}

// do runs a script.
func (r *Runner) do(ctx context.Context, w work) (int, error) {
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
	request := r.request(w.stdout, w.stderr)
	request.Command, request.Stdin = session.Script(request.TargetID, w.script, w.args, w.stdin)
	if w.may != nil {
		request.Stdin = awaiting{request.Stdin, w.may, w.refused}
	}
	request.Signals, request.SeeImage = signals, w.seeImage
	request.Begun = func(g session.Greeting) {
		begun.Store(true)
		w.begun(g)
	}
	status, err := w.enter(streaming, request)
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	if begun.Load() {
		return r.session.whyEnded(ctx, r.session.in, r.pod, status, err)
	}
	return status, err
}

// awaiting is a reader of what may not be read yet, and perhaps never.
type awaiting struct {
	in      io.Reader
	may     <-chan struct{}
	refused *error
}

// Read implements io.Reader.
func (a awaiting) Read(p []byte) (int, error) {
	<-a.may
	if *a.refused != nil {
		return 0, io.EOF
	}
	return a.in.Read(p)
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
