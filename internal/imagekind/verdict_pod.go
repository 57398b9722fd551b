package imagekind

import (
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// FromPod returns what a pod itself tells of the image of one of its containers: that it has a shell, where the pod runs one
// in it and that has gone well. What was never tried, as a preStop hook, tells nothing: images without a shell have those,
// too. Nor does a shell in a volume.
func FromPod(pod *corev1.Pod, container string) Verdict {
	c, status := target.Find(pod, container)
	if status == nil || status.State.Running == nil || pod.Spec.OS != nil && pod.Spec.OS.Name == corev1.Windows {
		return nothing
	}
	says := func(words []string, what string, certainty Certainty) Verdict {
		if shell := shellOf(words); shell != "" && !mounted(c, shell) {
			return Verdict{WithShell, what + " " + shell, certainty}
		}
		return nothing
	}
	verdicts := []Verdict{says(c.Command, "its command runs", Certain)}
	if p := c.StartupProbe; p != nil && p.Exec != nil && status.Started != nil && *status.Started {
		verdicts = append(verdicts, says(p.Exec.Command, "its startup probe ran", Certain))
	}
	if p := c.ReadinessProbe; p != nil && p.Exec != nil && status.Ready {
		verdicts = append(verdicts, says(p.Exec.Command, "its readiness probe runs", Certain))
	}
	// An entrypoint need not run its arguments; a probe or hook that fails ends the container only after a while.
	if len(c.Command) == 0 {
		verdicts = append(verdicts, says(c.Args, "its arguments begin with", Likely))
	}
	if p := c.LivenessProbe; p != nil && p.Exec != nil && status.RestartCount == 0 {
		verdicts = append(verdicts, says(p.Exec.Command, "its liveness probe runs", Likely))
	}
	if h := c.Lifecycle; h != nil && h.PostStart != nil && h.PostStart.Exec != nil && status.Ready {
		verdicts = append(verdicts, says(h.PostStart.Exec.Command, "its postStart hook runs", Likely))
	}
	return Best(verdicts...)
}

// wrappers are programs that run the program that comes after their options.
var wrappers = []string{"env", "tini", "dumb-init"}

// shellOf returns the shell that a command runs, or "".
func shellOf(command []string) string {
	for i, word := range command {
		switch name := path.Base(word); {
		case IsShell(name):
			return word
		case slices.Contains(wrappers, name), i > 0 && strings.HasPrefix(word, "-"):
		default:
			return ""
		}
	}
	return ""
}

// mounted reports whether a path lies in a volume of the container.
func mounted(c *corev1.Container, file string) bool {
	return slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool {
		return strings.HasPrefix(path.Clean(file), strings.TrimSuffix(path.Clean(m.MountPath), "/")+"/")
	})
}
