package resolve

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/near"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// defaultContainerAnnotation names the container that kubectl's commands take by default (KEP-2227).
const defaultContainerAnnotation = "kubectl.kubernetes.io/default-container"

// Container returns the name of the container that is meant: the wanted one; else what the pod's annotation names; else,
// while the pod initialises, the init container that is running; else the only one. Otherwise the error is a
// *fault.ManyContainers, or a *fault.NoContainer where the wanted one does not exist.
func Container(pod *corev1.Pod, wanted string) (string, error) {
	candidates := Candidates(pod)
	name := fault.Pod{Namespace: pod.Namespace, Name: pod.Name}
	if wanted != "" {
		if !slices.ContainsFunc(candidates, func(c fault.Candidate) bool { return c.Name == wanted }) {
			var names []string
			for _, c := range candidates {
				names = append(names, c.Name)
			}
			return "", &fault.NoContainer{Pod: name, Name: wanted, Containers: candidates, Near: near.Names(wanted, names)}
		}
		return wanted, nil
	}
	if meant, _ := meant(pod, candidates); meant != "" {
		return meant, nil
	}
	return "", &fault.ManyContainers{Pod: name, Containers: candidates}
}

// Rule says by which of Container's rules a container is meant.
func Rule(pod *corev1.Pod, wanted string) string {
	if wanted != "" {
		return "flag"
	}
	_, rule := meant(pod, Candidates(pod))
	return rule
}

// meant returns the container that the pod tells, or "", and the rule that found it.
func meant(pod *corev1.Pod, candidates []fault.Candidate) (name, rule string) {
	annotated, running := pod.Annotations[defaultContainerAnnotation], initialising(pod)
	switch {
	case slices.ContainsFunc(candidates, func(c fault.Candidate) bool { return c.Name == annotated }):
		return annotated, "annotation " + defaultContainerAnnotation
	case running != "":
		return running, "the init container that runs"
	case len(pod.Spec.Containers) == 1:
		return pod.Spec.Containers[0].Name, "the pod's only container"
	}
	return "", "chosen on the terminal"
}

// initialising returns the init container that runs while the pod is not initialised, sidecars apart, or "". It looks at
// the containers' states, not at the pod's phase.
func initialising(pod *corev1.Pod) string {
	for i, c := range pod.Spec.InitContainers {
		if isSidecar(&pod.Spec.InitContainers[i]) {
			continue
		}
		if _, s := target.Find(pod, c.Name); s != nil && s.State.Running != nil {
			return c.Name
		}
	}
	return ""
}

// isSidecar reports whether an init container keeps running beside the regular ones (KEP-753).
func isSidecar(c *corev1.Container) bool {
	return c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
}

// Candidates lists the containers of a pod that could be a target: the regular ones, then sidecars and init containers.
func Candidates(pod *corev1.Pod) []fault.Candidate {
	var out []fault.Candidate
	add := func(c *corev1.Container, kind string) {
		candidate := fault.Candidate{Name: c.Name, Image: c.Image, Kind: kind, State: "waiting"}
		if _, s := target.Find(pod, c.Name); s != nil {
			candidate.State, candidate.Restarts = ContainerState(s.State), s.RestartCount
		}
		out = append(out, candidate)
	}
	for i := range pod.Spec.Containers {
		add(&pod.Spec.Containers[i], "container")
	}
	for i := range pod.Spec.InitContainers {
		c := &pod.Spec.InitContainers[i]
		if isSidecar(c) {
			add(c, "sidecar")
		} else {
			add(c, "init")
		}
	}
	return out
}

// ContainerState says a container's state in kubectl's words: "running", "waiting: REASON", "terminated: REASON".
func ContainerState(s corev1.ContainerState) string {
	word, reason := "waiting", ""
	switch {
	case s.Running != nil:
		return "running"
	case s.Terminated != nil:
		word, reason = "terminated", s.Terminated.Reason
	case s.Waiting != nil:
		reason = s.Waiting.Reason
	}
	if reason == "" {
		return word
	}
	return word + ": " + reason
}
