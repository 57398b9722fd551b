package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/mindebug/kubectl-mindebug/internal/access"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/preflight"
	"github.com/mindebug/kubectl-mindebug/internal/session"
	"github.com/mindebug/kubectl-mindebug/internal/ui"
)

// StopRequest is what a user asks of an end.
type StopRequest struct {
	TargetRequest
	// Session is the session container's name, or empty for the only one that runs.
	Session string
	// Force ends one that somebody is in.
	Force, Quiet bool
	// Timeout bounds the wait for its end.
	Timeout time.Duration
}

// StopSession ends a session container, and says what is left of it; of a copy of a pod nothing is, since it is deleted. Where
// somebody is in it, and it is not forced, it asks on a terminal; else the error is a *fault.InUse.
func StopSession(ctx context.Context, cluster CopyCluster, execer session.Execer, streams Streams, r StopRequest) error {
	var notices *ui.Notices
	if !r.Quiet {
		notices = ui.NewNotices(streams.Err)
	}
	pod, err := findPod(ctx, cluster, streams, notices, r.TargetRequest, func(pod *corev1.Pod) bool { return len(running(pod)) > 0 })
	if err != nil {
		return err
	}
	if held, ok := copyIn(pod); ok && (r.Session == "" || r.Session == held.Name) {
		return endCopy(ctx, cluster, execer, streams, notices, pod, &held.Listed, r.Force)
	}
	in, err := findSession(pod, r.Session)
	if err != nil {
		return err
	}
	if in == nil {
		notices.Say("no session container runs in pod/%s", pod.Name)
		return nil
	}
	if in.State == session.Ended {
		notices.Say("session container %s of pod/%s has ended: %s", in.Name, pod.Name, in.Why)
		return nil
	}
	if err := end(ctx, execer, streams, pod, in, r.Force); err != nil {
		return err
	}
	why, err := session.AwaitEnd(ctx, cluster, pod, in.Name, r.Timeout)
	if err != nil {
		return err
	}
	notices.Say("session container %s of pod/%s has ended: %s", in.Name, pod.Name, why)
	notices.Say("its entry stays in the pod's list for good; %s", cleanPod(pod))
	return nil
}

// end has a session container end itself.
func end(ctx context.Context, execer session.Execer, streams Streams, pod *corev1.Pod, in *session.Listed, force bool) error {
	how := session.StopUnused
	if force {
		how = session.StopAnyway
	}
	uses, stopping, err := tell(ctx, execer, pod, in, how)
	if err != nil || stopping {
		return err
	}
	inUse := &fault.InUse{Pod: fault.Pod{Namespace: pod.Namespace, Name: pod.Name}, Container: in.Name, By: describeUses(in, uses)}
	if !canAsk(streams) {
		return inUse
	}
	for _, line := range inUse.By {
		ui.NewNotices(streams.Err).Say("%s", line)
	}
	yes, err := ui.Confirm(ctx, streams.In, streams.Err, fmt.Sprintf("end session container %s all the same? [y/N] ", ui.Escape(in.Name)))
	if err != nil {
		return err
	}
	if !yes {
		return inUse
	}
	_, _, err = tell(ctx, execer, pod, in, session.StopAnyway)
	return err
}

// endCopy deletes a copy of a pod, once nobody is in it, nor in a session container that it got itself, or that is wanted all
// the same.
func endCopy(ctx context.Context, cluster CopyCluster, execer session.Execer, streams Streams, notices *ui.Notices, pod *corev1.Pod, in *session.Listed, force bool) error {
	for _, l := range append(running(pod), *in) {
		if l.State != session.Running {
			continue
		}
		if err := end(ctx, execer, streams, pod, &l, force); err != nil && !force { // what gives no answer ends with the pod
			return err
		}
	}
	err := cluster.DeletePod(ctx, pod)
	switch {
	case apierrors.IsForbidden(err):
		return preflight.Forbidden(ctx, cluster, pod.Namespace, access.DeletePod, err)
	case err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err): // another one has its name by now
		return err
	}
	notices.Say("deleted pod/%s", pod.Name)
	return nil
}

// tell looks into a session container within bounds.
func tell(ctx context.Context, execer session.Execer, pod *corev1.Pod, in *session.Listed, how session.Stop) ([]session.Use, bool, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, lookWithin, errNoLook)
	defer cancel()
	return session.Look(ctx, execer, pod, in, how)
}

// running are the session containers that run or are starting.
func running(pod *corev1.Pod) (all []session.Listed) {
	for _, l := range session.List(pod) {
		if l.State == session.Running || l.State == session.Starting {
			all = append(all, l)
		}
	}
	return all
}

// findSession settles which session container is meant; nil where none runs and none was named.
func findSession(pod *corev1.Pod, wanted string) (*session.Listed, error) {
	live := running(pod)
	if wanted != "" {
		for _, l := range session.List(pod) {
			if l.Name == wanted {
				return &l, nil
			}
		}
	}
	switch {
	case wanted == "" && len(live) == 0:
		return nil, nil
	case wanted == "" && len(live) == 1:
		return &live[0], nil
	}
	e := &fault.NoSession{Pod: fault.Pod{Namespace: pod.Namespace, Name: pod.Name}, Name: wanted}
	for i := range live {
		e.Running = append(e.Running, fault.SessionContainer{Name: live[i].Name, About: about(&live[i])})
	}
	return nil, e
}

// about says in a line what is known of a session container.
func about(l *session.Listed) string {
	text := fmt.Sprintf("%s, beside %s", l.Name, l.Target)
	if l.Shell != "" {
		text = l.Name + ", of a copy"
	}
	if l.User != "" {
		text += ", added by " + l.User
	}
	if l.Reason != "" {
		text += ", for " + l.Reason
	}
	return text
}

// describeUses says who is in a session container, in a line each.
func describeUses(in *session.Listed, uses []session.Use) []string {
	lines := []string{about(in)}
	for _, use := range uses {
		line := fmt.Sprintf("entered otherwise than by a session, for %s", duration.HumanDuration(use.For))
		if use.ID != "" {
			line = fmt.Sprintf("session %s, for %s", use.ID, duration.HumanDuration(use.For))
			if use.Detached {
				line += fmt.Sprintf(", left running, ended in %s at the latest", duration.HumanDuration(max(use.Limit-use.For, 0)))
			}
			if use.Reason != "" {
				line += ": " + use.Reason
			}
			line += fmt.Sprintf(" (the audit log has its user, by mindebug:%s:)", use.ID)
		}
		lines = append(lines, line)
	}
	return lines
}

// cleanPod says how to get a pod without the entry.
func cleanPod(pod *corev1.Pod) string {
	command := fmt.Sprintf("kubectl delete pod -n %s %s", pod.Namespace, pod.Name)
	if owner := metav1.GetControllerOf(pod); owner != nil {
		return fmt.Sprintf("to have one without it, have the %s make another: %s", owner.Kind, command)
	}
	return "only another pod is without it, and nothing makes one when this is deleted: " + command
}

// errNoLook is why a wait for a container's answer ends.
var errNoLook = errors.New("no answer within " + lookWithin.String())
