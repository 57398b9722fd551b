package cli

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// inPods is about which pod is meant.
func inPods(err error, m *message) bool {
	var noPod *fault.NoPod
	var noOwner *fault.NoOwner
	var noSelector *fault.NoSelector
	var noneRuns *fault.NoneRuns
	var nonePicked *fault.NonePicked
	var nothing *fault.NothingToCheck
	switch {
	case errors.As(err, &noPod):
		m.text = fmt.Sprintf("there is no pod %q in namespace %q", noPod.Pod.Name, noPod.Pod.Namespace)
		explainNoPod(noPod, m)
	case errors.As(err, &noOwner):
		m.text = fmt.Sprintf("there is no %s %q in namespace %q", noOwner.Kind, noOwner.Name, noOwner.Namespace)
		m.facts, m.hint = offerNear(noOwner.Kind, noOwner.Near, noOwner.Namespace, noOwner.Unlisted)
	case errors.As(err, &noSelector):
		m.text = fmt.Sprintf("%s selects no pods: it has no selector", noSelector.Target)
		m.hint = fmt.Sprintf("see what it leads to: kubectl describe -n %s %s", noSelector.Namespace, noSelector.Target)
	case errors.As(err, &noneRuns):
		explainNoneRuns(noneRuns, m)
	case errors.As(err, &nothing):
		explainNothing(nothing, m)
	case errors.As(err, &nonePicked):
		m.text = fmt.Sprintf("no pod of %s is as --pick=%s wants it", nonePicked.Target, nonePicked.Pick)
		m.facts = describePods(nonePicked.Pods)
		m.hint = "leave --pick away, or name one: pod/" + nonePicked.Pods[0].Name
	default:
		return inStop(err, m)
	}
	return true
}

func explainNoPod(e *fault.NoPod, m *message) {
	m.facts, m.hint = offerNear("pod", e.Near, e.Pod.Namespace, e.Unlisted)
	kind, isType := target.KindOf(e.Pod.Name)
	switch verbs := didYouMean(e.Verbs); {
	case len(e.Workloads) > 0:
		m.facts, m.hint = nil, "did you mean "+strings.Join(e.Workloads, " or ")+"?"
	case isType:
		m.facts = []string{fmt.Sprintf("%q alone is taken for the name of a pod; as a type it lacks a name", e.Pod.Name)}
		m.hint = fmt.Sprintf("name one: kubectl mindebug -n %s %s/NAME", e.Pod.Namespace, kind.Name)
	case verbs != "":
		m.facts = []string{fmt.Sprintf("nor is there a verb %q; a single word is taken for the name of a pod", e.Pod.Name)}
		m.hint = verbs
		if len(e.Near) > 0 {
			m.hint += " or pod/" + strings.Join(e.Near, ", pod/") + "?"
		}
	}
}

// offerNear offers the names that are alike, else says how to see all, or that they may not be seen.
func offerNear(kind string, near []string, namespace string, unlisted bool) (facts []string, hint string) {
	switch {
	case len(near) > 0:
		return nil, fmt.Sprintf("did you mean %s/%s?", kind, strings.Join(near, ", "+kind+"/"))
	case unlisted:
		return []string{fmt.Sprintf("you may not list the %ss there, so no name can be offered", kind)},
			"see what you may do: kubectl auth can-i --list -n " + namespace
	}
	return nil, fmt.Sprintf("list them: kubectl get %ss -n %s", kind, namespace)
}

func explainNothing(e *fault.NothingToCheck, m *message) {
	in, where := fmt.Sprintf("namespace %q", e.Namespace), "-n "+shellWord(e.Namespace)
	if e.Namespace == "" {
		in, where = "any namespace", "-A"
	}
	switch {
	case e.NoNamespace:
		m.text, m.hint = fmt.Sprintf("there is no %s", in), "list them: kubectl get namespaces"
		return
	case e.Selector != "":
		m.text = fmt.Sprintf("there is nothing to check: no pod in %s has the labels %s", in, e.Selector)
		m.hint = fmt.Sprintf("see what labels there are: kubectl get pods %s --show-labels", where)
	default:
		m.text = fmt.Sprintf("there is nothing to check: no pod is in %s", in)
		m.hint = "see where there are some: kubectl get pods -A"
	}
	if e.Unread != nil {
		m.facts = []string{"whether there is such a namespace is not known; the server says: " + e.Unread.Error()}
	}
}

func explainNoneRuns(e *fault.NoneRuns, m *message) {
	byLabels := e.Target == "-l "+e.Selector
	switch {
	case byLabels && len(e.Pods) == 0:
		m.text = fmt.Sprintf("no pod in namespace %q has the labels %s", e.Namespace, e.Selector)
	case byLabels:
		m.text = fmt.Sprintf("no pod with the labels %s runs in namespace %q", e.Selector, e.Namespace)
	default:
		m.text = fmt.Sprintf("%s has no running pod in namespace %q", e.Target, e.Namespace)
	}
	if e.Detail != "" {
		m.facts = append(m.facts, e.Detail)
	}
	m.facts = append(m.facts, describePods(e.Pods)...)
	switch {
	case len(e.Pods) > 0:
		m.hint = fmt.Sprintf("see why: kubectl describe -n %s pod %s", e.Namespace, e.Pods[0].Name)
	case byLabels:
		m.hint = fmt.Sprintf("see what labels there are: kubectl get pods -n %s --show-labels", e.Namespace)
	default:
		m.hint = fmt.Sprintf("see why: kubectl describe -n %s %s", e.Namespace, e.Target)
	}
}

// describedPods is how many pods an error names.
const describedPods = 10

func describePods(pods []fault.PodState) (out []string) {
	for _, pod := range pods[:min(len(pods), describedPods)] {
		out = append(out, pod.Describe())
	}
	if more := len(pods) - describedPods; more > 0 {
		out = append(out, fmt.Sprintf("and %d more", more))
	}
	return out
}

// inTarget is about the container, and whether the pod can be joined.
func inTarget(err error, m *message) bool {
	var noContainer *fault.NoContainer
	var many *fault.ManyContainers
	var notRunning *fault.NotRunning
	var noPlace *fault.NoPlace
	switch {
	case errors.As(err, &noContainer):
		m.text = fmt.Sprintf("pod/%s has no container %q", noContainer.Pod.Name, noContainer.Name)
		m.facts = describe(noContainer.Containers)
		m.hint = "name one of these: -c " + noContainer.Containers[0].Name
		if len(noContainer.Near) > 0 {
			m.hint = "did you mean -c " + strings.Join(noContainer.Near, ", -c ") + "?"
		}
	case errors.As(err, &many):
		m.text = fmt.Sprintf("pod/%s has %d containers, and nothing says which is meant", many.Pod.Name, len(many.Containers))
		m.facts = describe(many.Containers)
		m.hint = "name one of these: -c " + many.Containers[0].Name
	case errors.As(err, &notRunning):
		explainNotRunning(notRunning, m)
	case errors.As(err, &noPlace):
		explainNoPlace(noPlace, m)
	default:
		return false
	}
	return true
}

func describe(containers []fault.Candidate) []string {
	var out []string
	for _, c := range containers {
		out = append(out, c.Describe())
	}
	return out
}

func explainNotRunning(e *fault.NotRunning, m *message) {
	m.text = fmt.Sprintf("container %q of pod/%s is not running (%s), so there is no process to join", e.Container, e.Pod.Name, e.State)
	if e.Message != "" {
		m.facts = append(m.facts, e.Message)
	}
	if e.LastExit != nil {
		m.facts = append(m.facts, exitText(e.LastExit), fmt.Sprintf("restarts: %d", e.Restarts))
	}
	if !e.NextStart.IsZero() {
		m.facts = append(m.facts, "next start: about "+e.NextStart.UTC().Format(time.RFC3339))
	}
	if e.Added != "" {
		m.facts = append(m.facts, fmt.Sprintf(hintGoneContainer, e.Added))
	}
	if e.LastExit == nil && e.Restarts == 0 { // it never ran, and has no log
		m.hint = fmt.Sprintf("see its Events: kubectl describe -n %s pod %s", e.Pod.Namespace, e.Pod.Name)
		return
	}
	m.facts = append(m.facts, fmt.Sprintf("what it said: kubectl logs -n %s %s -c %s", e.Pod.Namespace, e.Pod.Name, e.Container))
	m.hint = fmt.Sprintf("get a shell inside its image, in a copy of the pod: kubectl mindebug -n %s pod/%s -c %s --copy-to", e.Pod.Namespace, e.Pod.Name, e.Container)
}

// exitText says how a container ended.
func exitText(exit *fault.Exit) string {
	text := fmt.Sprintf("it ended with exit code %d (%s) at %s", exit.Code, exit.Reason, exit.At.UTC().Format(time.RFC3339))
	if message := strings.TrimSpace(exit.Message); message != "" {
		text += ": " + message
	}
	return text
}

func explainNoPlace(e *fault.NoPlace, m *message) {
	switch e.Reason {
	case fault.Finished:
		m.text = fmt.Sprintf("pod/%s is finished (%s): nothing is started in it any more", e.Pod.Name, e.Detail)
		if message := strings.TrimSpace(e.Message); message != "" {
			m.facts = append(m.facts, "its status says: "+oneLine(message))
		}
		if e.Exit != nil {
			m.facts = append(m.facts, exitText(e.Exit))
		}
		m.facts = append(m.facts, fmt.Sprintf("what it said: kubectl logs -n %s %s --all-containers", e.Pod.Namespace, e.Pod.Name))
		m.hint = fmt.Sprintf("get a shell inside its image, in a copy of the pod: kubectl mindebug -n %s pod/%s --copy-to", e.Pod.Namespace, e.Pod.Name)
	case fault.Unscheduled:
		m.text = fmt.Sprintf("pod/%s is on no node yet", e.Pod.Name)
		if e.Detail != "" {
			m.facts = []string{"the scheduler says: " + e.Detail}
		}
		m.hint = fmt.Sprintf("see its Events: kubectl describe -n %s pod %s", e.Pod.Namespace, e.Pod.Name)
	case fault.Mirror:
		m.text = fmt.Sprintf("pod/%s is the mirror of a static pod: the API server can add no container to it", e.Pod.Name)
		m.facts = append(m.facts, fmt.Sprintf("from its node: kubectl debug node/%s -it --image=busybox", e.Detail))
		m.hint = fmt.Sprintf("get a shell inside its image, in a copy of the pod: kubectl mindebug -n %s pod/%s --copy-to", e.Pod.Namespace, e.Pod.Name)
	case fault.Terminating:
		m.text = fmt.Sprintf("pod/%s is being deleted: nothing is started in it any more", e.Pod.Name)
		m.hint = fmt.Sprintf("see what took its place: kubectl get pods -n %s", e.Pod.Namespace)
	}
	if e.Added != "" {
		m.facts = append(m.facts, fmt.Sprintf(hintGoneContainer, e.Added))
	}
}
