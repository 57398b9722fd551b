package proof

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// What API server and kubelet make of a security context apart from privileges, which is exceed's to say.

// contexts are the pod's and the container's security contexts, never nil.
func contexts(pod *corev1.Pod, sc *corev1.SecurityContext) (*corev1.PodSecurityContext, *corev1.SecurityContext) {
	psc := pod.Spec.SecurityContext
	if psc == nil {
		psc = &corev1.PodSecurityContext{}
	}
	if sc == nil {
		sc = &corev1.SecurityContext{}
	}
	return psc, sc
}

// resolve is who a container of these security contexts and that image runs as.
func resolve(psc *corev1.PodSecurityContext, sc *corev1.SecurityContext, image identity) identity {
	return identity{first(sc.RunAsUser, psc.RunAsUser, image.uid), first(sc.RunAsGroup, psc.RunAsGroup, image.gid)}
}

func first[T any](container, pod *T, otherwise T) T {
	switch {
	case container != nil:
		return *container
	case pod != nil:
		return *pod
	}
	return otherwise
}

// refusal says why the API server would not take a container of that security context, or the kubelet not start it, whatever
// its image's USER is; "" where nothing is in the way (ValidateSecurityContext in pkg/apis/core/validation,
// verifyRunAsNonRoot in pkg/kubelet/kuberuntime).
func refusal(psc *corev1.PodSecurityContext, sc *corev1.SecurityContext) string {
	uid := first(sc.RunAsUser, psc.RunAsUser, -1)
	switch nonRoot := first(sc.RunAsNonRoot, psc.RunAsNonRoot, false); {
	case sc.AllowPrivilegeEscalation != nil && !*sc.AllowPrivilegeEscalation && grantsEscalation(sc):
		return "the API refuses allowPrivilegeEscalation false beside privileged and CAP_SYS_ADMIN"
	case nonRoot && uid == 0:
		return "the kubelet refuses uid 0 beside runAsNonRoot"
	case nonRoot && uid < 0:
		return "the kubelet looks at the image's USER beside runAsNonRoot"
	}
	return ""
}

// grantsEscalation reports whether the API would refuse to take privilege escalation away.
func grantsEscalation(sc *corev1.SecurityContext) bool {
	return sc.Privileged != nil && *sc.Privileged || sc.Capabilities != nil && slices.Contains(sc.Capabilities.Add, "CAP_SYS_ADMIN")
}
