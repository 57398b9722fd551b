package app

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/internal/session"
	"github.com/mindebug/kubectl-mindebug/pkg/profiles/exceed"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// sayAdding says, before a container is added, what of it one should know: why none that is there serves, in what it goes
// beyond its target, and what it does not get although it was asked for.
func (s *sessionRun) sayAdding(pod *corev1.Pod, want corev1.EphemeralContainer) {
	var others []string
	for _, l := range session.OtherRelease(pod, want) {
		name := l.Name
		if l.Version != "" {
			name += " (" + l.Version + ")"
		}
		others = append(others, name)
	}
	if len(others) > 0 && !s.request.New {
		s.notices.Say("another release of mindebug made %s, which this one does not enter: it adds its own", strings.Join(others, ", "))
	}
	container, _ := target.Find(pod, s.facts.Container)
	if s.plan.StepUp {
		lines := s.beyond(pod, container)
		if len(lines) == 0 {
			s.notices.Say("%s: no more than the target has", s.kind())
		} else {
			s.notices.Say("%s: more than the target has:", s.kind())
		}
		for _, line := range lines {
			s.notices.Say("  %s", line)
		}
	}
	if !s.request.MountVolumes {
		return
	}
	_, left := session.Mounts(container)
	for _, u := range left {
		s.notices.Say("--mount-volumes leaves out %s: %s; @%s reaches it", u.Path, whyLeft[u.Why], u.Path)
	}
}

// whyLeft are the reasons of session.Unmountable in words.
var whyLeft = map[string]string{
	"subPath":       "the API allows an ephemeral container no subPath",
	"subPathExpr":   "the API allows an ephemeral container no subPathExpr",
	"volumeDevices": "a raw device cannot be given read-only",
	"hides":         "it would hide what a session needs there",
}

// beyond says in what the plan goes beyond the target, a line a field.
func (s *sessionRun) beyond(pod *corev1.Pod, container *corev1.Container) []string {
	var lines []string
	if s.facts.UID.Known() && s.facts.GID.Known() {
		theirs := exceed.Of(pod, container.Name, container.SecurityContext, s.facts.UID.Value, s.facts.GID.Value)
		ours := exceed.Of(pod, session.Prefix, &s.plan.SecurityContext, s.plan.UID, s.plan.GID)
		_, status := target.Find(pod, container.Name)
		lines = inWords(exceed.Exceeds(onRuntime(theirs, status), onRuntime(ours, status)))
	} else {
		lines = append(lines, fmt.Sprintf("uid %d, gid %d (the target: not known, so nothing else can be compared)", s.plan.UID, s.plan.GID))
	}
	if s.plan.Custom != nil {
		for _, field := range s.plan.Custom.Reaches() {
			lines = append(lines, field+" of the custom file (the target may not have it)")
		}
	}
	return lines
}

// inWords says each difference in a line. A bounding set is worth one only where the capabilities in force are the same.
func inWords(found []exceed.Difference) []string {
	words := map[string]string{"runAsUser": "uid", "runAsGroup": "gid", "supplementalGroups": "groups"}
	inForce := slices.ContainsFunc(found, func(d exceed.Difference) bool { return d.Field == "capabilities" })
	var lines []string
	for _, d := range found {
		if inForce && d.Field == bounding {
			continue
		}
		field := words[d.Field]
		if field == "" {
			field = d.Field + ":"
		}
		lines = append(lines, fmt.Sprintf("%s %s (the target: %s)", field, d.Debugger, d.Target))
	}
	return lines
}

const bounding = "capabilities (bounding set)"

// onRuntime leaves of what two runtimes would make of a container what the node's own does.
func onRuntime(p exceed.Process, status *corev1.ContainerStatus) exceed.Process {
	if status != nil && strings.HasPrefix(status.ContainerID, "cri-o://") {
		p.Containerd = p.CRIO
	} else {
		p.CRIO = p.Containerd
	}
	return p
}
