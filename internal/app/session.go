package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/imagekind"
	"github.com/mindebug/kubectl-mindebug/internal/preflight"
	"github.com/mindebug/kubectl-mindebug/internal/resolve"
	"github.com/mindebug/kubectl-mindebug/internal/session"
	"github.com/mindebug/kubectl-mindebug/internal/ui"
	"github.com/mindebug/kubectl-mindebug/pkg/attach"
	"github.com/mindebug/kubectl-mindebug/pkg/profiles"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// Cluster is what a session needs of the API server: what its stages do.
type Cluster interface {
	resolve.Cluster
	preflight.Cluster
	session.Cluster
	identityCluster
	// AddIfUnchanged adds a container to a pod that is as it was read; else the error is a conflict.
	AddIfUnchanged(ctx context.Context, pod *corev1.Pod, container corev1.EphemeralContainer) (*corev1.Pod, error)
	// CreateEvent records an Event.
	CreateEvent(ctx context.Context, event *corev1.Event) error
}

// Streams are the user's.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// SessionRequest is what a user asks of a session, as plain values.
type SessionRequest struct {
	TargetRequest
	PlanRequest
	// Command is what to run; none means a shell.
	Command    []string
	Stdin, TTY bool
	Image      string
	// ImageOrigin says where the image was named, TTLOrigin where TTL was, if it was.
	ImageOrigin, TTLOrigin string
	// Open is what the cluster's configuration may still say.
	Open OpenSettings
	// PullPolicy may be empty, which leaves it to the API server.
	PullPolicy corev1.PullPolicy
	// Reason is what the session is for, in one line; Version is that of the program. Both are kept in the trail.
	Reason, Version string
	TTL, Grace      time.Duration
	// TTLGiven is true where the user named one.
	TTLGiven bool
	// Seen keeps what sessions see of images; nil keeps nothing.
	Seen *imagekind.Cache
	// Timeout bounds the start of a new session container.
	Timeout time.Duration
	// Detach leaves the command running, for TTL at the most.
	Detach bool
	// New asks for a session container of one's own.
	New, Quiet bool
	// Attach makes the session the process of a container of its own, which is attached to. On a terminal TTL is how long it
	// goes on without a key.
	Attach bool
}

// Connector runs commands in containers, and connects to their own processes.
type Connector interface {
	session.Execer
	session.Attacher
}

// Session opens a session and returns the exit status of its command. A signal arrives as the cause of ctx, as
// *fault.Interrupted: before the command has begun it ends the wait, after that it is passed on.
func Session(ctx context.Context, cluster Cluster, connector Connector, images Images, streams Streams, r SessionRequest) (int, error) {
	s := &sessionRun{cluster: cluster, execer: connector, attacher: connector, images: images, streams: streams, request: r}
	return s.open(ctx)
}

// open goes through all stages.
func (s *sessionRun) open(ctx context.Context) (int, error) {
	r := s.request
	if !r.Quiet && (!s.readyOnly && len(r.Command) == 0 || r.Detach || ui.IsTerminal(s.streams.Err)) {
		s.notices = ui.NewNotices(s.streams.Err)
	}
	if err := r.mayHaveImage(); err != nil {
		return 0, err
	}
	pod, err := findPod(ctx, s.cluster, s.streams, s.notices, r.TargetRequest, wouldEnter(ctx, s.cluster, r))
	if err != nil {
		return 0, err
	}
	s.request = r.withTimes()
	if warning := r.Open.warning(); warning != "" {
		s.notices.Say("%s", warning)
	}
	name, err := findContainer(ctx, s.streams, pod, r.Container)
	if err != nil {
		return 0, err
	}
	if err := preflight.State(pod, name); err != nil {
		return 0, err
	}
	if pod, err = s.makePlan(ctx, pod, name); err != nil {
		return 0, s.offerAttach(ctx, err)
	}
	s.request = s.request.settled(s.plan)
	if err := s.request.haveImage(); err != nil {
		return 0, err
	}
	if !r.Attach {
		s.request.TTL = s.request.ttl(s.plan)
	}
	if err := s.checkDetach(); err != nil {
		return 0, err
	}
	status, err := s.enter(ctx, pod)
	return status, s.offerAttach(ctx, err)
}

// sessionRun is one session on its way.
type sessionRun struct {
	cluster  Cluster
	execer   session.Execer
	attacher session.Attacher
	images   Images
	streams  Streams
	request  SessionRequest
	notices  *ui.Notices
	// readyOnly makes the container ready and runs nothing in it.
	readyOnly bool
	// first runs something of its own instead, where it is set.
	first func(ctx context.Context, in session.Found, pod *corev1.Pod) (int, error)

	facts target.Facts
	plan  profiles.Plan
	// in is the container that was entered, inPod its pod as it was then, and greeting what was found in it.
	in       session.Found
	inPod    *corev1.Pod
	greeting session.Greeting
}

// enter runs the session in a container of this plan that is there already, else in a new one.
func (s *sessionRun) enter(ctx context.Context, pod *corev1.Pod) (int, error) {
	user := ""
	if s.plan.StepUp {
		user = whoAmI(ctx, s.cluster)
	}
	want := s.request.container(pod, s.facts, s.plan, user)
	reuse := !s.request.New && !s.request.Attach && (!s.plan.StepUp || user != "")
	if reuse {
		if status, entered, err := s.reenter(ctx, pod, want); entered {
			return status, err
		}
	}
	var who sync.WaitGroup
	who.Go(func() {
		if !s.plan.StepUp {
			user = whoAmI(ctx, s.cluster)
		}
	})
	stored, err := preflight.Ask(ctx, s.cluster, pod, want, s.request.enterCall())
	who.Wait()
	if err != nil {
		return 0, s.blameRequest(err)
	}
	if altered := session.Alterations(want, *stored); len(altered) > 0 {
		s.notices.Say("the API server alters the session container, by a webhook for instance: %s", strings.Join(altered, "; "))
		if reuse { // what it made of an earlier one is not what was asked for
			if status, entered, err := s.reenter(ctx, pod, *stored); entered {
				return status, err
			}
		}
	}
	s.sayAdding(pod, want)
	return s.add(ctx, pod, session.MadeBy(want, user), *stored, reuse)
}

// blameRequest says of a refusal which words of the user asked for more than the target has.
func (s *sessionRun) blameRequest(err error) error { return blamePlan(s.plan, err) }

func blamePlan(plan profiles.Plan, err error) error {
	var refused *fault.Refused
	if plan.StepUp && errors.As(err, &refused) {
		refused.Asked = plan.Asked
	}
	return err
}

// blameTarget says of a debug container that did not start that its target had ended, where that is so: the status told
// of it only later.
func (s *sessionRun) blameTarget(ctx context.Context, pod *corev1.Pod, err error) error {
	var notStarted *fault.NotStarted
	if !errors.As(err, &notStarted) {
		return err
	}
	now, readErr := s.cluster.Pod(ctx, pod.Namespace, pod.Name)
	if readErr != nil {
		return err
	}
	var notRunning *fault.NotRunning
	var noPlace *fault.NoPlace
	switch state := preflight.State(now, s.facts.Container); {
	case errors.As(state, &notRunning):
		notRunning.Added = notStarted.Container
		return notRunning
	case errors.As(state, &noPlace):
		noPlace.Added = notStarted.Container
		return noPlace
	}
	return err
}

// reenterTries is how often a session container that runs is tried before that is an error.
const reenterTries = 3

// reenterPause is the wait before the next try: the status of a container that has just ended, as one with a time to live
// of 0 does after its session, says for so long that it runs.
const reenterPause = time.Second

// reenter runs the session in a container that is there. Entered is false where there is none, or no longer: one that
// runs and cannot be entered is an error, since a new one would be for good and fare no better.
func (s *sessionRun) reenter(ctx context.Context, pod *corev1.Pod, want corev1.EphemeralContainer) (status int, entered bool, err error) {
	for range reenterTries {
		found, ok := session.Find(pod, want)
		if !ok {
			return 0, false, nil
		}
		status, err = s.stream(ctx, found, pod)
		var notEntered *fault.NotEntered
		if !errors.As(err, &notEntered) || apierrors.IsForbidden(err) || ctx.Err() != nil {
			return status, true, err
		}
		select {
		case <-time.After(reenterPause):
		case <-ctx.Done():
			return 0, true, context.Cause(ctx)
		}
		changed, readErr := s.cluster.Pod(ctx, pod.Namespace, pod.Name)
		if readErr != nil {
			return 0, true, err
		}
		pod = changed
	}
	_, still := session.Find(pod, want)
	return 0, still, err
}

// stream runs a session in a session container, and says what there is to say before and after.
func (s *sessionRun) stream(ctx context.Context, in session.Found, pod *corev1.Pod) (int, error) {
	if s.first != nil {
		return s.first(ctx, in, pod)
	}
	r := session.Request{
		TargetID: s.facts.ContainerID,
		Command:  s.request.Command,
		Look:     s.readyOnly,
		Detach:   s.request.Detach,
		Place:    s.prompt(),
		SeeImage: s.kindUnseen(pod),
	}
	status, begun, err := s.converse(ctx, r, func(g session.Greeting) {
		s.greeting = g
		s.sayBegun(g, in)
		s.keepKind(pod, g.Image)
	}, func(ctx context.Context, r session.Request) (int, error) { return s.run(ctx, in, pod, r) })
	if begun {
		status, err = s.whyEnded(context.WithoutCancel(ctx), in, pod, status, err)
		status, err = s.detached(in, status, err)
	}
	if err == nil {
		s.in, s.inPod = in, pod
		s.sayLeft(in)
	}
	return status, err
}

// converse runs a session with the user's streams: input, terminal and signals. Say is called when its command begins, and
// begun tells whether it did; an error before that is the cause of ctx where that has ended.
func (s *sessionRun) converse(ctx context.Context, r session.Request, say func(session.Greeting),
	run func(context.Context, session.Request) (int, error),
) (status int, begun bool, err error) {
	restore := func() {}
	defer func() { restore() }()
	sizing, stopSizing := context.WithCancel(ctx)
	defer stopSizing()

	var hasBegun atomic.Bool
	streaming, signals := s.passSignals(ctx, &hasBegun)
	r.Reason, r.Stdout, r.Stderr, r.TTY = s.request.Reason, s.streams.Out, s.streams.Err, s.request.TTY
	r.Grace, r.Quiet, r.Signals = s.request.lease(), s.request.Quiet, signals
	r.Begun = func(g session.Greeting) {
		hasBegun.Store(true)
		s.notices.Await("")
		say(g)
		if s.request.TTY && s.request.Stdin {
			if undo, err := ui.Raw(s.streams.In); err == nil {
				restore = undo
			}
		}
	}
	if s.request.Stdin {
		r.Stdin = s.streams.In
	}
	if s.request.TTY {
		r.Sizes = s.sizes(sizing)
	}
	status, err = run(streaming, r)
	restore()
	begun = hasBegun.Load()
	if err != nil && begun && s.request.TTY && ui.IsTerminal(s.streams.Err) {
		_, _ = fmt.Fprintln(s.streams.Err) // the terminal's line is what the session left
	}
	if err != nil && ctx.Err() != nil && !begun {
		err = context.Cause(ctx)
	}
	return status, begun, err
}

// run runs a session in a container that runs or is starting.
func (s *sessionRun) run(ctx context.Context, in session.Found, pod *corev1.Pod, r session.Request) (int, error) {
	r.Waiting = s.notices.Await
	defer s.notices.Await("")
	switch {
	case s.request.Attach:
		return session.EnterAttached(ctx, s.cluster, s.attacher, pod, in.Name, s.request.Timeout, r)
	case in.Running:
		return session.Reenter(ctx, s.execer, attach.Container{Namespace: pod.Namespace, Pod: pod.Name, Name: in.Name}, s.request.Timeout, r)
	}
	return session.Enter(ctx, s.cluster, s.execer, pod, in.Name, s.request.Timeout, r)
}

// whyEnded says of a session that was killed, or lost, what the cluster tells about it.
func (s *sessionRun) whyEnded(ctx context.Context, in session.Found, pod *corev1.Pod, status int, err error) (int, error) {
	var lost *fault.Lost
	isLost, isCut := errors.As(err, &lost), errors.Is(err, session.ErrCut)
	name := fault.Pod{Namespace: pod.Namespace, Name: pod.Name}
	switch {
	case errors.Is(err, session.ErrLease):
		return 0, &fault.Ended{Pod: name, Target: s.facts.Container, Container: in.Name, By: fault.LeaseEnded, Grace: s.request.Grace}
	case !isLost && !isCut && (err != nil || status != session.StatusKilled):
		return status, err
	}
	if isLost {
		lost.Target, lost.Shell = s.facts.Container, len(s.request.Command) == 0
	}
	at := session.Place{Pod: pod, Target: s.facts.Container, TargetID: s.facts.ContainerID, Container: in.Name}
	// A command may well kill itself; of a shell that is not to be expected.
	ended, unknown := session.WhyEnded(ctx, s.cluster, at, isLost || isCut || len(s.request.Command) == 0)
	var silent *fault.Unreachable
	switch {
	case isLost && s.request.Attach && ended != nil && ended.By == fault.ContainerEnded:
		lost.Ended = ended.Detail // it ends with its session: the connection ended first
	case ended != nil:
		return 0, ended
	case isLost && errors.As(unknown, &silent):
		lost.Server = silent.Cause
	case isLost:
		lost.Unchanged = unknown == nil
	case isCut:
		e := &fault.Ended{
			Pod: name, Target: at.Target, Container: at.Container, By: fault.Unknown,
		}
		if unknown == nil {
			e.Detail = "its target ran when its node last told"
		}
		return 0, e
	}
	return status, err
}

// passSignals returns a context that a signal ends as long as the command has not begun, and the signals that come
// later.
func (s *sessionRun) passSignals(ctx context.Context, begun *atomic.Bool) (context.Context, <-chan syscall.Signal) {
	signals := make(chan syscall.Signal, 1)
	streaming, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() {
		var interrupted *fault.Interrupted
		if begun.Load() && errors.As(context.Cause(ctx), &interrupted) {
			signals <- interrupted.Signal
			return
		}
		cancel(context.Cause(ctx))
	})
	return streaming, signals
}

// sizes are those of the user's terminal: the one that is written to, else the one that is typed at.
func (s *sessionRun) sizes(ctx context.Context) <-chan attach.Size {
	size := func(width, height uint16) attach.Size { return attach.Size{Width: width, Height: height} }
	if ui.IsTerminal(s.streams.Out) {
		return ui.Sizes(ctx, s.streams.Out, size)
	}
	return ui.Sizes(ctx, s.streams.In, size)
}
