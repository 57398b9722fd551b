package cli

import (
	"errors"
	"fmt"
	"time"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
)

// inPodCopy is about a copy of a pod that was to be made, entered or deleted.
func inPodCopy(err error, m *message) bool {
	var remains *fault.CopyRemains
	var claims *fault.Claims
	var taken *fault.NameTaken
	var notStarted *fault.CopyNotStarted
	var ended *fault.CopyEnded
	var refused *fault.Refused
	var altered *fault.Altered
	switch {
	case errors.As(err, &remains):
		explainRemains(remains, m)
	case errors.As(err, &claims):
		m.text = fmt.Sprintf("a copy of pod/%s would write to the same persistent volumes as the pod itself", claims.Pod.Name)
		m.facts = claims.Volumes
		m.hint = "where that does no harm: --with-pvc"
	case errors.As(err, &taken):
		m.text = fmt.Sprintf("there is a pod %q in namespace %q already, and it may not be the copy", taken.Pod.Name, taken.Pod.Namespace)
		m.hint = "name another, or leave the name to mindebug: --copy-to"
	case errors.As(err, &notStarted):
		explainCopyNotStarted(notStarted, m)
	case errors.As(err, &ended):
		explainCopyEnded(ended, m)
	case errors.As(err, &refused) && refused.Copy:
		explainCopyRefused(refused, m)
	case errors.As(err, &altered) && altered.Copy:
		m.text = fmt.Sprintf("the API server would change the privileges of the container that puts BusyBox into pod/%s", altered.Pod.Name)
		for _, change := range altered.Changes {
			m.facts = append(m.facts, change.String())
		}
		m.hint = "nothing was made; a webhook does that, or the server is older than the field: kubectl get mutatingwebhookconfigurations"
	default:
		return false
	}
	return true
}

// explainRemains adds to what became of the session that its copy is still there.
func explainRemains(e *fault.CopyRemains, m *message) {
	m.text = fmt.Sprintf("copy pod/%s could not be deleted: %v", e.Pod.Name, e.Cause)
	if e.Err != nil {
		*m = explain(e.Err)
		m.facts = append(m.facts, fmt.Sprintf("copy pod/%s could not be deleted: %v", e.Pod.Name, e.Cause))
	} else {
		m.facts = append(m.facts, fmt.Sprintf("its session had ended with exit status %d", e.Status))
	}
	m.facts = append(m.facts, "its containers end by themselves at "+e.Until.UTC().Format(time.RFC3339)+" at the latest")
	m.hint = fmt.Sprintf("delete it: kubectl delete pod -n %s %s", e.Pod.Namespace, e.Pod.Name)
}

func explainCopyNotStarted(e *fault.CopyNotStarted, m *message) {
	m.text = fmt.Sprintf("copy pod/%s did not start", e.Pod.Name)
	if e.Container != "" {
		m.text = fmt.Sprintf("container %q of copy pod/%s did not start", e.Container, e.Pod.Name)
	}
	if e.Exit != nil && e.Exit.Code != 0 && !startFailed[e.Exit.Reason] {
		m.text = fmt.Sprintf("container %q of copy pod/%s failed, so what comes after it was not started", e.Container, e.Pod.Name)
		m.facts = append(m.facts, exitText(e.Exit))
	} else {
		for _, fact := range []string{e.Reason, e.Message} {
			if fact != "" {
				m.facts = append(m.facts, fact)
			}
		}
	}
	if e.Waited > 0 {
		m.text += fmt.Sprintf(" within %s (--timeout)", e.Waited)
	}
	if e.Image != "" {
		m.facts = append(m.facts, "image: "+e.Image)
	}
	m.facts = append(m.facts, "the copy was deleted again")
	m.hint = fmt.Sprintf("its Events are still there: kubectl get events -n %s --field-selector involvedObject.name=%s", e.Pod.Namespace, e.Pod.Name)
	switch {
	case e.Reason == "DeadlineExceeded":
		m.hint = "give it more time: --ttl"
	case e.Installs && e.Exit != nil:
		m.text = fmt.Sprintf("image %s could not put BusyBox into copy pod/%s", e.Image, e.Pod.Name)
		m.hint = "name the debug image of mindebug, or one that has a static busybox: --image"
	case e.Installs && aboutImage[e.Reason]:
		m.hint = "name an image that the node can pull: --image"
	case aboutImage[e.Reason]:
		m.hint = fmt.Sprintf("name an image that the node can pull: --set-image %s=IMAGE", e.Container)
	case e.Exit != nil && startFailed[e.Exit.Reason]:
		m.hint = "where its message names busybox or sh, the debug image has none that is static: name another with --image"
	case e.Exit != nil:
		m.hint = fmt.Sprintf("take that container's place: -c %s", e.Container)
	}
}

// startFailed are the runtime's reasons for a container that ended before it began.
var startFailed = map[string]bool{"StartError": true, "ContainerCannotRun": true}

func explainCopyEnded(e *fault.CopyEnded, m *message) {
	m.status = statusKilled
	switch {
	case e.Deadline:
		m.text = fmt.Sprintf("the time of copy pod/%s was over, and the session ended with it", e.Pod.Name)
		m.hint = "give the next one more: --ttl"
	case e.Deleted:
		m.text = fmt.Sprintf("copy pod/%s was deleted, and the session ended with it", e.Pod.Name)
		m.hint = "see what took place: kubectl get events -n " + e.Pod.Namespace
	default:
		m.text = fmt.Sprintf("copy pod/%s ended, and the session with it", e.Pod.Name)
		m.hint = "the same command makes another copy"
	}
	if e.Exit != nil {
		m.facts = append(m.facts, exitText(e.Exit))
		if e.Exit.Reason == "OOMKilled" {
			m.facts = append(m.facts, "the node ends a container as a whole when it runs out of memory (memory.oom.group)")
		}
	}
}

func explainCopyRefused(e *fault.Refused, m *message) {
	m.text = fmt.Sprintf("the API server does not take a copy of the pod as pod/%s", e.Pod.Name)
	if e.By != "" {
		m.text = fmt.Sprintf("%s %q takes no copy of the pod as pod/%s", e.By, e.Name, e.Pod.Name)
	}
	m.facts = []string{"the server says: " + e.Server.Error()}
	m.hint = "nothing was made; see what was asked: the same command with --dry-run=client"
	switch e.By {
	case fault.PodSecurity:
		m.hint = "nothing was made; the copy asks for no more than its pod, which would not be admitted today either: kubectl get namespace " + e.Pod.Namespace + " --show-labels"
	case fault.Policy:
		m.hint = "nothing was made; read the policy: kubectl get validatingadmissionpolicy " + e.Name + " -o yaml"
	case fault.SilentWebhook:
		m.text = fmt.Sprintf("webhook %q gives no answer, so the API server takes no copy of the pod as pod/%s", e.Name, e.Pod.Name)
	}
}
