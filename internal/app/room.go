package app

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/internal/transfer"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// room says how many bytes may be in a folder of the target, by the limits of its volumes and its container: the kubelet evicts
// a pod that goes beyond one. It is nil where there is none.
func room(pod *corev1.Pod, name, folder string) *transfer.Room {
	container, _ := target.Find(pod, name)
	if container == nil {
		return nil
	}
	var mount *corev1.VolumeMount
	for i := range container.VolumeMounts {
		m := &container.VolumeMounts[i]
		if below(folder, m.MountPath) && (mount == nil || len(m.MountPath) > len(mount.MountPath)) {
			mount = m
		}
	}
	if mount == nil {
		limit := container.Resources.Limits.StorageEphemeral()
		return limited(limit.Value(), "", "the limit of ephemeral storage of container %q", name)
	}
	for i := range pod.Spec.Volumes {
		v := &pod.Spec.Volumes[i]
		if v.Name != mount.Name || v.EmptyDir == nil {
			continue
		}
		memory := v.EmptyDir.Medium == corev1.StorageMediumMemory
		volume := mount.MountPath
		if memory {
			volume = "" // what is free in it says as much
		}
		switch {
		case v.EmptyDir.SizeLimit != nil && !v.EmptyDir.SizeLimit.IsZero():
			return limited(v.EmptyDir.SizeLimit.Value(), volume, "the size limit of volume %q", v.Name)
		case memory:
			limit := container.Resources.Limits.Memory()
			return limited(limit.Value(), "", "volume %q is memory, and container %q has that limit of it", v.Name, name)
		default:
			return limited(storageLimit(pod), volume, "the limit of ephemeral storage of the pod's containers together")
		}
	}
	return nil
}

// limited is a limit, nil where it is 0.
func limited(limit int64, volume, format string, args ...any) *transfer.Room {
	if limit <= 0 {
		return nil
	}
	return &transfer.Room{Limit: limit, Says: fmt.Sprintf(format, args...), Volume: volume}
}

// storageLimit is the limit of ephemeral storage that a pod's volumes count against, 0 for none: that of its containers
// together, or of an init container that has more (PodLimits in k8s.io/component-helpers, as the kubelet's eviction manager
// uses it).
func storageLimit(pod *corev1.Pod) int64 {
	sum, most := int64(0), int64(0)
	for i := range pod.Spec.Containers {
		sum += pod.Spec.Containers[i].Resources.Limits.StorageEphemeral().Value()
	}
	for i := range pod.Spec.InitContainers {
		c := &pod.Spec.InitContainers[i]
		limit := c.Resources.Limits.StorageEphemeral().Value()
		if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			sum += limit
			limit = 0
		}
		most = max(most, limit)
	}
	return max(sum, most)
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
