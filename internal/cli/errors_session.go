package cli

import (
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
)

// inStop is about a session container that was to end.
func inStop(err error, m *message) bool {
	var inUse *fault.InUse
	var noSession *fault.NoSession
	var notEnded *fault.NotEnded
	switch {
	case errors.As(err, &inUse):
		m.text = fmt.Sprintf("somebody is in session container %s of pod/%s", inUse.Container, inUse.Pod.Name)
		m.facts = inUse.By
		m.hint = fmt.Sprintf("end it all the same: kubectl mindebug stop -n %s pod/%s %s --force", inUse.Pod.Namespace, inUse.Pod.Name, inUse.Container)
	case errors.As(err, &noSession):
		m.text = fmt.Sprintf("%d session containers run in pod/%s, and nothing says which is meant", len(noSession.Running), noSession.Pod.Name)
		if noSession.Name != "" {
			m.text = fmt.Sprintf("pod/%s has no session container %q", noSession.Pod.Name, noSession.Name)
		}
		m.hint = fmt.Sprintf("list them: kubectl mindebug sessions -n %s pod/%s", noSession.Pod.Namespace, noSession.Pod.Name)
		for _, c := range noSession.Running {
			m.facts = append(m.facts, c.About)
			m.hint = fmt.Sprintf("name one: kubectl mindebug stop -n %s pod/%s %s", noSession.Pod.Namespace, noSession.Pod.Name, noSession.Running[0].Name)
		}
	case errors.As(err, &notEnded):
		m.text = fmt.Sprintf("session container %s of pod/%s was told to end and did not within %s (--timeout)", notEnded.Container, notEnded.Pod.Name, notEnded.Waited)
		m.hint = fmt.Sprintf("see its state: kubectl describe -n %s pod %s", notEnded.Pod.Namespace, notEnded.Pod.Name)
	default:
		return false
	}
	return true
}

// inSession is about a session that was to begin, or had begun.
func inSession(err error, m *message) bool {
	var gone *fault.TargetGone
	var apart *fault.Apart
	var notEntered *fault.NotEntered
	var lost *fault.Lost
	var ended *fault.Ended
	switch {
	case errors.As(err, &ended):
		explainEnded(ended, m)
	case errors.As(err, &gone):
		m.text = fmt.Sprintf("the target container of pod/%s has no process any more: it ended or was restarted", gone.Pod.Name)
		m.hint = "the same command again finds it as it is now"
	case errors.As(err, &apart):
		m.text = fmt.Sprintf("the debug container of pod/%s does not share its target's process namespace", apart.Pod.Name)
		m.facts = []string{fmt.Sprintf(hintGoneContainer, apart.Container)}
		m.hint = "the node's container runtime must support targetContainerName (containerd, CRI-O)"
	case errors.As(err, &notEntered):
		m.text = fmt.Sprintf("no session could be begun in container %s of pod/%s", notEntered.Container, notEntered.Pod.Name)
		m.facts = []string{notEntered.Cause.Error()}
		m.hint = fmt.Sprintf("see its state: kubectl describe -n %s pod %s", notEntered.Pod.Namespace, notEntered.Pod.Name)
		switch {
		case apierrors.IsUnauthorized(notEntered.Cause):
			m.text = "the API server does not know you any more: " + notEntered.Cause.Error()
			m.facts = nil
			m.hint = "log in again, as for kubectl"
		case apierrors.IsForbidden(notEntered.Cause):
			m.hint = hintGrant("-n "+shellWord(notEntered.Pod.Namespace), "")
		}
	case errors.As(err, &lost):
		explainLost(lost, m)
	default:
		return false
	}
	return true
}

func explainLost(e *fault.Lost, m *message) {
	m.text = fmt.Sprintf("the connection to pod/%s was lost: %v", e.Pod.Name, e.Cause)
	switch {
	case e.Server != nil:
		m.facts = []string{"the API server gives no answer: " + e.Server.Error()}
	case e.Unchanged:
		m.facts = []string{"the API server answers, and the target ran when its node last told: the node's kubelet, or the way to it, may be down"}
	}
	if e.Ended != "" {
		m.facts = []string{"meanwhile the session ended, " + e.Ended, "what it printed is in its log"}
		m.hint = fmt.Sprintf("read it: kubectl logs -n %s %s -c %s", e.Pod.Namespace, e.Pod.Name, e.Container)
		return
	}
	if e.Deleted {
		m.facts = append(m.facts, "the copy was deleted, and whatever ran in it ends with it")
		m.hint = "the same command makes another copy"
		return
	}
	again := fmt.Sprintf("kubectl mindebug -n %s pod/%s", e.Pod.Namespace, e.Pod.Name)
	if e.Target != "" {
		again += " -c " + e.Target
	}
	m.hint = "see what runs there before you start it again: " + again + " -- ps"
	if e.Shell {
		m.hint = "enter again: " + again
	} else {
		m.facts = append(m.facts, "the command had been started; whether it ended is not known")
	}
	m.facts = append(m.facts, "what still runs is ended when its grace period is over (--grace)")
}

// explainEnded says what ended a session, and how to enter again where one can. SIGKILL ended the command in each case.
func explainEnded(e *fault.Ended, m *message) {
	m.status = statusKilled
	exit := ""
	if e.Exit != nil {
		exit = fmt.Sprintf(" (exit %d)", e.Exit.Code)
		m.facts = append(m.facts, exitText(e.Exit))
	}
	again := fmt.Sprintf("kubectl mindebug -n %s pod/%s -c %s", e.Pod.Namespace, e.Pod.Name, e.Target)
	m.hint = "see what took its place: kubectl get pods -n " + e.Pod.Namespace
	switch e.By {
	case fault.TargetRestarted:
		m.text = fmt.Sprintf("the target restarted%s: container %q of pod/%s, and the session ended with it", exit, e.Target, e.Pod.Name)
		m.hint = "enter it as it is now: " + again
	case fault.TargetEnded:
		m.text = fmt.Sprintf("the target ended%s: container %q of pod/%s, and the session ended with it", exit, e.Target, e.Pod.Name)
		m.hint = "if it is started again, enter it: " + again
	case fault.PodDeleted:
		m.text = fmt.Sprintf("pod/%s was deleted, and the session ended with it", e.Pod.Name)
	case fault.PodReplaced:
		m.text = fmt.Sprintf("pod/%s was deleted, and the session ended with it; another pod has its name now", e.Pod.Name)
		m.hint = "enter that one: " + again
	case fault.PodEvicted:
		m.text = fmt.Sprintf("pod/%s was evicted, and the session ended with it", e.Pod.Name)
	case fault.ContainerEnded:
		m.text = fmt.Sprintf("session container %s of pod/%s ended, and the session with it", e.Container, e.Pod.Name)
		m.hint = "enter a new one: " + again
	case fault.LeaseEnded:
		m.text = fmt.Sprintf("what ran in pod/%s was killed: nothing was heard of this client for %s (--grace)", e.Pod.Name, e.Grace)
		m.hint = "enter again, with a longer grace period if such a pause is to be expected: " + again
	case fault.Unknown:
		m.text = fmt.Sprintf("the session in pod/%s was killed", e.Pod.Name)
		m.facts = []string{"it may have been the kernel, for want of memory, or another process in the pod"}
		m.hint = "enter again: " + again
	}
	if e.Detail != "" {
		m.facts = append(m.facts, e.Detail)
	}
}
