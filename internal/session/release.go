package session

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// OtherRelease returns the session containers of the pod that run and would be what want is, had the same release of
// mindebug made them: only their scripts differ. They are not entered, since scripts and client speak one protocol, and
// since a script that is not known could be anyone's.
func OtherRelease(pod *corev1.Pod, want corev1.EphemeralContainer) (others []Listed) {
	bare := *want.DeepCopy()
	bare.Env = withoutScripts(bare.Env)
	for _, l := range List(pod) {
		i := slices.IndexFunc(pod.Spec.EphemeralContainers, func(c corev1.EphemeralContainer) bool { return c.Name == l.Name })
		have := *pod.Spec.EphemeralContainers[i].DeepCopy()
		if l.State != Running || same(*have.DeepCopy(), *want.DeepCopy()) {
			continue
		}
		have.Env = withoutScripts(have.Env)
		if same(have, *bare.DeepCopy()) {
			others = append(others, l)
		}
	}
	return others
}

// withoutScripts leaves out the variables that are mindebug's own, but for those of the trail.
func withoutScripts(env []corev1.EnvVar) []corev1.EnvVar {
	trail := []string{varUser, varReason, varVersion, varProfile}
	return slices.DeleteFunc(slices.Clone(env), func(v corev1.EnvVar) bool {
		return strings.HasPrefix(v.Name, "MINDEBUG_") && v.ValueFrom == nil && !slices.Contains(trail, v.Name)
	})
}
