// Package kubetest builds Kubernetes objects for tests: valid by default, and said in a line.
package kubetest

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// PodBuilder builds a pod step by step. Each method changes the builder and returns it; container methods are about the
// container that was added last, at first "app".
type PodBuilder struct {
	pod  corev1.Pod
	init bool
}

// Pod begins a pod with one container "app" of an image without a shell.
func Pod(namespace, name string) *PodBuilder {
	b := &PodBuilder{pod: corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: "11111111-2222-3333-4444-555555555555"},
		Spec:       corev1.PodSpec{TerminationGracePeriodSeconds: new(int64(0))},
	}}
	return b.Container("app").Image("mindebug.test/http:nonroot")
}

// Build returns a copy of the pod as it is now.
func (b *PodBuilder) Build() *corev1.Pod { return b.pod.DeepCopy() }

// With applies a change that has no method of its own.
func (b *PodBuilder) With(change func(*corev1.Pod)) *PodBuilder {
	change(&b.pod)
	return b
}

// Container adds a regular container.
func (b *PodBuilder) Container(name string) *PodBuilder {
	b.init = false
	b.pod.Spec.Containers = append(b.pod.Spec.Containers, corev1.Container{Name: name, Image: "mindebug.test/http:nonroot"})
	return b
}

// InitContainer adds an init container.
func (b *PodBuilder) InitContainer(name string) *PodBuilder {
	b.init = true
	b.pod.Spec.InitContainers = append(b.pod.Spec.InitContainers, corev1.Container{Name: name, Image: "mindebug.test/http:nonroot"})
	return b
}

// Sidecar adds an init container that keeps running.
func (b *PodBuilder) Sidecar(name string) *PodBuilder {
	b.InitContainer(name).container().RestartPolicy = new(corev1.ContainerRestartPolicyAlways)
	return b
}

// Image sets the container's image.
func (b *PodBuilder) Image(image string) *PodBuilder {
	b.container().Image = image
	return b
}

// Args sets the container's arguments.
func (b *PodBuilder) Args(args ...string) *PodBuilder {
	b.container().Args = args
	return b
}

// Env adds a variable to the container's environment.
func (b *PodBuilder) Env(name, value string) *PodBuilder {
	c := b.container()
	c.Env = append(c.Env, corev1.EnvVar{Name: name, Value: value})
	return b
}

// RunAs sets the container's uid and gid.
func (b *PodBuilder) RunAs(uid, gid int64) *PodBuilder {
	sc := b.security()
	sc.RunAsUser, sc.RunAsGroup = &uid, &gid
	return b
}

// Restricted makes the container what Pod Security "restricted" wants, and leaves its uid to the image.
func (b *PodBuilder) Restricted() *PodBuilder {
	sc := b.security()
	sc.RunAsNonRoot = new(true)
	sc.AllowPrivilegeEscalation = new(false)
	sc.Capabilities = &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}
	sc.SeccompProfile = &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}
	return b
}

// ReadOnly makes the container's root file system read-only.
func (b *PodBuilder) ReadOnly() *PodBuilder {
	b.security().ReadOnlyRootFilesystem = new(true)
	return b
}

// Capabilities sets what the container adds and drops.
func (b *PodBuilder) Capabilities(add, drop []corev1.Capability) *PodBuilder {
	b.security().Capabilities = &corev1.Capabilities{Add: add, Drop: drop}
	return b
}

// Guaranteed gives the container a CPU and a memory limit that are its requests, too.
func (b *PodBuilder) Guaranteed(cpu, memory string) *PodBuilder {
	limits := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory)}
	b.container().Resources = corev1.ResourceRequirements{Limits: limits, Requests: limits.DeepCopy()}
	return b
}

// ShareProcessNamespace gives all containers of the pod one process namespace.
func (b *PodBuilder) ShareProcessNamespace() *PodBuilder {
	b.pod.Spec.ShareProcessNamespace = new(true)
	return b
}

// Running sets the status that the pod has on a node with every container running, as the user given.
func (b *PodBuilder) Running(uid, gid int64) *PodBuilder {
	b.pod.Spec.NodeName = "node"
	b.pod.Status.Phase = corev1.PodRunning
	status := func(list []corev1.Container) (out []corev1.ContainerStatus) {
		for _, c := range list {
			out = append(out, corev1.ContainerStatus{
				Name: c.Name, Image: c.Image, Ready: true,
				ContainerID: "containerd://" + c.Name + "0123456789abcdef",
				State:       corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
				User:        &corev1.ContainerUser{Linux: &corev1.LinuxContainerUser{UID: uid, GID: gid}},
			})
		}
		return out
	}
	b.pod.Status.ContainerStatuses = status(b.pod.Spec.Containers)
	b.pod.Status.InitContainerStatuses = status(b.pod.Spec.InitContainers)
	return b
}

// Ephemeral adds an ephemeral container.
func (b *PodBuilder) Ephemeral(c corev1.EphemeralContainer) *PodBuilder {
	b.pod.Spec.EphemeralContainers = append(b.pod.Spec.EphemeralContainers, c)
	return b
}

// State sets the state of a container of any kind, and gives it a status where it has none. A state with no field set is
// one that the kubelet has not told yet.
func (b *PodBuilder) State(name string, state corev1.ContainerState) *PodBuilder {
	b.status(name).State = state
	return b
}

// Waiting makes a container one that waits for that reason.
func (b *PodBuilder) Waiting(name, reason, message string) *PodBuilder {
	return b.State(name, corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}})
}

// Terminated makes a container one that ended with that exit code.
func (b *PodBuilder) Terminated(name, reason string, code int32) *PodBuilder {
	return b.State(name, corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: reason, ExitCode: code}})
}

// Up makes a container one that runs as the user given.
func (b *PodBuilder) Up(name string, uid, gid int64) *PodBuilder {
	s := b.State(name, corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}).status(name)
	s.ContainerID = "containerd://" + name + "0123456789abcdef"
	s.User = &corev1.ContainerUser{Linux: &corev1.LinuxContainerUser{UID: uid, GID: gid}}
	return b
}

// Restarted says how often a container was restarted, and how it ended the last time.
func (b *PodBuilder) Restarted(name string, times int32, last corev1.ContainerStateTerminated) *PodBuilder {
	s := b.status(name)
	s.RestartCount, s.LastTerminationState.Terminated = times, &last
	return b
}

// status returns the status of a container, which it adds where there is none.
func (b *PodBuilder) status(name string) *corev1.ContainerStatus {
	list := &b.pod.Status.ContainerStatuses
	for i := range b.pod.Spec.InitContainers {
		if b.pod.Spec.InitContainers[i].Name == name {
			list = &b.pod.Status.InitContainerStatuses
		}
	}
	for i := range b.pod.Spec.EphemeralContainers {
		if b.pod.Spec.EphemeralContainers[i].Name == name {
			list = &b.pod.Status.EphemeralContainerStatuses
		}
	}
	for i := range *list {
		if (*list)[i].Name == name {
			return &(*list)[i]
		}
	}
	*list = append(*list, corev1.ContainerStatus{Name: name})
	return &(*list)[len(*list)-1]
}

func (b *PodBuilder) container() *corev1.Container {
	list := b.pod.Spec.Containers
	if b.init {
		list = b.pod.Spec.InitContainers
	}
	return &list[len(list)-1]
}

func (b *PodBuilder) security() *corev1.SecurityContext {
	c := b.container()
	if c.SecurityContext == nil {
		c.SecurityContext = &corev1.SecurityContext{}
	}
	return c.SecurityContext
}
