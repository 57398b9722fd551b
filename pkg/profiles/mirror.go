package profiles

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// Plan is what a debug container may do and whom it runs as.
type Plan struct {
	// UID and GID are the numbers that SecurityContext carries.
	UID, GID int64
	// SecurityContext is complete: what it leaves unset means the API's default, and is meant.
	SecurityContext corev1.SecurityContext
	// Origins says for each field that is set why it has its value, by its JSON name: "runAsUser" → "container status".
	Origins map[string]string
	// Custom is what is merged over the container beside its security context, or nil.
	Custom *Custom
	// StepUp is true where the plan is another than the mirror and not merely less: it may go beyond what the target has.
	// How far it does is found out by package exceed.
	StepUp bool
	// Asked are the words, as on a command line, that made the plan another than the mirror: "--profile=general".
	Asked []string
}

// fields returns what an API object sets, by JSON names.
func fields[T any](object T) map[string]any {
	set, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&object)
	if err != nil {
		panic(err) // a typed API object always converts
	}
	return set
}

// UnknownIdentityError says that the uid or the gid that the target runs with could not be read from its pod.
type UnknownIdentityError struct {
	// Missing names what is not known: "uid", "gid" or "uid and gid".
	Missing string
}

func (e *UnknownIdentityError) Error() string {
	return fmt.Sprintf("the target's %s is neither in its spec nor in its status", e.Missing)
}

// WindowsError says that the target runs on Windows, where an ephemeral container cannot share a process namespace
// (https://kubernetes.io/docs/concepts/windows/intro/: no shared namespaces).
type WindowsError struct{}

func (*WindowsError) Error() string { return "containers of a Windows pod share no process namespace" }

// Mirror returns the plan whose privileges are the target's, never more. It returns an *UnknownIdentityError where the
// facts do not say which uid and gid the target has, and a *WindowsError for a Windows pod.
//
// Which field is mirrored how, and why, is the table in docs/profiles.md.
func Mirror(f target.Facts) (Plan, error) { return Make(f, Request{}) }

func missingIdentity(uid, gid target.Sourced[int64]) string {
	switch {
	case !uid.Known() && !gid.Known():
		return "uid and gid"
	case !uid.Known():
		return "uid"
	case !gid.Known():
		return "gid"
	}
	return ""
}

// plan is a Plan in the making.
type plan struct {
	uid, gid int64
	sc       corev1.SecurityContext
	origins  map[string]string
}

func (p *plan) done() Plan {
	return Plan{UID: p.uid, GID: p.gid, SecurityContext: p.sc, Origins: p.origins}
}

// identity sets uid and gid as numbers, always: to look into another process the kernel wants both to be the same
// (__ptrace_may_access in kernel/ptrace.c), and with runAsUser alone the gid would be 0.
func (p *plan) identity(f target.Facts) {
	p.sc.RunAsUser, p.sc.RunAsGroup = &p.uid, &p.gid
	switch {
	case p.uid != 0:
		// Without it the kubelet looks at the debug image's USER where the pod asks for runAsNonRoot, and refuses only
		// after the container has become a permanent part of the pod.
		p.sc.RunAsNonRoot = new(true)
		p.origins["runAsNonRoot"] = "the uid is not 0"
	case f.NonRootOnly:
		p.sc.RunAsNonRoot = new(false)
		p.origins["runAsNonRoot"] = "the uid is 0, and the pod would have none"
	}
}

// capabilities gives a process of uid 0 the target's own, and any other none: without uid 0 nothing is effective that
// could be matched, and default ones would make our processes readable for the target (runc executes the first program
// of an exec while CAP_DAC_OVERRIDE is still effective, and so does not take an execute-only file for one).
func (p *plan) capabilities(f target.Facts) {
	switch {
	case p.uid != 0:
		p.sc.Capabilities = &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}
		p.origins["capabilities"] = "none are effective without uid 0"
	case f.Privileged:
		// The default set and SYS_PTRACE see a privileged process, which has both: less than privileged does.
		p.sc.Capabilities = &corev1.Capabilities{Add: []corev1.Capability{"SYS_PTRACE"}}
		p.origins["capabilities"] = "the target is privileged; this is enough to see it"
	case f.Capabilities.Known():
		p.sc.Capabilities = f.Capabilities.Value.DeepCopy()
		p.origins["capabilities"] = string(f.Capabilities.Origin)
	}
}

// escalation takes privilege escalation away wherever the API allows it; taking away is never more.
func (p *plan) escalation(f target.Facts) {
	switch {
	case p.privileged():
	case p.grantsEscalation():
		if f.AllowPrivilegeEscalation.Known() {
			p.sc.AllowPrivilegeEscalation = new(f.AllowPrivilegeEscalation.Value)
			p.origins["allowPrivilegeEscalation"] = string(f.AllowPrivilegeEscalation.Origin)
		}
	default:
		p.sc.AllowPrivilegeEscalation = new(false)
		p.origins["allowPrivilegeEscalation"] = "never needed"
	}
}

// grantsEscalation reports whether the API refuses to take privilege escalation away: beside privileged and beside a
// literal CAP_SYS_ADMIN (ValidateSecurityContext in pkg/apis/core/validation).
func (p *plan) grantsEscalation() bool {
	return p.privileged() || p.sc.Capabilities != nil && slices.Contains(p.sc.Capabilities.Add, "CAP_SYS_ADMIN")
}

// sandbox copies the security modules' labels, which must be the same on both sides for one to see the other, and makes
// the root file system read-only: a target that could write there would own the next session.
func (p *plan) sandbox(f target.Facts) {
	p.sc.ReadOnlyRootFilesystem = new(true)
	p.origins["readOnlyRootFilesystem"] = "always"
	if f.SELinux.Known() {
		p.sc.SELinuxOptions = new(f.SELinux.Value)
		p.origins["seLinuxOptions"] = string(f.SELinux.Origin)
	}
	switch local := f.AppArmor.Value.Type == corev1.AppArmorProfileTypeLocalhost; {
	case f.Privileged && !local:
		// Runtimes confine what is privileged by no profile but one of the node (GenerateApparmorSpecOpts in containerd's
		// internal/cri/sputil), and a process that is confined cannot see one that is not.
		p.sc.AppArmorProfile = &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeUnconfined}
		p.origins["appArmorProfile"] = "the target is privileged, so it has none"
	case f.AppArmor.Known():
		p.sc.AppArmorProfile = f.AppArmor.Value.DeepCopy()
		p.origins["appArmorProfile"] = string(f.AppArmor.Origin)
	}
	if p.privileged() {
		return
	}
	if f.Seccomp.Known() {
		p.sc.SeccompProfile = f.Seccomp.Value.DeepCopy()
		p.origins["seccompProfile"] = string(f.Seccomp.Origin)
	}
	if f.ProcMount.Known() {
		p.sc.ProcMount = new(f.ProcMount.Value)
		p.origins["procMount"] = string(f.ProcMount.Origin)
	}
}
