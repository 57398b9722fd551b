package exceed

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Difference is one thing in which a debugger and its target differ. All three are words for people.
type Difference struct {
	// Field names the thing, by its field in a security context where it has one: "runAsUser", "capabilities".
	Field string
	// Target and Debugger are what each has.
	Target, Debugger string
}

// Exceeds returns in what the debugger is more than the target, in a fixed order, and nothing where it is not: another
// uid, a group that the target lacks, a capability in any set by either runtime, new privileges where the target can gain
// none, a privileged container, a loosened or another sandbox, or a root file system that can be written to. Two profiles
// or labels of a node cannot be compared: another one counts as more.
func Exceeds(target, debugger Process) []Difference {
	var found []Difference
	more := func(is bool, field, target, debugger string) {
		if d := (Difference{field, target, debugger}); is && !slices.Contains(found, d) {
			found = append(found, d)
		}
	}
	t, d := target, debugger
	more(d.UID != t.UID, "runAsUser", id(t.UID), id(d.UID))
	more(!t.inGroup(d.GID), "runAsGroup", id(t.GID), id(d.GID))
	more(!subset(t.inGroup, without(d.Groups, d.GID)), "supplementalGroups", ids(t.Groups), ids(d.Groups))
	more(d.ImageGroups && !t.ImageGroups, "supplementalGroupsPolicy", "Strict", "Merge")
	for _, sets := range [][2]Sets{{t.Containerd, d.Containerd}, {t.CRIO, d.CRIO}} {
		more(!sets[0].Permitted.Has(sets[1].Permitted|sets[1].Effective), "capabilities", sets[0].Permitted.String(), sets[1].Permitted.String())
	}
	for _, sets := range [][2]Sets{{t.Containerd, d.Containerd}, {t.CRIO, d.CRIO}} {
		more(!sets[0].Bounding.Has(sets[1].Bounding), "capabilities (bounding set)", sets[0].Bounding.String(), sets[1].Bounding.String())
	}
	more(t.NoNewPrivs && !d.NoNewPrivs, "allowPrivilegeEscalation", "false", "true")
	more(d.Privileged && !t.Privileged, "privileged", "false", "true")
	more(!seccompHolds(t.Seccomp, d.Seccomp), "seccompProfile", t.Seccomp, d.Seccomp)
	more(t.AppArmor != Unconfined && t.AppArmor != d.AppArmor, "appArmorProfile", t.AppArmor, d.AppArmor)
	more(t.SELinux != Unconfined && t.SELinux != d.SELinux, "seLinuxOptions", label(t.SELinux), label(d.SELinux))
	more(t.ProcMount != corev1.UnmaskedProcMount && t.ProcMount != d.ProcMount, "procMount", string(t.ProcMount), string(d.ProcMount))
	more(t.ReadOnlyRoot && !d.ReadOnlyRoot, "readOnlyRootFilesystem", "true", "false")
	return found
}

// CanSee reports whether the kernel lets the debugger look into the target's /proc/PID/root, fd and environ, and if not,
// what stands in the way, in a fixed order. It is __ptrace_may_access in kernel/ptrace.c with PTRACE_MODE_READ_FSCREDS
// (ptrace(2), "Ptrace access mode checking"), for two processes of one user namespace, which the containers of a pod are:
//
//   - uid and gid are each the target's real, effective and saved one, or the debugger has CAP_SYS_PTRACE;
//   - the target is dumpable, or the debugger has CAP_SYS_PTRACE;
//   - the target's permitted capabilities are among the debugger's effective ones, or those have CAP_SYS_PTRACE
//     (cap_ptrace_access_check in security/commoncap.c);
//   - the security modules agree: AppArmor lets one that is confined look only at one with its own label, as the
//     runtimes' profiles are written (containerd's contrib/apparmor/template.go); with SELinux the labels must be the same.
//     What its policy says of a target that is privileged, and so has no label of a container, no pod tells: that is not
//     looked at. Yama and seccomp have no say in looking.
//
// Both runtimes must allow it.
func CanSee(debugger, target Process) (bool, []Difference) {
	var found []Difference
	closed := func(is bool, field, target, debugger string) {
		if d := (Difference{field, target, debugger}); is && !slices.Contains(found, d) {
			found = append(found, d)
		}
	}
	d, t := debugger, target
	for _, sets := range [][2]Sets{{t.Containerd, d.Containerd}, {t.CRIO, d.CRIO}} {
		has := sets[1].Effective
		if has.Has(sysPtrace) {
			continue
		}
		closed(d.UID != t.UID, "runAsUser", id(t.UID), id(d.UID))
		closed(d.GID != t.GID, "runAsGroup", id(t.GID), id(d.GID))
		closed(t.Undumpable, "dumpable", "no", "without SYS_PTRACE")
		closed(!has.Has(sets[0].Permitted), "capabilities", sets[0].Permitted.String(), has.String())
	}
	closed(d.AppArmor != Unconfined && d.AppArmor != t.AppArmor, "appArmorProfile", t.AppArmor, d.AppArmor)
	closed(t.SELinux != Unconfined && d.SELinux != Unconfined && d.SELinux != t.SELinux, "seLinuxOptions", label(t.SELinux), label(d.SELinux))
	return len(found) == 0, found
}

// String is the difference in one line: "capabilities: SYS_PTRACE (target: none)".
func (d Difference) String() string {
	return fmt.Sprintf("%s: %s (target: %s)", d.Field, d.Debugger, d.Target)
}

// seccompHolds reports whether a debugger with that profile is surely confined at least as its target is.
func seccompHolds(target, debugger string) bool {
	return target == Unconfined || target == debugger || target == NodeDefault && debugger == RuntimeDefault
}

func (p Process) inGroup(gid int64) bool { return gid == p.GID || slices.Contains(p.Groups, gid) }

func subset(has func(int64) bool, list []int64) bool {
	return !slices.ContainsFunc(list, func(gid int64) bool { return !has(gid) })
}

func without(list []int64, gid int64) []int64 {
	return slices.DeleteFunc(slices.Clone(list), func(g int64) bool { return g == gid })
}

func id(n int64) string { return strconv.FormatInt(n, 10) }

func ids(list []int64) string {
	words := make([]string, len(list))
	for i, n := range list {
		words[i] = id(n)
	}
	return strings.Join(words, ", ")
}

func label(l string) string {
	if l == "" {
		return "the pod's"
	}
	return l
}
