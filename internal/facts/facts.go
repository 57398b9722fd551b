package facts

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// Read returns the facts of the container of that name, which the pod must have.
func Read(pod *corev1.Pod, name string) target.Facts {
	container, status := target.Find(pod, name)
	sc := container.SecurityContext
	if sc == nil {
		sc = &corev1.SecurityContext{}
	}
	psc := pod.Spec.SecurityContext
	if psc == nil {
		psc = &corev1.PodSecurityContext{}
	}
	f := target.Facts{
		Namespace:              pod.Namespace,
		Pod:                    pod.Name,
		PodUID:                 pod.UID,
		Container:              name,
		Windows:                onWindows(pod),
		SharedProcessNamespace: deref(pod.Spec.ShareProcessNamespace),
		HostProcessNamespace:   pod.Spec.HostPID,
		MemoryLimit:            container.Resources.Limits.Memory().Value(),
		EphemeralStorageLimit:  container.Resources.Limits.StorageEphemeral().Value(),

		UID:                      first(from(target.FromContainer, sc.RunAsUser), from(target.FromPod, psc.RunAsUser)),
		GID:                      first(from(target.FromContainer, sc.RunAsGroup), from(target.FromPod, psc.RunAsGroup)),
		NonRootOnly:              deref(psc.RunAsNonRoot),
		Groups:                   slices.Clone(psc.SupplementalGroups),
		Privileged:               deref(sc.Privileged),
		AllowPrivilegeEscalation: from(target.FromContainer, sc.AllowPrivilegeEscalation),
		Seccomp:                  first(from(target.FromContainer, sc.SeccompProfile.DeepCopy()), from(target.FromPod, psc.SeccompProfile.DeepCopy())),
		SELinux:                  first(from(target.FromContainer, sc.SELinuxOptions), from(target.FromPod, psc.SELinuxOptions)),
		// In the kubelet's order (GetProfile in pkg/security/apparmor): the annotation is about this one container.
		AppArmor: first(from(target.FromContainer, sc.AppArmorProfile.DeepCopy()), from(target.FromAnnotation, annotatedAppArmor(pod, name)),
			from(target.FromPod, psc.AppArmorProfile.DeepCopy())),
		Capabilities: from(target.FromContainer, sc.Capabilities.DeepCopy()),
		ProcMount:    from(target.FromContainer, sc.ProcMount),
	}
	if psc.FSGroup != nil {
		f.Groups = append(f.Groups, *psc.FSGroup)
	}
	if status != nil {
		_, f.ContainerID, _ = strings.Cut(status.ContainerID, "://")
		fromStatus(&f, status)
	}
	return f
}

// fromStatus fills what the spec leaves open with what the runtime created the first process as (KEP-3619). The spec
// comes first: whoever may write a pod's status could otherwise name uid 0.
func fromStatus(f *target.Facts, status *corev1.ContainerStatus) {
	if status.User == nil || status.User.Linux == nil {
		return
	}
	f.UID = first(f.UID, from(target.FromStatus, &status.User.Linux.UID))
	f.GID = first(f.GID, from(target.FromStatus, &status.User.Linux.GID))
}

func onWindows(pod *corev1.Pod) bool {
	return pod.Spec.OS != nil && pod.Spec.OS.Name == corev1.Windows || pod.Spec.NodeSelector[corev1.LabelOSStable] == "windows"
}

// annotatedAppArmor reads the form that came before the field (up to 1.29, KEP-24).
func annotatedAppArmor(pod *corev1.Pod, container string) *corev1.AppArmorProfile {
	value := pod.Annotations[corev1.DeprecatedAppArmorBetaContainerAnnotationKeyPrefix+container]
	switch {
	case value == corev1.DeprecatedAppArmorBetaProfileRuntimeDefault:
		return &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeRuntimeDefault}
	case value == corev1.DeprecatedAppArmorBetaProfileNameUnconfined:
		return &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeUnconfined}
	case strings.HasPrefix(value, corev1.DeprecatedAppArmorBetaProfileNamePrefix):
		profile := strings.TrimPrefix(value, corev1.DeprecatedAppArmorBetaProfileNamePrefix)
		return &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeLocalhost, LocalhostProfile: &profile}
	}
	return nil
}

// from is a value of the pod with its origin; unknown where the pod does not set it.
func from[T any](origin target.Origin, value *T) target.Sourced[T] {
	if value == nil {
		return target.Sourced[T]{}
	}
	return target.Sourced[T]{Value: *value, Origin: origin}
}

// first returns the first that is known.
func first[T any](values ...target.Sourced[T]) target.Sourced[T] {
	for _, v := range values {
		if v.Known() {
			return v
		}
	}
	return target.Sourced[T]{}
}

func deref[T any](p *T) (value T) {
	if p != nil {
		value = *p
	}
	return value
}
