package app

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// room says how many bytes may be written to a folder of the target, by the limits of its volumes and its container: the
// kubelet evicts a pod that goes beyond one. It is negative where there is none.
func room(pod *corev1.Pod, name, folder string) (limit int64, says string) {
	container, _ := target.Find(pod, name)
	if container == nil {
		return -1, ""
	}
	var mount *corev1.VolumeMount
	for i := range container.VolumeMounts {
		m := &container.VolumeMounts[i]
		if below(folder, m.MountPath) && (mount == nil || len(m.MountPath) > len(mount.MountPath)) {
			mount = m
		}
	}
	if mount == nil {
		return quantity(container, corev1.ResourceEphemeralStorage, fmt.Sprintf("the limit of ephemeral storage of container %q", name))
	}
	for i := range pod.Spec.Volumes {
		v := &pod.Spec.Volumes[i]
		switch {
		case v.Name != mount.Name || v.EmptyDir == nil:
		case v.EmptyDir.SizeLimit != nil && !v.EmptyDir.SizeLimit.IsZero():
			return v.EmptyDir.SizeLimit.Value(), fmt.Sprintf("the size limit of volume %q", v.Name)
		case v.EmptyDir.Medium == corev1.StorageMediumMemory:
			return quantity(container, corev1.ResourceMemory, fmt.Sprintf("volume %q is memory, and container %q has that limit of it", v.Name, name))
		default:
			return quantity(container, corev1.ResourceEphemeralStorage, fmt.Sprintf("the limit of ephemeral storage of container %q", name))
		}
	}
	return -1, ""
}

func quantity(c *corev1.Container, resource corev1.ResourceName, says string) (int64, string) {
	limit, ok := c.Resources.Limits[resource]
	if !ok {
		return -1, ""
	}
	return limit.Value(), says
}

// below reports whether a path is a folder or in it.
func below(path, folder string) bool {
	folder = strings.TrimSuffix(folder, "/") + "/"
	return strings.HasPrefix(path+"/", folder)
}

// writable are the volumes that a container may write to, as it knows them.
func writable(pod *corev1.Pod, name string) (paths []string) {
	container, _ := target.Find(pod, name)
	if container == nil {
		return nil
	}
	for _, m := range container.VolumeMounts {
		for _, v := range pod.Spec.Volumes {
			if v.Name == m.Name && !m.ReadOnly && (v.EmptyDir != nil || v.PersistentVolumeClaim != nil || v.HostPath != nil || v.Ephemeral != nil) {
				paths = append(paths, m.MountPath)
			}
		}
	}
	return paths
}
