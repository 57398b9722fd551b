package triage

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// podLimits tells the limits of all that runs in the pod beside the target, and the pod's own: that of its spec (KEP-2837),
// else, where each container has one, their sum, which the kubelet gives the pod's control group.
func (r *Reading) podLimits(s Subject, name corev1.ResourceName) {
	var own corev1.ResourceList
	if s.Pod.Spec.Resources != nil {
		own = s.Pod.Spec.Resources.Limits
	}
	containers := s.Pod.Spec.Containers
	for i := range s.Pod.Spec.InitContainers {
		if c := s.Pod.Spec.InitContainers[i]; c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			containers = append(containers[:len(containers):len(containers)], c)
		}
	}
	pod, bounded := own[name]
	if len(containers) == 1 && !bounded {
		return
	}
	var words []string
	sum, all := resource.Quantity{}, true
	for i := range containers {
		limit, ok := containers[i].Resources.Limits[name]
		word := "none"
		if ok {
			word = limit.String()
			sum.Add(limit)
		}
		all = all && ok
		words = append(words, containers[i].Name+" "+word)
	}
	whole := "none"
	switch {
	case bounded:
		whole = pod.String()
	case all:
		whole = sum.String()
	}
	r.fact("limits in the pod", strings.Join(words, ", ")+"; of the pod "+whole)
}
