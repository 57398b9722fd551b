package target

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Origin says in words where a value was read from, as it is shown to the user: "the container's securityContext".
type Origin string

// The places that a fact can come from. They are shown as they stand here.
const (
	FromContainer  Origin = "container securityContext"
	FromPod        Origin = "pod securityContext"
	FromStatus     Origin = "container status"
	FromAnnotation Origin = "pod annotation"
	FromRunAs      Origin = "--run-as"
	// FromNoUser is the uid 0 of an image whose configuration names no USER, FromPasswd a gid that the runtime took from
	// the image's /etc/passwd, FromNoPasswd the gid 0 that it takes where that does not list the uid.
	FromNoUser   Origin = "image config (no USER)"
	FromPasswd   Origin = "image /etc/passwd"
	FromNoPasswd Origin = "runtime default, uid not in image /etc/passwd"
	// FromProcess is what the target's process was seen to run as, by a session container that was there or, with
	// FromLearnUser, by one that was added for it.
	FromProcess   Origin = "the process itself"
	FromLearnUser Origin = "the process itself (--learn-user)"
)

// Sourced is a value with the place that it was read from. Its zero value, with an empty Origin, means "not known".
type Sourced[T any] struct {
	Value  T
	Origin Origin
}

// Known reports whether the value was read from anywhere.
func (s Sourced[T]) Known() bool { return s.Origin != "" }

// Facts is what is known of one container of one pod at one moment. It is a value: nothing in it changes when the
// cluster does, and no field refers to the object that it was read from.
type Facts struct {
	Namespace string
	Pod       string
	// PodUID tells a pod from a later one of the same name.
	PodUID types.UID
	// Container is the name of the target container, a regular or an init container.
	Container string
	// ContainerID is the runtime's id of the running instance, without the "containerd://" prefix: what
	// /proc/PID/cgroup names.
	ContainerID string
	// Windows is true for a pod that runs on a Windows node.
	Windows bool
	// SharedProcessNamespace is true where all containers of the pod share one process namespace
	// (spec.shareProcessNamespace), so that process 1 is not the target's.
	SharedProcessNamespace bool
	// HostProcessNamespace is true where the pod uses the node's process namespace (spec.hostPID).
	HostProcessNamespace bool

	// UID and GID are the identity of the container's first process. Unknown where neither the spec nor the status
	// tells it: it is never guessed.
	UID, GID Sourced[int64]
	// NonRootOnly is true where the pod's securityContext sets runAsNonRoot, which then holds for every container that
	// does not set it itself.
	NonRootOnly bool
	// Groups are the supplementary groups that the pod's securityContext gives to every container, fsGroup included.
	Groups []int64
	// Capabilities are what the container's securityContext adds to and drops from the runtime's default set.
	Capabilities Sourced[corev1.Capabilities]
	// Privileged is true where the container is.
	Privileged bool
	// AllowPrivilegeEscalation is the container's own setting; unknown means the API's default, true.
	AllowPrivilegeEscalation Sourced[bool]
	// Seccomp, SELinux and AppArmor are the values in force for the container: its own, else the pod's.
	Seccomp  Sourced[corev1.SeccompProfile]
	SELinux  Sourced[corev1.SELinuxOptions]
	AppArmor Sourced[corev1.AppArmorProfile]
	// ProcMount is the container's; unknown means Default.
	ProcMount Sourced[corev1.ProcMountType]

	// MemoryLimit and EphemeralStorageLimit are the target's own limits in bytes, 0 where it has none. A debug container
	// has no limit of its own: it lives within the pod's.
	MemoryLimit, EphemeralStorageLimit int64
}
