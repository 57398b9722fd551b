package policytest

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
	"github.com/mindebug/kubectl-mindebug/internal/policy"
	"github.com/mindebug/kubectl-mindebug/pkg/profiles"
)

// User is who adds the containers, and Leads the group that may go beyond the target with a reason.
const (
	User  = "dana"
	Leads = "leads"
)

// anyRegistry is a digest that is allowed from any registry.
const anyRegistry = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// Policy is what the cases are about.
func Policy() policy.Admission {
	return policy.Admission{
		Name: policy.AdmissionName, Images: []string{"registry.test", "other.test/tools/debug", "pinned.test/debug:1"},
		Digests: []string{anyRegistry}, StepUpGroups: []string{Leads}, ReasonForStepUps: true,
	}
}

// Case is a request to add debug containers to a pod.
type Case struct {
	Name string
	// Pod is the pod before it, with its status.
	Pod *corev1.Pod
	Add []corev1.EphemeralContainer
	// Groups are the groups of User.
	Groups []string
	// Refused is a part of the words that refuse it; it is empty where the containers are admitted.
	Refused string
}

// draft is a case in the making: the mirror beside a target like those that this project is for.
type draft struct {
	pod     *kubetest.PodBuilder
	add     corev1.EphemeralContainer
	others  []corev1.EphemeralContainer
	running [2]int64
	silent  bool
	groups  []string
}

type change func(*draft)

// newCase puts a case together.
func newCase(name, refused string, changes ...change) Case {
	d := draft{
		pod: kubetest.Pod("", "pod").Restricted(), running: [2]int64{65532, 65532},
		add: corev1.EphemeralContainer{TargetContainerName: "app", EphemeralContainerCommon: corev1.EphemeralContainerCommon{
			Name: "debugger", Image: "registry.test/debug:1", Env: []corev1.EnvVar{{Name: profiles.Reserved + "USER", Value: User}},
			SecurityContext: &corev1.SecurityContext{
				RunAsUser: new(int64(65532)), RunAsGroup: new(int64(65532)), RunAsNonRoot: new(true),
				Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
				AllowPrivilegeEscalation: new(false), ReadOnlyRootFilesystem: new(true),
				SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
		}},
	}
	for _, change := range changes {
		change(&d)
	}
	if !d.silent {
		d.pod.Running(d.running[0], d.running[1]).With(func(p *corev1.Pod) { p.Spec.NodeName = "" })
	}
	return Case{Name: name, Pod: d.pod.Build(), Add: append([]corev1.EphemeralContainer{d.add}, d.others...), Groups: d.groups, Refused: refused}
}

// added changes the container that is added.
func added(f func(*corev1.EphemeralContainer)) change { return func(d *draft) { f(&d.add) } }

// security changes its security context.
func security(f func(*corev1.SecurityContext)) change {
	return func(d *draft) { f(d.add.SecurityContext) }
}

// plain makes the container one that says nothing of its privileges, as kubectl debug's old default does.
func plain(d *draft) { d.add.SecurityContext = &corev1.SecurityContext{} }

func image(name string) change {
	return added(func(c *corev1.EphemeralContainer) { c.Image = name })
}

// target changes the target.
func target(f func(*corev1.Container)) change {
	return inPod(func(p *corev1.Pod) { f(&p.Spec.Containers[0]) })
}

// of changes the target's security context.
func of(f func(*corev1.SecurityContext)) change {
	return target(func(c *corev1.Container) {
		if c.SecurityContext == nil {
			c.SecurityContext = &corev1.SecurityContext{}
		}
		f(c.SecurityContext)
	})
}

func inPod(f func(*corev1.Pod)) change { return func(d *draft) { d.pod.With(f) } }

// ofPod changes the pod's security context.
func ofPod(f func(*corev1.PodSecurityContext)) change {
	return inPod(func(p *corev1.Pod) {
		if p.Spec.SecurityContext == nil {
			p.Spec.SecurityContext = &corev1.PodSecurityContext{}
		}
		f(p.Spec.SecurityContext)
	})
}

// root makes the target root without a security context, and the container its mirror.
func root(d *draft) {
	target(func(c *corev1.Container) { c.SecurityContext = nil })(d)
	d.running = [2]int64{0, 0}
	d.add.SecurityContext = &corev1.SecurityContext{
		RunAsUser: new(int64(0)), RunAsGroup: new(int64(0)), AllowPrivilegeEscalation: new(false), ReadOnlyRootFilesystem: new(true),
	}
}

// privileged makes the target privileged.
func privileged(d *draft) {
	root(d)
	of(func(sc *corev1.SecurityContext) { sc.Privileged = new(true) })(d)
}

// silent makes the pod one whose status tells nothing, as on servers before 1.33.
func silent(d *draft) { d.silent = true }

// lead makes the user one who may go beyond the target.
func lead(d *draft) { d.groups = []string{"all", Leads} }

func reason(d *draft) {
	d.add.Env = append(d.add.Env, corev1.EnvVar{Name: profiles.Reserved + "REASON", Value: "INC-1"})
}

func ids(uid, gid int64) func(*corev1.SecurityContext) {
	return func(sc *corev1.SecurityContext) { sc.RunAsUser, sc.RunAsGroup = &uid, &gid }
}

func caps(add, drop []corev1.Capability) func(*corev1.SecurityContext) {
	return func(sc *corev1.SecurityContext) { sc.Capabilities = &corev1.Capabilities{Add: add, Drop: drop} }
}

func seccomp(kind corev1.SeccompProfileType, file ...string) *corev1.SeccompProfile {
	p := &corev1.SeccompProfile{Type: kind}
	for _, f := range file {
		p.LocalhostProfile = &f
	}
	return p
}

func appArmor(kind corev1.AppArmorProfileType, name ...string) *corev1.AppArmorProfile {
	p := &corev1.AppArmorProfile{Type: kind}
	for _, n := range name {
		p.LocalhostProfile = &n
	}
	return p
}
