package exceed

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// The values of Process.Seccomp and Process.AppArmor, apart from the profiles of a node: "Localhost/NAME".
const (
	// Unconfined is no profile at all.
	Unconfined = "Unconfined"
	// RuntimeDefault is the profile that the runtime comes with.
	RuntimeDefault = "RuntimeDefault"
	// NodeDefault is Unconfined or RuntimeDefault, as the kubelet's seccompDefault says (KEP-2413): a pod does not tell.
	NodeDefault = "node's default"
)

// Process is what a node makes of a container: the first process in it, after it was executed, as long as it has not
// changed itself and its file carries no capabilities.
type Process struct {
	// UID and GID are the real, effective and saved ones.
	UID, GID int64
	// Groups are the supplementary groups in ascending order, which the runtime gives and the pod names: its
	// supplementalGroups, its fsGroup, and GID.
	Groups []int64
	// ImageGroups is true where the runtime adds the groups that the /etc/group of the container's own image lists for
	// the uid (supplementalGroupsPolicy Merge, the default; KEP-3619). Which ones they are, no pod tells.
	ImageGroups bool
	// Containerd and CRIO are the capabilities, by the runtime of the node. They differ in what they start from and in
	// what they make of a name that begins with "CAP_".
	Containerd, CRIO Sets
	// NoNewPrivs is true where no program can gain privileges from its file (allowPrivilegeEscalation: false).
	NoNewPrivs bool
	// Privileged is true where the container also has the node's devices and a writable /sys.
	Privileged bool
	// Seccomp is Unconfined, RuntimeDefault, NodeDefault or "Localhost/NAME".
	Seccomp string
	// AppArmor is Unconfined, RuntimeDefault or "Localhost/NAME", on a node that has AppArmor.
	AppArmor string
	// SELinux is the label that is asked for, "user:role:type:level" with what is not set left empty, on a node that has
	// SELinux; "" is the label that the runtime gives to all of the pod, and Unconfined none.
	SELinux string
	// ProcMount says whether parts of /proc are masked and read-only (Default) or not.
	ProcMount corev1.ProcMountType
	// ReadOnlyRoot is true where the container cannot write to its own root file system.
	ReadOnlyRoot bool
	// Undumpable is true where the process is closed even to its own user, since it asked for that
	// (PR_SET_DUMPABLE(2const)) or since its file can be executed but not read. No pod tells it: Of leaves it false.
	Undumpable bool
}

// Of is the process that a node makes of a container of the pod. The name is the container's; only AppArmor's old
// annotation is by name, so a container that is not yet in the pod can have any that is not there. sc is the container's
// own security context and may be nil; uid and gid are those that the process gets in the end, in whatever way they are
// known.
//
// What container and pod both can set is the container's where it is set, as a whole, else the pod's
// (DetermineEffectiveSecurityContext in the kubelet). runAsNonRoot is only a check and has no part in it.
func Of(pod *corev1.Pod, name string, sc *corev1.SecurityContext, uid, gid int64) Process {
	if sc == nil {
		sc = &corev1.SecurityContext{}
	}
	psc := pod.Spec.SecurityContext
	if psc == nil {
		psc = &corev1.PodSecurityContext{}
	}
	p := Process{
		UID: uid, GID: gid,
		Groups:       groups(psc, gid),
		ImageGroups:  psc.SupplementalGroupsPolicy == nil || *psc.SupplementalGroupsPolicy == corev1.SupplementalGroupsPolicyMerge,
		NoNewPrivs:   sc.AllowPrivilegeEscalation != nil && !*sc.AllowPrivilegeEscalation,
		Privileged:   isTrue(sc.Privileged),
		ReadOnlyRoot: isTrue(sc.ReadOnlyRootFilesystem),
		ProcMount:    corev1.DefaultProcMount,
		Seccomp:      seccomp(psc, sc),
		AppArmor:     appArmor(pod, psc, name, sc),
		SELinux:      seLinux(psc, sc),
		Containerd:   executed(containerd(sc.Capabilities), uid),
		CRIO:         executed(crio(sc.Capabilities), uid),
	}
	if sc.ProcMount != nil {
		p.ProcMount = *sc.ProcMount
	}
	if p.Privileged {
		p.unconfine()
	}
	return p
}

// unconfine is what privileged makes void (WithPrivileged in containerd's pkg/oci). Of AppArmor, a profile of the node
// stays in force (GenerateApparmorSpecOpts), and so does a read-only root.
func (p *Process) unconfine() {
	p.Containerd, p.CRIO = executed(all, p.UID), executed(all, p.UID)
	p.Seccomp, p.SELinux, p.ProcMount = Unconfined, Unconfined, corev1.UnmaskedProcMount
	if p.AppArmor == RuntimeDefault {
		p.AppArmor = Unconfined
	}
}

// groups are the pod's (determineEffectiveSecurityContext in the kubelet) and the gid, which containerd lists as well.
func groups(psc *corev1.PodSecurityContext, gid int64) []int64 {
	list := append([]int64{gid}, psc.SupplementalGroups...)
	if psc.FSGroup != nil {
		list = append(list, *psc.FSGroup)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// seccomp follows getSeccompProfile in pkg/kubelet/kuberuntime/helpers.go.
func seccomp(psc *corev1.PodSecurityContext, sc *corev1.SecurityContext) string {
	profile := sc.SeccompProfile
	if profile == nil {
		profile = psc.SeccompProfile
	}
	switch {
	case profile == nil:
		return NodeDefault
	case profile.Type == corev1.SeccompProfileTypeLocalhost:
		return localhost(profile.LocalhostProfile)
	case profile.Type == corev1.SeccompProfileTypeRuntimeDefault:
		return RuntimeDefault
	}
	return Unconfined
}

// appArmor follows GetProfile in pkg/security/apparmor: the annotation comes before the pod's field. Where nothing is
// set, the runtime uses its own profile.
func appArmor(pod *corev1.Pod, psc *corev1.PodSecurityContext, name string, sc *corev1.SecurityContext) string {
	if sc.AppArmorProfile != nil {
		return appArmorName(sc.AppArmorProfile)
	}
	annotation := pod.Annotations[corev1.DeprecatedAppArmorBetaContainerAnnotationKeyPrefix+name]
	switch profile, isLocal := strings.CutPrefix(annotation, corev1.DeprecatedAppArmorBetaProfileNamePrefix); {
	case annotation == corev1.DeprecatedAppArmorBetaProfileRuntimeDefault:
		return RuntimeDefault
	case annotation == corev1.DeprecatedAppArmorBetaProfileNameUnconfined:
		return Unconfined
	case isLocal:
		return localhost(&profile)
	case psc.AppArmorProfile != nil:
		return appArmorName(psc.AppArmorProfile)
	}
	return RuntimeDefault
}

func appArmorName(profile *corev1.AppArmorProfile) string {
	switch profile.Type {
	case corev1.AppArmorProfileTypeLocalhost:
		return localhost(profile.LocalhostProfile)
	case corev1.AppArmorProfileTypeUnconfined:
		return Unconfined
	}
	return RuntimeDefault
}

// seLinux is the container's label, or the pod's where the container asks for nothing in particular: containerd then takes
// the sandbox's (buildContainerSpec in internal/cri/server/container_create.go).
func seLinux(psc *corev1.PodSecurityContext, sc *corev1.SecurityContext) string {
	for _, o := range []*corev1.SELinuxOptions{sc.SELinuxOptions, psc.SELinuxOptions} {
		if o != nil && *o != (corev1.SELinuxOptions{}) {
			return strings.Join([]string{o.User, o.Role, o.Type, o.Level}, ":")
		}
	}
	return ""
}

func localhost(name *string) string {
	if name == nil {
		return "Localhost/"
	}
	return "Localhost/" + *name
}

func isTrue(b *bool) bool { return b != nil && *b }
