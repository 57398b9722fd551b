package policytest

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
	"github.com/mindebug/kubectl-mindebug/pkg/profiles"
)

// Crowd is a pod of 50 containers with as much to look at as people write, and a debug container for each: what costs a
// server the most that is likely.
func Crowd() (pod *corev1.Pod, add []corev1.EphemeralContainer) {
	const size = 50
	var mounts []corev1.VolumeMount
	b := kubetest.Pod("", "crowd").With(func(p *corev1.Pod) { p.Spec.Containers = nil })
	for n := range 10 {
		name := fmt.Sprintf("volume-%d", n)
		b.With(func(p *corev1.Pod) {
			p.Spec.Volumes = append(p.Spec.Volumes, corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}})
		})
		mounts = append(mounts, corev1.VolumeMount{Name: name, MountPath: "/var/lib/data/" + name, ReadOnly: true})
	}
	for n := range size {
		b.Container(fmt.Sprintf("container-with-a-rather-long-name-%d", n)).Restricted().ReadOnly().
			Capabilities([]corev1.Capability{"NET_ADMIN", "SYS_PTRACE", "KILL", "CHOWN", "SETUID", "SETGID", "NET_RAW", "AUDIT_WRITE", "SYS_TIME", "MKNOD"}, []corev1.Capability{"ALL"})
	}
	pod = b.Running(65532, 65532).With(func(p *corev1.Pod) {
		p.Spec.NodeName = ""
		for i := range p.Spec.Containers {
			p.Spec.Containers[i].VolumeMounts = mounts
		}
	}).Build()
	for i := range pod.Spec.Containers {
		c := newCase("", "").Add[0]
		c.Name, c.TargetContainerName = fmt.Sprintf("mindebug-%d", i), pod.Spec.Containers[i].Name
		c.VolumeMounts, c.SecurityContext.Capabilities = mounts, pod.Spec.Containers[i].SecurityContext.Capabilities
		for n := range 10 {
			c.Env = append(c.Env, corev1.EnvVar{Name: fmt.Sprintf("%s%d", profiles.Reserved, n), Value: "a variable with some text in it"})
		}
		add = append(add, c)
	}
	return pod, add
}
