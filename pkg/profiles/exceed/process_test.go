package exceed

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

// machine is what the machine of the measurements lets its runtime give: all but SYS_RESOURCE.
const machine Capabilities = 0x1fffeffffff

// TestOfAsMeasured has containers that ran on kubelet 1.36.3 with containerd 2.4.2 and runc 1.1.5, and what
// /proc/1/status said in each. Groups of the image, which no pod tells, are left out.
func TestOfAsMeasured(t *testing.T) {
	t.Parallel()
	caps := func(add, drop []corev1.Capability) *corev1.SecurityContext {
		return &corev1.SecurityContext{Capabilities: &corev1.Capabilities{Add: add, Drop: drop}}
	}
	type list = []corev1.Capability
	runtimeDefault := &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}
	tests := []struct {
		name                string
		pod                 corev1.PodSecurityContext
		container           *corev1.SecurityContext
		uid, gid            int64
		groups              []int64
		permitted, bounding Capabilities
		noNewPrivs, seccomp bool
	}{
		{name: "root", groups: []int64{0}, permitted: 0xa80425fb, bounding: 0xa80425fb},
		{name: "root, drop ALL", container: caps(nil, list{"ALL"}), groups: []int64{0}},
		{name: "root, drop ALL, add, in any case", container: caps(list{"CHOWN", "net_admin"}, list{"ALL"}), groups: []int64{0}, permitted: 0x1001, bounding: 0x1001},
		{name: "root, ALL both ways", container: caps(list{"ALL", "KILL"}, list{"all"}), groups: []int64{0}, permitted: 0x20, bounding: 0x20},
		{
			name: "root, added and dropped", container: caps(list{"KILL", "SYS_TIME"}, list{"KILL", "SYS_PTRACE"}),
			groups: []int64{0}, permitted: 0xaa0425db, bounding: 0xaa0425db,
		},
		{name: "root, add ALL but one", container: caps(list{"ALL"}, list{"KILL"}), groups: []int64{0}, permitted: 0x1fffeffffdf, bounding: 0x1fffeffffdf},
		{name: "root, names with CAP_", container: caps(list{"CAP_SYS_ADMIN"}, list{"CAP_KILL"}), groups: []int64{0}, permitted: 0xa80425fb, bounding: 0xa80425fb},
		{name: "root, a name that is none", container: caps(list{"NO_SUCH", "SYS_PTRACE"}, nil), groups: []int64{0}, permitted: 0xa80c25fb, bounding: 0xa80c25fb},
		{
			name: "root without new privileges", container: &corev1.SecurityContext{AllowPrivilegeEscalation: new(false), ReadOnlyRootFilesystem: new(true)},
			groups: []int64{0}, permitted: 0xa80425fb, bounding: 0xa80425fb, noNewPrivs: true,
		},
		{
			name: "privileged makes the rest void", pod: corev1.PodSecurityContext{SeccompProfile: runtimeDefault},
			container: &corev1.SecurityContext{Privileged: new(true), Capabilities: &corev1.Capabilities{Drop: list{"ALL"}}},
			groups:    []int64{0}, permitted: 0x1fffeffffff, bounding: 0x1fffeffffff,
		},
		{
			name: "privileged, not root", pod: corev1.PodSecurityContext{RunAsUser: new(int64(1000)), RunAsGroup: new(int64(1001))},
			container: &corev1.SecurityContext{Privileged: new(true)}, uid: 1000, gid: 1001, groups: []int64{1001}, bounding: 0x1fffeffffff,
		},
		{name: "not root", pod: corev1.PodSecurityContext{RunAsUser: new(int64(1000))}, uid: 1000, groups: []int64{0}, bounding: 0xa80425fb},
		{
			name: "not root, with a capability and groups",
			pod: corev1.PodSecurityContext{
				RunAsUser: new(int64(1000)), RunAsGroup: new(int64(2000)), FSGroup: new(int64(3000)), SupplementalGroups: []int64{5, 4},
			},
			container: &corev1.SecurityContext{RunAsUser: new(int64(1001)), Capabilities: &corev1.Capabilities{Add: list{"NET_ADMIN"}}},
			uid:       1001, gid: 2000, groups: []int64{4, 5, 2000, 3000}, bounding: 0xa80435fb,
		},
		{
			name: "restricted", pod: corev1.PodSecurityContext{
				RunAsUser: new(int64(1000)), RunAsGroup: new(int64(2000)), SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeUnconfined},
			},
			container: &corev1.SecurityContext{
				SeccompProfile: runtimeDefault, AllowPrivilegeEscalation: new(false), Capabilities: &corev1.Capabilities{Drop: list{"ALL"}},
			},
			uid: 1000, gid: 2000, groups: []int64{2000}, noNewPrivs: true, seccomp: true,
		},
		{
			name: "seccomp of the pod", pod: corev1.PodSecurityContext{SeccompProfile: runtimeDefault},
			container: &corev1.SecurityContext{AllowPrivilegeEscalation: new(true)},
			groups:    []int64{0}, permitted: 0xa80425fb, bounding: 0xa80425fb, seccomp: true,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			pod := &corev1.Pod{Spec: corev1.PodSpec{SecurityContext: &test.pod}}
			got := Of(pod, "app", test.container, test.uid, test.gid)
			sets := Sets{got.Containerd.Permitted & machine, got.Containerd.Effective & machine, got.Containerd.Bounding & machine}
			if want := (Sets{test.permitted, test.permitted, test.bounding}); sets != want {
				t.Errorf("capabilities %+v, measured %+v", sets, want)
			}
			if got.UID != test.uid || got.GID != test.gid || !cmp.Equal(got.Groups, test.groups) {
				t.Errorf("%d:%d groups %v, measured %d:%d groups %v", got.UID, got.GID, got.Groups, test.uid, test.gid, test.groups)
			}
			if got.NoNewPrivs != test.noNewPrivs || (got.Seccomp == RuntimeDefault) != test.seccomp {
				t.Errorf("no_new_privs %t, seccomp %s; measured %t and %t", got.NoNewPrivs, got.Seccomp, test.noNewPrivs, test.seccomp)
			}
		})
	}
}

// TestOf has what no kernel at hand could show.
func TestOf(t *testing.T) {
	t.Parallel()
	const annotation = corev1.DeprecatedAppArmorBetaContainerAnnotationKeyPrefix + "app"
	armor := func(kind corev1.AppArmorProfileType, name *string) *corev1.AppArmorProfile {
		return &corev1.AppArmorProfile{Type: kind, LocalhostProfile: name}
	}
	secret := func(kind corev1.SeccompProfileType, name *string) *corev1.SeccompProfile {
		return &corev1.SeccompProfile{Type: kind, LocalhostProfile: name}
	}
	plain := func(change func(*Process)) Process {
		sets := Sets{containerdDefault, containerdDefault, containerdDefault}
		p := Process{
			Groups: []int64{0}, ImageGroups: true, Containerd: sets, CRIO: Sets{crioDefault, crioDefault, crioDefault},
			Seccomp: NodeDefault, AppArmor: RuntimeDefault, ProcMount: corev1.DefaultProcMount,
		}
		change(&p)
		return p
	}
	tests := []struct {
		name      string
		notes     map[string]string
		pod       *corev1.PodSecurityContext
		container *corev1.SecurityContext
		want      func(*Process)
	}{
		{name: "nothing", want: func(*Process) {}},
		{name: "nothing of a pod that says nothing", pod: &corev1.PodSecurityContext{}, container: &corev1.SecurityContext{}, want: func(*Process) {}},
		{
			name: "strict groups", pod: &corev1.PodSecurityContext{SupplementalGroupsPolicy: new(corev1.SupplementalGroupsPolicyStrict)},
			want: func(p *Process) { p.ImageGroups = false },
		},
		{
			name: "merged groups", pod: &corev1.PodSecurityContext{SupplementalGroupsPolicy: new(corev1.SupplementalGroupsPolicyMerge), SupplementalGroups: []int64{7, 0, 7}},
			want: func(p *Process) { p.Groups = []int64{0, 7} },
		},
		{
			name: "CRI-O takes a name with CAP_", container: &corev1.SecurityContext{Capabilities: &corev1.Capabilities{Add: []corev1.Capability{"cap_sys_admin"}, Drop: []corev1.Capability{"CAP_KILL"}}},
			want: func(p *Process) {
				set := crioDefault&^of("KILL") | of("SYS_ADMIN")
				p.CRIO = Sets{set, set, set}
			},
		},
		{
			name: "AppArmor: the container's before the annotation", notes: map[string]string{annotation: "unconfined"},
			container: &corev1.SecurityContext{AppArmorProfile: armor(corev1.AppArmorProfileTypeLocalhost, new("a"))},
			want:      func(p *Process) { p.AppArmor = "Localhost/a" },
		},
		{
			name: "AppArmor: the annotation before the pod's", notes: map[string]string{annotation: "localhost/b"},
			pod:  &corev1.PodSecurityContext{AppArmorProfile: armor(corev1.AppArmorProfileTypeUnconfined, nil)},
			want: func(p *Process) { p.AppArmor = "Localhost/b" },
		},
		{
			name: "AppArmor: the runtime's by annotation", notes: map[string]string{annotation: "runtime/default"},
			pod:  &corev1.PodSecurityContext{AppArmorProfile: armor(corev1.AppArmorProfileTypeUnconfined, nil)},
			want: func(*Process) {},
		},
		{name: "AppArmor: none by annotation", notes: map[string]string{annotation: "unconfined"}, want: func(p *Process) { p.AppArmor = Unconfined }},
		{
			name: "AppArmor: an annotation that says nothing, and that of another", notes: map[string]string{annotation: "what", annotation + "2": "localhost/b"},
			pod:  &corev1.PodSecurityContext{AppArmorProfile: armor(corev1.AppArmorProfileTypeUnconfined, nil)},
			want: func(p *Process) { p.AppArmor = Unconfined },
		},
		{
			name: "AppArmor: a profile without a name", container: &corev1.SecurityContext{AppArmorProfile: armor(corev1.AppArmorProfileTypeLocalhost, nil)},
			want: func(p *Process) { p.AppArmor = "Localhost/" },
		},
		{
			name: "seccomp: the container's before the pod's", pod: &corev1.PodSecurityContext{SeccompProfile: secret(corev1.SeccompProfileTypeRuntimeDefault, nil)},
			container: &corev1.SecurityContext{SeccompProfile: secret(corev1.SeccompProfileTypeLocalhost, new("a.json"))},
			want:      func(p *Process) { p.Seccomp = "Localhost/a.json" },
		},
		{
			name: "seccomp: none", pod: &corev1.PodSecurityContext{SeccompProfile: secret(corev1.SeccompProfileTypeUnconfined, nil)},
			want: func(p *Process) { p.Seccomp = Unconfined },
		},
		{
			name: "SELinux: the container's as a whole", pod: &corev1.PodSecurityContext{SELinuxOptions: &corev1.SELinuxOptions{Type: "spc_t"}},
			container: &corev1.SecurityContext{SELinuxOptions: &corev1.SELinuxOptions{Level: "s0:c1"}},
			want:      func(p *Process) { p.SELinux = ":::s0:c1" },
		},
		{
			name: "SELinux: the pod's beside empty ones", pod: &corev1.PodSecurityContext{SELinuxOptions: &corev1.SELinuxOptions{Type: "spc_t"}},
			container: &corev1.SecurityContext{SELinuxOptions: &corev1.SELinuxOptions{}},
			want:      func(p *Process) { p.SELinux = "::spc_t:" },
		},
		{
			name: "procMount", container: &corev1.SecurityContext{ProcMount: new(corev1.UnmaskedProcMount), ReadOnlyRootFilesystem: new(true)},
			want: func(p *Process) { p.ProcMount, p.ReadOnlyRoot = corev1.UnmaskedProcMount, true },
		},
		{
			name: "privileged: only a read-only root and a profile of the node stay",
			container: &corev1.SecurityContext{
				Privileged: new(true), ReadOnlyRootFilesystem: new(true), ProcMount: new(corev1.DefaultProcMount),
				Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}, SELinuxOptions: &corev1.SELinuxOptions{Type: "t"},
				SeccompProfile: secret(corev1.SeccompProfileTypeLocalhost, new("a")), AppArmorProfile: armor(corev1.AppArmorProfileTypeLocalhost, new("b")),
			},
			want: func(p *Process) {
				p.Privileged, p.ReadOnlyRoot, p.ProcMount = true, true, corev1.UnmaskedProcMount
				p.Containerd, p.CRIO = Sets{all, all, all}, Sets{all, all, all}
				p.Seccomp, p.SELinux, p.AppArmor = Unconfined, Unconfined, "Localhost/b"
			},
		},
		{
			name: "privileged without AppArmor's", container: &corev1.SecurityContext{Privileged: new(true)},
			want: func(p *Process) {
				p.Privileged, p.ProcMount = true, corev1.UnmaskedProcMount
				p.Containerd, p.CRIO = Sets{all, all, all}, Sets{all, all, all}
				p.Seccomp, p.SELinux, p.AppArmor = Unconfined, Unconfined, Unconfined
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			pod := &corev1.Pod{Spec: corev1.PodSpec{SecurityContext: test.pod}}
			pod.Annotations = test.notes
			if diff := cmp.Diff(plain(test.want), Of(pod, "app", test.container, 0, 0)); diff != "" {
				t.Errorf("process (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCapabilitiesRead(t *testing.T) {
	t.Parallel()
	for want, set := range map[string]Capabilities{
		"none": 0, "ALL": all, "CHOWN, CHECKPOINT_RESTORE": 1<<0 | 1<<40, "SYS_PTRACE": sysPtrace,
	} {
		if got := set.String(); got != want {
			t.Errorf("%#x reads %q, want %q", uint64(set), got, want)
		}
	}
}
