package policytest

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/pkg/profiles"
)

type (
	container = corev1.EphemeralContainer
	sc        = corev1.SecurityContext
	names     = []corev1.Capability
)

// Cases returns all, each with a name of its own.
func Cases() []Case {
	return slices.Concat(whole(), images(), variables(), mounts(), identities(), capabilities(), confinement(), stepUps())
}

// whole are cases about what is asked of every container, and which are looked at.
func whole() []Case {
	old := func(p *corev1.Pod) {
		p.Spec.EphemeralContainers = []container{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{
			Name: "old", Image: "evil.test/old", SecurityContext: &sc{Privileged: new(true)},
		}}}
	}
	another := func(image string) change {
		return func(d *draft) {
			other := *d.add.DeepCopy()
			other.Name, other.Image = "second", image
			d.others = append(d.others, other)
		}
	}
	toSidecar := added(func(c *container) { c.TargetContainerName = "side" })
	asRoot := func(d *draft) { d.add.SecurityContext.RunAsNonRoot = nil; ids(0, 0)(d.add.SecurityContext) }
	sidecar := func(d *draft) {
		d.pod.Sidecar("side").With(func(p *corev1.Pod) {
			p.Spec.InitContainers[0].SecurityContext = &sc{RunAsUser: new(int64(0)), RunAsGroup: new(int64(0))}
		})
	}
	return []Case{
		newCase("the mirror", ""),
		newCase("no target", "debug container debugger names no target", added(func(c *container) { c.TargetContainerName = "" })),
		newCase("no target, and nothing else right", "names no target, so nothing says what it may do (kubectl debug --target=CONTAINER, or kubectl mindebug); has image busybox",
			plain, image("busybox"), added(func(c *container) { c.TargetContainerName = "" })),
		newCase("beside an old one that would be refused", "", inPod(old)),
		newCase("in front of an old one", "has image evil.test/new", inPod(old), image("evil.test/new")),
		newCase("two, the second refused", "debug container second has image evil.test/x", another("evil.test/x")),
		newCase("two, both right", "", another("registry.test/x")),
		newCase("an init container as the target", "", sidecar, toSidecar, asRoot),
		newCase("beyond an init container", "capabilities: NET_ADMIN", sidecar, toSidecar, asRoot, security(caps(names{"NET_ADMIN"}, names{"ALL"}))),
		newCase("an init container's privileges, another as the target", "runAsUser: 0 (target: 65532)", sidecar, asRoot),
		newCase("a Windows pod", "is for Windows", inPod(func(p *corev1.Pod) { p.Spec.NodeSelector = map[string]string{corev1.LabelOSStable: "windows"} })),
		newCase("Windows options", "is for Windows", security(func(c *sc) {
			c.WindowsOptions = &corev1.WindowsSecurityContextOptions{RunAsUserName: new("ContainerAdministrator")}
		})),
	}
}

func images() []Case {
	const words = "which is none of those allowed: registry.test, other.test/tools/debug, pinned.test/debug:1, " + anyRegistry
	return []Case{
		newCase("image: short", "has image busybox, "+words, image("busybox")),
		newCase("image: another registry", words, image("docker.io/library/busybox:1.37.0")),
		newCase("image: another registry that begins alike", words, image("registry.test.evil/debug:1")),
		newCase("image: another port", words, image("registry.test:5000/debug:1")),
		newCase("image: by the registry", "", image("registry.test/any/thing:1")),
		newCase("image: by the repository", "", image("other.test/tools/debug:2")),
		newCase("image: without a tag", "", image("other.test/tools/debug")),
		newCase("image: below the repository", "", image("other.test/tools/debug/more")),
		newCase("image: another repository that begins alike", words, image("other.test/tools/debugger:1")),
		newCase("image: by its tag", "", image("pinned.test/debug:1")),
		newCase("image: another tag that begins alike", words, image("pinned.test/debug:1.1")),
		newCase("image: by its digest", "", image("evil.test/debug@"+anyRegistry)),
		newCase("image: another digest", words, image("evil.test/debug@sha256:1123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")),
	}
}

func variables() []Case {
	set := func(v corev1.EnvVar) change { return added(func(c *container) { c.Env = append(c.Env, v) }) }
	secret := &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "s"}, Key: "k"}
	return []Case{
		newCase("variables: another", "sets PATH, and only variables that begin with MINDEBUG_ are allowed", set(corev1.EnvVar{Name: "PATH", Value: "/tmp"})),
		newCase("variables: from a Secret", "takes variables from elsewhere", set(corev1.EnvVar{
			Name: profiles.Reserved + "X", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: secret},
		})),
		newCase("variables: all of a Secret", "takes variables from elsewhere", added(func(c *container) {
			c.EnvFrom = []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: secret.LocalObjectReference}}}
		})),
		newCase("variables: all of a ConfigMap, with our prefix", "takes variables from elsewhere", added(func(c *container) {
			c.EnvFrom = []corev1.EnvFromSource{{Prefix: profiles.Reserved, ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: secret.LocalObjectReference}}}
		})),
		newCase("variables: a spoofed user", "says in MINDEBUG_USER that another adds it than dana", added(func(c *container) { c.Env[0].Value = "kim" })),
		newCase("variables: no user", "", added(func(c *container) { c.Env = nil })),
		newCase("variables: a reason", "", reason),
	}
}

func mounts() []Case {
	mount := func(m ...corev1.VolumeMount) change { return added(func(c *container) { c.VolumeMounts = m }) }
	volumes := func(d *draft) {
		d.pod.With(func(p *corev1.Pod) {
			for _, name := range []string{"data", "part", "other"} {
				p.Spec.Volumes = append(p.Spec.Volumes, corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}})
			}
			p.Spec.Volumes = append(p.Spec.Volumes, corev1.Volume{Name: "disk", VolumeSource: corev1.VolumeSource{
				PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "disk"},
			}})
			p.Spec.Containers[0].VolumeDevices = []corev1.VolumeDevice{{Name: "disk", DevicePath: "/dev/disk"}}
			p.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "data", MountPath: "/data"}, {Name: "part", MountPath: "/part", SubPath: "a"}}
		})
	}
	deeply := target(func(c *corev1.Container) {
		c.VolumeMounts[0].ReadOnly, c.VolumeMounts[0].RecursiveReadOnly = true, new(corev1.RecursiveReadOnlyIfPossible)
	})
	const words = "has mounts that are not its target's own, read-only and where the target has them: "
	return []Case{
		newCase("mounts: the target's", "", volumes, mount(corev1.VolumeMount{Name: "data", MountPath: "/data", ReadOnly: true})),
		newCase("mounts: to write", words+"data at /data", volumes, mount(corev1.VolumeMount{Name: "data", MountPath: "/data"})),
		newCase("mounts: elsewhere", words+"data at /bin", volumes, mount(corev1.VolumeMount{Name: "data", MountPath: "/bin", ReadOnly: true})),
		newCase("mounts: not the target's", words+"other at /other", volumes, mount(corev1.VolumeMount{Name: "other", MountPath: "/other", ReadOnly: true})),
		newCase("mounts: those of another's target", words+"other at /other", volumes, mount(corev1.VolumeMount{Name: "other", MountPath: "/other", ReadOnly: true}), func(d *draft) {
			d.pod.Container("side").Restricted().With(func(p *corev1.Pod) { p.Spec.Containers[1].VolumeMounts = d.add.VolumeMounts })
			d.others = []container{*d.add.DeepCopy()}
			d.others[0].Name, d.others[0].TargetContainerName = "second", "side"
		}),
		newCase("mounts: of a part, the whole", words+"part at /part", volumes, mount(corev1.VolumeMount{Name: "part", MountPath: "/part", ReadOnly: true})),
		newCase("mounts: with what is mounted later", words, volumes, mount(corev1.VolumeMount{
			Name: "data", MountPath: "/data", ReadOnly: true, MountPropagation: new(corev1.MountPropagationHostToContainer),
		})),
		newCase("mounts: less deeply read-only", words, volumes, deeply, mount(corev1.VolumeMount{Name: "data", MountPath: "/data", ReadOnly: true})),
		newCase("mounts: as deeply read-only", "", volumes, deeply, mount(corev1.VolumeMount{
			Name: "data", MountPath: "/data", ReadOnly: true, RecursiveReadOnly: new(corev1.RecursiveReadOnlyIfPossible),
		})),
		newCase("mounts: a device", "has volumeDevices", volumes, added(func(c *container) {
			c.VolumeDevices = []corev1.VolumeDevice{{Name: "disk", DevicePath: "/dev/disk"}}
		})),
	}
}

func identities() []Case {
	spec := of(ids(65532, 65532))
	liar := func(d *draft) { d.running = [2]int64{0, 0} }
	asRoot := security(func(c *sc) { c.RunAsNonRoot = nil; ids(0, 0)(c) })
	unset := security(func(c *sc) { c.RunAsUser, c.RunAsGroup = nil, nil })
	group := security(ids(65532, 7))
	return []Case{
		newCase("identity: another uid", "goes beyond its target app: runAsUser: 1000 (target: 65532)", security(ids(1000, 65532))),
		newCase("identity: root", "runAsUser: 0 (target: 65532); runAsGroup: 0 (target: 65532). kubectl mindebug pod/", asRoot),
		newCase("identity: the image's", "runAsUser: not set (target: 65532); runAsGroup: not set (target: 65532)", unset),
		newCase("identity: the pod's, for both", "", unset, ofPod(func(p *corev1.PodSecurityContext) { p.RunAsUser, p.RunAsGroup = new(int64(7)), new(int64(7)) })),
		newCase("identity: the pod's, and the target has its own", "runAsUser: 7 (target: 65532)", unset, spec,
			ofPod(func(p *corev1.PodSecurityContext) { p.RunAsUser, p.RunAsGroup = new(int64(7)), new(int64(7)) })),
		newCase("identity: the spec's before a status that lies", "runAsUser: 0 (target: 65532)", spec, liar, asRoot),
		newCase("identity: not told, root", "runAsUser: 0 (target: not known, so 0 is refused)", silent, asRoot),
		newCase("identity: not told, not root", "", silent, security(ids(65534, 65534))),
		newCase("identity: not told, the image's", "runAsUser: not set (target: not known, so 0 is refused)", silent, unset),
		newCase("identity: another gid", "runAsGroup: 7 (target: 65532)", group),
		newCase("identity: a supplementary group for the gid", "", group, ofPod(func(p *corev1.PodSecurityContext) { p.SupplementalGroups = []int64{6, 7} })),
		newCase("identity: the fsGroup for the gid", "", group, ofPod(func(p *corev1.PodSecurityContext) { p.FSGroup = new(int64(7)) })),
	}
}

func capabilities() []Case {
	all := names{"ALL"}
	return []Case{
		newCase("capabilities: one more", "capabilities: SYS_PTRACE (target: without)", security(caps(names{"SYS_PTRACE"}, all))),
		newCase("capabilities: in small letters", "capabilities: SYS_PTRACE", security(caps(names{"sys_ptrace"}, all))),
		newCase("capabilities: with CAP_, for CRI-O", "capabilities: SYS_PTRACE", security(caps(names{"CAP_SYS_PTRACE"}, all))),
		newCase("capabilities: one that nobody knows yet", "capabilities: TOMORROW", security(caps(names{"TOMORROW"}, all))),
		newCase("capabilities: the default ones beside none", "capabilities: CHOWN, DAC_OVERRIDE", security(func(c *sc) { c.Capabilities = nil })),
		newCase("capabilities: the default ones for both", "", root),
		newCase("capabilities: all", "any other", root, security(caps(all, nil))),
		newCase("capabilities: one that only containerd gives by itself", "capabilities: NET_RAW", root, security(caps(names{"NET_RAW"}, nil))),
		newCase("capabilities: one that the target drops", "capabilities: CHOWN (target: without)", root, of(caps(nil, names{"CHOWN"})),
			security(caps(names{"CHOWN"}, nil))),
		newCase("capabilities: one that the target drops, with CAP_", "capabilities: KILL", root, of(caps(nil, names{"KILL"})), security(caps(nil, names{"CAP_KILL"}))),
		newCase("capabilities: one that the target adds", "", root, of(caps(names{"NET_ADMIN"}, nil)), security(caps(names{"NET_ADMIN"}, nil))),
		newCase("capabilities: any beside all", "", root, of(caps(all, nil)), security(caps(names{"SYS_ADMIN"}, nil)), security(func(c *sc) { c.AllowPrivilegeEscalation = nil })),
		newCase("capabilities: any beside a privileged target", "", privileged, security(caps(names{"SYS_ADMIN"}, nil)), security(func(c *sc) { c.AllowPrivilegeEscalation = nil })),
	}
}

func confinement() []Case {
	none := security(func(c *sc) { c.SeccompProfile = nil })
	rootOnly := func(f func(*sc)) change { return func(d *draft) { root(d); of(f)(d) } }
	label := func(kind string) func(*sc) {
		return func(c *sc) { c.SELinuxOptions = &corev1.SELinuxOptions{Type: kind} }
	}
	usersOfOwn := inPod(func(p *corev1.Pod) { p.Spec.HostUsers = new(false) })
	armor := func(p *corev1.AppArmorProfile) func(*sc) { return func(c *sc) { c.AppArmorProfile = p } }
	return []Case{
		newCase("privileged", "privileged: true (target: false); ", security(func(c *sc) { c.Privileged, c.AllowPrivilegeEscalation = new(true), nil })),
		newCase("privileged beside privileged", "", privileged, security(func(c *sc) { c.Privileged, c.AllowPrivilegeEscalation = new(true), nil })),
		newCase("escalation", "allowPrivilegeEscalation: true (target: false)", security(func(c *sc) { c.AllowPrivilegeEscalation = nil })),
		newCase("escalation beside escalation", "", root, security(func(c *sc) { c.AllowPrivilegeEscalation = nil })),
		newCase("seccomp: none", "seccompProfile: node's default (target: RuntimeDefault)", none),
		newCase("seccomp: the pod's, for both", "", none, of(func(c *sc) { c.SeccompProfile = nil }), ofPod(func(p *corev1.PodSecurityContext) {
			p.SeccompProfile = seccomp(corev1.SeccompProfileTypeLocalhost, "a.json")
		})),
		newCase("seccomp: unconfined", "seccompProfile: Unconfined (target: RuntimeDefault)", security(func(c *sc) { c.SeccompProfile = seccomp(corev1.SeccompProfileTypeUnconfined) })),
		newCase("seccomp: another of the node's", "seccompProfile: Localhost/b.json (target: Localhost/a.json)",
			of(func(c *sc) { c.SeccompProfile = seccomp(corev1.SeccompProfileTypeLocalhost, "a.json") }),
			security(func(c *sc) { c.SeccompProfile = seccomp(corev1.SeccompProfileTypeLocalhost, "b.json") })),
		newCase("seccomp: more than the target says", "", root, security(func(c *sc) { c.SeccompProfile = seccomp(corev1.SeccompProfileTypeRuntimeDefault) })),
		newCase("seccomp: unconfined beside one that says nothing", "seccompProfile: Unconfined (target: node's default)", root,
			security(func(c *sc) { c.SeccompProfile = seccomp(corev1.SeccompProfileTypeUnconfined) })),
		newCase("seccomp: none beside unconfined", "", rootOnly(func(c *sc) { c.SeccompProfile = seccomp(corev1.SeccompProfileTypeUnconfined) })),
		newCase("AppArmor: unconfined", "appArmorProfile: Unconfined (target: RuntimeDefault)", security(armor(appArmor(corev1.AppArmorProfileTypeUnconfined)))),
		newCase("AppArmor: another of the node's", "appArmorProfile: Localhost/b (target: Localhost/a)",
			of(armor(appArmor(corev1.AppArmorProfileTypeLocalhost, "a"))), security(armor(appArmor(corev1.AppArmorProfileTypeLocalhost, "b")))),
		newCase("AppArmor: the target's annotation", "appArmorProfile: RuntimeDefault (target: Localhost/old)", inPod(func(p *corev1.Pod) {
			p.Annotations = map[string]string{corev1.DeprecatedAppArmorBetaContainerAnnotationKeyPrefix + "app": "localhost/old"}
		})),
		newCase("AppArmor: a profile that holds although privileged", "appArmorProfile: RuntimeDefault (target: Localhost/a)", privileged,
			of(armor(appArmor(corev1.AppArmorProfileTypeLocalhost, "a")))),
		newCase("AppArmor: none beside privileged", "", privileged, security(armor(appArmor(corev1.AppArmorProfileTypeUnconfined)))),
		newCase("AppArmor: the pod's, for both", "", ofPod(func(p *corev1.PodSecurityContext) {
			p.AppArmorProfile = appArmor(corev1.AppArmorProfileTypeLocalhost, "a")
		})),
		newCase("SELinux: another label", "seLinuxOptions: ::spc_t: (target: the pod's)", security(label("spc_t"))),
		newCase("SELinux: the target's", "", of(label("web_t")), security(label("web_t"))),
		newCase("SELinux: the pod's, and the target has its own", "seLinuxOptions: ::pod_t: (target: ::web_t:)", of(label("web_t")),
			ofPod(func(p *corev1.PodSecurityContext) { p.SELinuxOptions = &corev1.SELinuxOptions{Type: "pod_t"} })),
		newCase("procMount", "procMount: Unmasked (target: Default)", usersOfOwn, security(func(c *sc) { c.ProcMount = new(corev1.UnmaskedProcMount) })),
		newCase("procMount beside unmasked", "", usersOfOwn, of(func(c *sc) { c.ProcMount = new(corev1.UnmaskedProcMount) })),
		newCase("root file system to be written to", "readOnlyRootFilesystem: false (target: true)", of(func(c *sc) { c.ReadOnlyRootFilesystem = new(true) }),
			security(func(c *sc) { c.ReadOnlyRootFilesystem = nil })),
		newCase("root file system to be written to, beside one that is", "", security(func(c *sc) { c.ReadOnlyRootFilesystem = nil })),
	}
}

func stepUps() []Case {
	more := security(func(c *sc) {
		*c = sc{RunAsUser: new(int64(0)), RunAsGroup: new(int64(0)), Privileged: new(true)}
	})
	byMindebug := added(func(c *container) { c.Name = "mindebug-x1x1x" })
	return []Case{
		newCase("step-up: a lead with a reason", "", more, lead, reason),
		newCase("step-up: a lead without", "seccompProfile: node's default (target: RuntimeDefault); you may do that with --reason", byMindebug,
			security(func(c *sc) { c.SeccompProfile = nil }), lead),
		newCase("step-up: a lead with an empty one", "you may do that with --reason", more, lead, added(func(c *container) {
			c.Env = append(c.Env, corev1.EnvVar{Name: profiles.Reserved + "REASON"})
		})),
		newCase("step-up: another with a reason", "privileged: true (target: false)", more, reason, func(d *draft) { d.groups = []string{"leads-2"} }),
		newCase("step-up: a lead, and the image is not allowed", "has image evil.test/x", more, lead, reason, image("evil.test/x")),
	}
}
