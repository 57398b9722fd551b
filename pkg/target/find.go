package target

import corev1 "k8s.io/api/core/v1"

// Find returns the regular or init container of that name and its status, as parts of the pod, not copies. The container
// is nil where the pod has none of that name, the status is nil before the kubelet has reported one. Ephemeral containers
// are not targets.
func Find(pod *corev1.Pod, name string) (*corev1.Container, *corev1.ContainerStatus) {
	for _, list := range []struct {
		containers []corev1.Container
		statuses   []corev1.ContainerStatus
	}{
		{pod.Spec.Containers, pod.Status.ContainerStatuses},
		{pod.Spec.InitContainers, pod.Status.InitContainerStatuses},
	} {
		for i := range list.containers {
			if list.containers[i].Name != name {
				continue
			}
			for j := range list.statuses {
				if list.statuses[j].Name == name {
					return &list.containers[i], &list.statuses[j]
				}
			}
			return &list.containers[i], nil
		}
	}
	return nil, nil
}
