package podcopy

import (
	corev1 "k8s.io/api/core/v1"
)

// writable returns the volumes, with their claims, that outlive the pod and that some container of it may write to: a copy
// would write to the same data.
func writable(pod *corev1.Pod) (volumes []string) {
	for i := range pod.Spec.Volumes {
		v := &pod.Spec.Volumes[i]
		claim := v.PersistentVolumeClaim
		if claim == nil || claim.ReadOnly || !writes(pod, v.Name) {
			continue
		}
		volumes = append(volumes, v.Name+" (claim "+claim.ClaimName+")")
	}
	return volumes
}

// writes reports whether a container of the pod may write to a volume.
func writes(pod *corev1.Pod, volume string) bool {
	for _, list := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			for _, m := range list[i].VolumeMounts {
				if m.Name == volume && !m.ReadOnly {
					return true
				}
			}
			for _, d := range list[i].VolumeDevices {
				if d.Name == volume {
					return true
				}
			}
		}
	}
	return false
}

// ofNode reports whether what the pod mounts may be found on its own node only.
func ofNode(pod *corev1.Pod) bool {
	if _, mirror := pod.Annotations[corev1.MirrorPodAnnotationKey]; mirror {
		return true
	}
	for i := range pod.Spec.Volumes {
		if v := &pod.Spec.Volumes[i]; v.PersistentVolumeClaim != nil || v.HostPath != nil {
			return true
		}
	}
	return false
}
