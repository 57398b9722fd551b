package exceed

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

func TestExceeds(t *testing.T) {
	t.Parallel()
	everything := Sets{Permitted: all, Effective: all, Bounding: all}
	tests := []struct {
		name             string
		target, debugger Process
		want             []Difference
	}{
		{name: "the same", target: Process{UID: 1, GID: 1}, debugger: Process{UID: 1, GID: 1}},
		{name: "another uid", target: Process{UID: 1}, debugger: Process{}, want: []Difference{{"runAsUser", "1", "0"}}},
		{name: "another uid, even of a root target", target: Process{}, debugger: Process{UID: 1}, want: []Difference{{"runAsUser", "0", "1"}}},
		{name: "another gid", target: Process{GID: 5, Groups: []int64{5}}, debugger: Process{Groups: []int64{0}}, want: []Difference{{"runAsGroup", "5", "0"}}},
		{name: "a gid that is among the target's groups", target: Process{GID: 5, Groups: []int64{5, 7}}, debugger: Process{GID: 7, Groups: []int64{5, 7}}},
		{
			name: "a group more", target: Process{Groups: []int64{0, 7}}, debugger: Process{Groups: []int64{0, 7, 9}},
			want: []Difference{{"supplementalGroups", "0, 7", "0, 7, 9"}},
		},
		{name: "a group fewer", target: Process{Groups: []int64{0, 7}}, debugger: Process{Groups: []int64{0}}},
		{name: "groups of the image", debugger: Process{ImageGroups: true}, want: []Difference{{"supplementalGroupsPolicy", "Strict", "Merge"}}},
		{name: "no groups of the image", target: Process{ImageGroups: true}},
		{
			name: "a capability more", target: Process{Containerd: Sets{Permitted: of("CHOWN")}},
			debugger: Process{Containerd: Sets{Permitted: of("CHOWN", "SYS_PTRACE")}},
			want:     []Difference{{"capabilities", "CHOWN", "CHOWN, SYS_PTRACE"}},
		},
		{name: "a capability more on CRI-O only", debugger: Process{CRIO: Sets{Permitted: sysPtrace}}, want: []Difference{{"capabilities", "none", "SYS_PTRACE"}}},
		{
			name: "all of them, said once", debugger: Process{Containerd: everything, CRIO: everything},
			want: []Difference{{"capabilities", "none", "ALL"}, {"capabilities (bounding set)", "none", "ALL"}},
		},
		{name: "capabilities fewer", target: Process{Containerd: everything, CRIO: everything}},
		{
			name: "only the bounding set", debugger: Process{Containerd: Sets{Bounding: of("KILL")}},
			want: []Difference{{"capabilities (bounding set)", "none", "KILL"}},
		},
		{name: "new privileges", target: Process{NoNewPrivs: true}, want: []Difference{{"allowPrivilegeEscalation", "false", "true"}}},
		{name: "no new privileges", debugger: Process{NoNewPrivs: true}},
		{name: "privileged", debugger: Process{Privileged: true}, want: []Difference{{"privileged", "false", "true"}}},
		{name: "not privileged", target: Process{Privileged: true}},
		{name: "procMount", target: Process{ProcMount: corev1.DefaultProcMount}, debugger: Process{ProcMount: corev1.UnmaskedProcMount}, want: []Difference{{"procMount", "Default", "Unmasked"}}},
		{name: "procMount, tighter", target: Process{ProcMount: corev1.UnmaskedProcMount}, debugger: Process{ProcMount: corev1.DefaultProcMount}},
		{name: "a root file system to write to", target: Process{ReadOnlyRoot: true}, want: []Difference{{"readOnlyRootFilesystem", "true", "false"}}},
		{name: "SELinux", target: Process{SELinux: "::t:"}, want: []Difference{{"seLinuxOptions", "::t:", "the pod's"}}},
		{name: "SELinux, none", debugger: Process{SELinux: Unconfined}, want: []Difference{{"seLinuxOptions", "the pod's", "Unconfined"}}},
		{name: "SELinux of a target without", target: Process{SELinux: Unconfined}, debugger: Process{SELinux: "::t:"}},
		{name: "AppArmor", target: Process{AppArmor: RuntimeDefault}, debugger: Process{AppArmor: Unconfined}, want: []Difference{{"appArmorProfile", "RuntimeDefault", "Unconfined"}}},
		{name: "AppArmor, tighter", target: Process{AppArmor: Unconfined}, debugger: Process{AppArmor: "Localhost/a"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, Exceeds(test.target, test.debugger)); diff != "" {
				t.Errorf("differences (-want +got):\n%s", diff)
			}
		})
	}
}

// TestSeccompOrder has every pair: only what is surely as tight is not more.
func TestSeccompOrder(t *testing.T) {
	t.Parallel()
	holds := map[[2]string]bool{
		{Unconfined, Unconfined}: true, {Unconfined, RuntimeDefault}: true, {Unconfined, NodeDefault}: true, {Unconfined, "Localhost/a"}: true,
		{RuntimeDefault, RuntimeDefault}: true, {NodeDefault, NodeDefault}: true, {NodeDefault, RuntimeDefault}: true,
		{"Localhost/a", "Localhost/a"}: true,
	}
	profiles := []string{Unconfined, RuntimeDefault, NodeDefault, "Localhost/a", "Localhost/b"}
	holds[[2]string{Unconfined, "Localhost/b"}], holds[[2]string{"Localhost/b", "Localhost/b"}] = true, true
	for _, target := range profiles {
		for _, debugger := range profiles {
			var want []Difference
			if !holds[[2]string{target, debugger}] {
				want = []Difference{{"seccompProfile", target, debugger}}
			}
			if diff := cmp.Diff(want, Exceeds(Process{Seccomp: target}, Process{Seccomp: debugger})); diff != "" {
				t.Errorf("a target with %s and a debugger with %s (-want +got):\n%s", target, debugger, diff)
			}
		}
	}
}

func TestCanSee(t *testing.T) {
	t.Parallel()
	ptrace := Sets{Permitted: sysPtrace, Effective: sysPtrace, Bounding: sysPtrace}
	tests := []struct {
		name             string
		debugger, target Process
		want             []Difference
	}{
		{name: "the same user", debugger: Process{UID: 1, GID: 2}, target: Process{UID: 1, GID: 2}},
		{name: "another uid", target: Process{UID: 1}, want: []Difference{{"runAsUser", "1", "0"}}},
		{name: "another gid", target: Process{GID: 1}, want: []Difference{{"runAsGroup", "1", "0"}}},
		{name: "a gid that is only among the groups", debugger: Process{GID: 1, Groups: []int64{1, 2}}, target: Process{GID: 2}, want: []Difference{{"runAsGroup", "2", "1"}}},
		{
			name: "anybody, with SYS_PTRACE", debugger: Process{Containerd: ptrace, CRIO: ptrace},
			target: Process{UID: 1, GID: 2, Undumpable: true, Containerd: Sets{Permitted: all}},
		},
		{
			name: "SYS_PTRACE that only one runtime gives", debugger: Process{Containerd: ptrace}, target: Process{UID: 1},
			want: []Difference{{"runAsUser", "1", "0"}},
		},
		{
			name: "SYS_PTRACE that is not effective", debugger: Process{Containerd: Sets{Permitted: sysPtrace}, CRIO: Sets{Permitted: sysPtrace}},
			target: Process{UID: 1}, want: []Difference{{"runAsUser", "1", "0"}},
		},
		{name: "not dumpable", target: Process{Undumpable: true}, want: []Difference{{"dumpable", "no", "without SYS_PTRACE"}}},
		{
			name: "capabilities that the target has more", debugger: Process{Containerd: Sets{Effective: of("CHOWN")}},
			target: Process{Containerd: Sets{Permitted: of("CHOWN", "NET_BIND_SERVICE")}},
			want:   []Difference{{"capabilities", "CHOWN, NET_BIND_SERVICE", "CHOWN"}},
		},
		{name: "capabilities that the target has in its bounding set only", target: Process{Containerd: Sets{Bounding: all}}},
		{name: "AppArmor of another", debugger: Process{AppArmor: RuntimeDefault}, target: Process{AppArmor: "Localhost/a"}, want: []Difference{{"appArmorProfile", "Localhost/a", "RuntimeDefault"}}},
		{
			name:     "AppArmor: a confined one sees none that is not",
			debugger: Process{AppArmor: RuntimeDefault, Containerd: ptrace, CRIO: ptrace}, target: Process{AppArmor: Unconfined},
			want: []Difference{{"appArmorProfile", "Unconfined", "RuntimeDefault"}},
		},
		{name: "AppArmor: one that is not sees all", debugger: Process{AppArmor: Unconfined}, target: Process{AppArmor: "Localhost/a"}},
		{name: "SELinux", debugger: Process{SELinux: "::t:"}, target: Process{}, want: []Difference{{"seLinuxOptions", "the pod's", "::t:"}}},
		{name: "SELinux of one without", debugger: Process{SELinux: Unconfined}, target: Process{SELinux: "::t:"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ok, got := CanSee(test.debugger, test.target)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("what stands in the way (-want +got):\n%s", diff)
			}
			if ok != (len(test.want) == 0) {
				t.Errorf("can see: %t", ok)
			}
		})
	}
}

func TestDifferenceReads(t *testing.T) {
	t.Parallel()
	got := Difference{Field: "capabilities", Target: "none", Debugger: sysPtrace.String()}.String()
	if want := "capabilities: SYS_PTRACE (target: none)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
