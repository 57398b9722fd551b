package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/rand"

	"github.com/mindebug/kubectl-mindebug/internal/facts"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/podcopy"
	"github.com/mindebug/kubectl-mindebug/internal/preflight"
	"github.com/mindebug/kubectl-mindebug/internal/resolve"
	"github.com/mindebug/kubectl-mindebug/internal/session"
	"github.com/mindebug/kubectl-mindebug/internal/ui"
	"github.com/mindebug/kubectl-mindebug/pkg/attach"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// CopyCluster is what a session in a copy of a pod needs of the API server.
type CopyCluster interface {
	Cluster
	// CreatePod makes a pod; with dryRun it says what it would make.
	CreatePod(ctx context.Context, pod *corev1.Pod, dryRun bool) (*corev1.Pod, error)
	// DeletePod deletes this pod, never a later one of its name.
	DeletePod(ctx context.Context, pod *corev1.Pod) error
}

// CopyRequest is what a user asks of a session in a copy of a pod.
type CopyRequest struct {
	SessionRequest
	// Name is the copy's, empty for one that is made up.
	Name string
	// Images are other images for its containers, by their names.
	Images map[string]string
	// WithClaims allows volumes that the copy could write to while the pod does.
	WithClaims bool
}

// SessionInCopy makes a copy of a pod, opens a session inside the image of one of its containers, and deletes the copy at the end,
// however that comes. It returns the exit status of the session's command. A signal arrives as with Session.
func SessionInCopy(ctx context.Context, cluster CopyCluster, execer session.Execer, images Images, streams Streams, r CopyRequest) (int, error) {
	c := newCopyRun(cluster, execer, images, streams, r)
	if !r.Quiet && (len(r.Command) == 0 || ui.IsTerminal(streams.Err)) {
		c.notices = ui.NewNotices(streams.Err)
	}
	defer c.notices.Await("")
	if err := c.make(ctx, whoAmI(ctx, cluster)); err != nil {
		return 0, err
	}
	if _, err := preflight.AskCopy(ctx, cluster, c.copy.Pod, c.copy.Installer); err != nil {
		return 0, err
	}
	c.sayCopying()
	// Not ended by a signal: the server may have made the copy, and only its answer tells.
	made, err := cluster.CreatePod(context.WithoutCancel(ctx), c.copy.Pod, false)
	if err != nil {
		return 0, preflight.RefusalOfCopy(ctx, cluster, c.copy.Pod, err)
	}
	status, err := c.enter(ctx, made)
	return c.remove(context.WithoutCancel(ctx), made, status, err)
}

// DraftCopy returns the copy that would be made, and makes nothing. With askServer it is what the API server would make.
func DraftCopy(ctx context.Context, cluster CopyCluster, images Images, streams Streams, r CopyRequest, askServer bool) (podcopy.Copy, error) {
	c := newCopyRun(cluster, nil, images, streams, r)
	if err := c.make(ctx, ""); err != nil || !askServer {
		return c.copy, err
	}
	stored, err := preflight.DryRunCopy(ctx, cluster, c.copy.Pod, c.copy.Installer)
	if err == nil {
		stored.TypeMeta, stored.ManagedFields = c.copy.Pod.TypeMeta, nil
		c.copy.Pod = stored
	}
	return c.copy, err
}

// copyRun is one session in a copy on its way.
type copyRun struct {
	// sessionRun has the streams and what is said to the user; it finds and adds nothing here.
	sessionRun
	cluster CopyCluster
	request CopyRequest
	// from is the pod that is copied, held the container whose place the session takes.
	from *corev1.Pod
	held string
	copy podcopy.Copy
	// unread is why the held container's command is not known.
	unread error
}

func newCopyRun(cluster CopyCluster, execer session.Execer, images Images, streams Streams, r CopyRequest) *copyRun {
	return &copyRun{
		sessionRun: sessionRun{cluster: cluster, execer: execer, images: images, streams: streams, request: r.SessionRequest},
		cluster:    cluster, request: r,
	}
}

// make finds the pod and the container, and makes the copy as a value.
func (c *copyRun) make(ctx context.Context, user string) (err error) {
	if err := c.find(ctx); err != nil {
		var forbidden *fault.Forbidden
		if errors.As(err, &forbidden) { // who lacks this lacks the rest, and asks once for all
			forbidden.Copies = true
		}
		return err
	}
	f := facts.Read(c.from, c.held)
	// Whom the copy runs as its image may decide, and then nobody knows it yet.
	asked := c.request.withTimes()
	if f.UID.Known() {
		asked = asked.withImage(f.UID.Value, false)
	}
	if err := asked.haveImage(); err != nil {
		return err
	}
	c.sessionRun.request, c.request.SessionRequest = asked, asked
	security, err := podcopy.Security(f)
	if err != nil {
		return planFault(fault.Pod{Namespace: f.Namespace, Name: f.Pod}, f.Container, err)
	}
	r := podcopy.Request{
		Name: c.request.Name, Container: c.held, Images: c.request.Images, WithClaims: c.request.WithClaims,
		Image: c.request.Image, PullPolicy: c.request.PullPolicy, Security: security, TTL: c.request.TTL,
		Scripts: session.Scripts(), Holder: func(shell, prelude string) []string { return session.Holder(shell, prelude, 0) },
		User: user, Reason: c.request.Reason, Version: c.request.Version,
	}
	if r.Name == "" {
		r.Name = copyName(c.from.Name)
	}
	if container, _ := target.Find(c.from, c.held); len(container.Command) == 0 {
		c.notices.Await("reading what the image runs from its registry")
		r.Entrypoint, r.Cmd, c.unread = c.imageCommand(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		c.notices.Await("")
	}
	c.copy, err = podcopy.Make(c.from, r)
	var none *fault.NoContainer
	if errors.As(err, &none) {
		_, err = resolve.Container(c.from, none.Name) // says which there are
	}
	return err
}

// find settles which pod is meant, the worst of several, and which container: the only one that fails, where none is named.
func (c *copyRun) find(ctx context.Context) error {
	r := c.request.TargetRequest
	all, err := resolve.Any(ctx, c.cluster, r.Namespace, r.Query, r.Selector)
	if err != nil {
		return explainDenied(ctx, c.cluster, r.Namespace, err)
	}
	pods := resolve.Order(all, r.Pick, func(*corev1.Pod) bool { return false })
	if len(pods) == 0 {
		return &fault.NonePicked{
			Namespace: r.Namespace, Target: resolve.Words(r.Query, r.Selector), Pick: string(r.Pick), Pods: states(all),
		}
	}
	if c.from = pods[0]; len(all) > 1 {
		c.notices.Say("%s", whichPod(c.from, all))
	}
	if r.Container == "" {
		r.Container = podcopy.Failing(c.from)
	}
	c.held, err = findContainer(ctx, c.streams, c.from, r.Container)
	return err
}

// copyName is a name for a copy of a pod, short enough for a host's.
func copyName(pod string) string {
	const longest, added = 63, len("-copy-") + 5
	return strings.TrimRight(pod[:min(len(pod), longest-added)], "-.") + "-copy-" + rand.String(5)
}

// imageCommand reads from its image what the held container runs.
func (c *copyRun) imageCommand(ctx context.Context) (entrypoint, cmd []string, err error) {
	images, done, err := imageReader{c.cluster, c.images, c.request.PlanRequest, nil}.open(ctx, c.from, c.held)
	if err != nil {
		return nil, nil, err
	}
	defer done()
	for _, image := range images { // of several platforms, any: what they run is written for all
		if entrypoint, cmd, err = image.Command(); err == nil {
			break
		}
	}
	return entrypoint, cmd, err
}

// enter waits until the held container runs, and runs the session in it.
func (c *copyRun) enter(ctx context.Context, made *corev1.Pod) (int, error) {
	now, err := c.awaitStart(ctx, made)
	if err != nil {
		return 0, err
	}
	r := session.Request{
		// The session's own container is the target: on cgroup v2 it does not see its id, and any path has a slash.
		TargetID: "/",
		Command:  c.copy.Enter(c.request.Command),
		Shell:    c.copy.Shell(), Prelude: c.copy.Prelude(),
		Place: ui.Plain(c.where(now)),
	}
	status, begun, err := c.converse(ctx, r, func(session.Greeting) { c.sayEntered(now) },
		func(ctx context.Context, r session.Request) (int, error) {
			in := attach.Container{Namespace: now.Namespace, Pod: now.Name, Name: c.held}
			return session.Reenter(ctx, c.execer, in, c.request.Timeout, r)
		})
	if !begun {
		return status, err
	}
	return c.whyCopyEnded(context.WithoutCancel(ctx), now, status, err)
}

// awaitStart waits until the held container runs, no longer than the user allows, and returns the copy as it is then.
func (c *copyRun) awaitStart(ctx context.Context, made *corev1.Pod) (now *corev1.Pod, err error) {
	bounded, cancel := context.WithTimeout(ctx, c.request.Timeout)
	defer cancel()
	last := "waiting for a node"
	err = session.Follow(bounded, c.cluster, made, func(pod *corev1.Pod) (bool, error) {
		now = pod
		ready, waiting, err := c.copy.Ready(pod, c.held)
		if waiting != "" {
			last = waiting
		}
		c.notices.Await(waiting)
		return ready, err
	})
	c.notices.Await("")
	if err != nil && ctx.Err() == nil && bounded.Err() != nil {
		err = &fault.CopyNotStarted{
			Pod:    fault.Pod{Namespace: made.Namespace, Name: made.Name},
			Reason: last, Waited: c.request.Timeout,
		}
	}
	return now, err
}

// whyCopyEnded says of a session that was killed, or lost, what became of its copy.
func (c *copyRun) whyCopyEnded(ctx context.Context, made *corev1.Pod, status int, err error) (int, error) {
	var lost *fault.Lost
	isLost, isCut := errors.As(err, &lost), errors.Is(err, session.ErrCut)
	if !isLost && !isCut && (err != nil || status != session.StatusKilled) {
		return status, err
	}
	sure := isLost || isCut || len(c.request.Command) == 0
	ended, unknown := c.awaitEnd(ctx, made, sure)
	switch {
	case ended != nil:
		return 0, ended
	case isCut:
		return 0, &fault.Ended{
			Pod:    fault.Pod{Namespace: made.Namespace, Name: made.Name},
			Target: c.held, Container: c.held, By: fault.Unknown,
		}
	case isLost:
		lost.Unchanged = unknown == nil
	}
	return status, err
}

// copyToldWithin bounds how long the status of a copy takes to tell that it ended.
const copyToldWithin = 5 * time.Second

// awaitEnd returns how a copy ended, nil where it has not, and the error with which the cluster does not tell. Where sure is
// set its status may be about to tell, and that is waited for.
func (c *copyRun) awaitEnd(ctx context.Context, made *corev1.Pod, sure bool) (*fault.CopyEnded, error) {
	ctx, cancel := context.WithTimeout(ctx, copyToldWithin)
	defer cancel()
	var ended *fault.CopyEnded
	seen := false
	err := session.Follow(ctx, c.cluster, made, func(now *corev1.Pod) (bool, error) {
		seen, ended = true, podcopy.Ended(now, c.held)
		return ended != nil || !sure, nil //nolint:nilerr // it is what is looked for
	})
	var replaced *fault.Replaced
	if errors.As(err, &replaced) {
		return &fault.CopyEnded{Pod: replaced.Pod, Deleted: true}, nil
	}
	if seen && ctx.Err() != nil { // it was as it is for all that time
		err = nil
	}
	return ended, err
}

// removeWithin bounds the end of a copy.
const removeWithin = 10 * time.Second

// remove deletes the copy, and returns how its session ended.
func (c *copyRun) remove(ctx context.Context, made *corev1.Pod, status int, err error) (int, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, removeWithin, fmt.Errorf("no answer within %s", removeWithin))
	defer cancel()
	failed := c.cluster.DeletePod(ctx, made)
	if failed == nil || apierrors.IsNotFound(failed) || apierrors.IsConflict(failed) {
		var lost *fault.Lost
		if errors.As(err, &lost) {
			lost.Deleted = true
		}
		c.sayRemoved(made, err)
		return status, err
	}
	return 0, &fault.CopyRemains{
		Pod:   fault.Pod{Namespace: made.Namespace, Name: made.Name},
		Until: made.CreationTimestamp.Add(c.request.TTL), Cause: failed, Status: status, Err: err,
	}
}
