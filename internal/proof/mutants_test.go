package proof

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/internal/facts"
	"github.com/mindebug/kubectl-mindebug/pkg/profiles"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// mutant is a mirror with a fault in it: in what is read, or in what is made of it.
type mutant struct {
	name string
	// row is the first cell of the row in the table of docs/profiles.md that it breaks.
	row string
	// killer is the oracle that must notice, alone if need be.
	killer string
	facts  func(*corev1.Pod, *target.Facts)
	plan   func(target.Facts, *corev1.SecurityContext)
}

// The rows of the table.
const (
	rowIdentity   = "runAsUser, runAsGroup"
	rowNonRoot    = "runAsNonRoot"
	rowCapsUser   = "capabilities, uid not 0"
	rowCapsRoot   = "capabilities, uid 0"
	rowCapsPriv   = "capabilities, privileged target"
	rowPrivileged = "privileged"
	rowEscalation = "allowPrivilegeEscalation"
	rowLabels     = "seccompProfile, seLinuxOptions, appArmorProfile"
	rowArmorPriv  = "appArmorProfile, privileged target"
	rowProcMount  = "procMount"
	rowReadOnly   = "readOnlyRootFilesystem"
	rowGroups     = "supplementary groups, fsGroup"
)

var mutants = []mutant{
	{name: "uid: dropped", row: rowIdentity, killer: "is started", plan: func(_ target.Facts, sc *corev1.SecurityContext) { sc.RunAsUser = nil }},
	{name: "uid: the pod's before the container's", row: rowIdentity, killer: "can see", facts: func(pod *corev1.Pod, f *target.Facts) {
		psc, _ := contexts(pod, nil)
		put(&f.UID, psc.RunAsUser)
	}},
	{name: "uid: the status' before the spec's", row: rowIdentity, killer: "can see", facts: func(pod *corev1.Pod, f *target.Facts) {
		if user := told(pod, f.Container); user != nil {
			put(&f.UID, &user.UID)
		}
	}},
	{name: "uid: the status' before the spec's, and so more", row: rowIdentity, killer: "exceeds", facts: func(pod *corev1.Pod, f *target.Facts) {
		if user := told(pod, f.Container); user != nil {
			put(&f.UID, &user.UID)
		}
	}},
	{name: "uid: guessed to be 1000", row: rowIdentity, killer: "exceeds", facts: func(_ *corev1.Pod, f *target.Facts) {
		if f.UID.Origin == target.FromStatus {
			f.UID.Value = 1000
		}
	}},
	{name: "uid: root", row: rowIdentity, killer: "exceeds", plan: func(_ target.Facts, sc *corev1.SecurityContext) { sc.RunAsUser, sc.RunAsNonRoot = new(int64(0)), nil }},
	{name: "gid: dropped", row: rowIdentity, killer: "can see", plan: func(_ target.Facts, sc *corev1.SecurityContext) { sc.RunAsGroup = nil }},
	{name: "gid: that of the uid", row: rowIdentity, killer: "can see", plan: func(_ target.Facts, sc *corev1.SecurityContext) { sc.RunAsGroup = sc.RunAsUser }},
	{name: "gid: root's", row: rowIdentity, killer: "exceeds", plan: func(_ target.Facts, sc *corev1.SecurityContext) { sc.RunAsGroup = new(int64(0)) }},
	{name: "gid: the pod's before the container's", row: rowIdentity, killer: "can see", facts: func(pod *corev1.Pod, f *target.Facts) {
		psc, _ := contexts(pod, nil)
		put(&f.GID, psc.RunAsGroup)
	}},
	{name: "gid: the status' before the spec's", row: rowIdentity, killer: "exceeds", facts: func(pod *corev1.Pod, f *target.Facts) {
		if user := told(pod, f.Container); user != nil {
			put(&f.GID, &user.GID)
		}
	}},
	{name: "another container's identity", row: rowIdentity, killer: "can see", facts: func(pod *corev1.Pod, f *target.Facts) {
		other := facts.Read(pod, pod.Spec.Containers[0].Name)
		if other.UID.Known() {
			f.UID = other.UID
		}
	}},

	{name: "runAsNonRoot: dropped", row: rowNonRoot, killer: "Pod Security", plan: func(_ target.Facts, sc *corev1.SecurityContext) { sc.RunAsNonRoot = nil }},
	{name: "runAsNonRoot: always", row: rowNonRoot, killer: "is started", plan: func(_ target.Facts, sc *corev1.SecurityContext) { sc.RunAsNonRoot = new(true) }},
	{name: "runAsNonRoot: false", row: rowNonRoot, killer: "Pod Security", plan: func(_ target.Facts, sc *corev1.SecurityContext) { sc.RunAsNonRoot = new(false) }},
	{name: "runAsNonRoot: left to the pod for root", row: rowNonRoot, killer: "is started", plan: func(_ target.Facts, sc *corev1.SecurityContext) {
		if *sc.RunAsUser == 0 {
			sc.RunAsNonRoot = nil
		}
	}},

	{name: "capabilities: the default ones", row: rowCapsUser, killer: "closed to the target", plan: forUser(func(_ target.Facts, sc *corev1.SecurityContext) { sc.Capabilities = nil })},
	{name: "capabilities: the default ones, beside a target without", row: rowCapsUser, killer: "exceeds", plan: forUser(func(_ target.Facts, sc *corev1.SecurityContext) { sc.Capabilities = nil })},
	{name: "capabilities: the default ones, in a restricted pod", row: rowCapsUser, killer: "Pod Security", plan: forUser(func(_ target.Facts, sc *corev1.SecurityContext) { sc.Capabilities = nil })},
	{name: "capabilities: one kept", row: rowCapsUser, killer: "closed to the target", plan: forUser(func(_ target.Facts, sc *corev1.SecurityContext) {
		sc.Capabilities.Add = []corev1.Capability{"NET_BIND_SERVICE"}
	})},
	{name: "capabilities: the target's", row: rowCapsUser, killer: "closed to the target", plan: forUser(func(f target.Facts, sc *corev1.SecurityContext) { sc.Capabilities = new(f.Capabilities.Value) })},
	{name: "capabilities: added without dropping", row: rowCapsUser, killer: "exceeds", plan: forUser(func(_ target.Facts, sc *corev1.SecurityContext) { sc.Capabilities.Drop = nil })},

	{name: "capabilities of root: the default ones", row: rowCapsRoot, killer: "exceeds", plan: forRoot(func(_ target.Facts, sc *corev1.SecurityContext) { sc.Capabilities = nil })},
	{name: "capabilities of root: the default ones, beside a target with more", row: rowCapsRoot, killer: "can see", plan: forRoot(func(_ target.Facts, sc *corev1.SecurityContext) { sc.Capabilities = nil })},
	{name: "capabilities of root: none", row: rowCapsRoot, killer: "can see", plan: forRoot(func(_ target.Facts, sc *corev1.SecurityContext) {
		sc.Capabilities = &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}
	})},
	{name: "capabilities of root: without what is dropped", row: rowCapsRoot, killer: "exceeds", plan: forRoot(func(_ target.Facts, sc *corev1.SecurityContext) {
		if sc.Capabilities != nil {
			sc.Capabilities.Drop = nil
		}
	})},
	{name: "capabilities of root: without what is added", row: rowCapsRoot, killer: "can see", plan: forRoot(func(_ target.Facts, sc *corev1.SecurityContext) {
		if sc.Capabilities != nil {
			sc.Capabilities.Add = nil
		}
	})},
	{name: "capabilities of root: add and drop the wrong way round", row: rowCapsRoot, killer: "can see", plan: forRoot(func(_ target.Facts, sc *corev1.SecurityContext) {
		if c := sc.Capabilities; c != nil {
			c.Add, c.Drop = c.Drop, c.Add
		}
	})},
	{name: "capabilities of root: SYS_PTRACE", row: rowCapsRoot, killer: "exceeds", plan: forRoot(func(_ target.Facts, sc *corev1.SecurityContext) {
		sc.Capabilities = &corev1.Capabilities{Add: []corev1.Capability{"SYS_PTRACE"}}
	})},
	{name: "capabilities of root: SYS_PTRACE, in a baseline pod", row: rowCapsRoot, killer: "Pod Security", plan: forRoot(func(_ target.Facts, sc *corev1.SecurityContext) {
		sc.Capabilities = &corev1.Capabilities{Add: []corev1.Capability{"SYS_PTRACE"}}
	})},

	{name: "privileged target: not seen to be", row: rowCapsPriv, killer: "can see", facts: func(_ *corev1.Pod, f *target.Facts) { f.Privileged = false }},
	{name: "privileged target: no SYS_PTRACE", row: rowCapsPriv, killer: "can see", plan: forPrivileged(func(_ target.Facts, sc *corev1.SecurityContext) { sc.Capabilities = nil })},
	{name: "privileged target: what its spec says", row: rowCapsPriv, killer: "can see", plan: forPrivileged(func(f target.Facts, sc *corev1.SecurityContext) { sc.Capabilities = new(f.Capabilities.Value) })},
	{name: "everybody is privileged", row: rowCapsPriv, killer: "exceeds", facts: func(_ *corev1.Pod, f *target.Facts) { f.Privileged = true }},

	{name: "privileged: set", row: rowPrivileged, killer: "exceeds", plan: func(_ target.Facts, sc *corev1.SecurityContext) {
		sc.Privileged, sc.AllowPrivilegeEscalation = new(true), nil
	}},
	{name: "privileged: set, in any namespace", row: rowPrivileged, killer: "Pod Security", plan: func(_ target.Facts, sc *corev1.SecurityContext) {
		sc.Privileged, sc.AllowPrivilegeEscalation = new(true), nil
	}},
	{name: "privileged: as the target", row: rowPrivileged, killer: "is started", plan: func(f target.Facts, sc *corev1.SecurityContext) { sc.Privileged = &f.Privileged }},

	{name: "escalation: left unset", row: rowEscalation, killer: "no new privileges", plan: func(_ target.Facts, sc *corev1.SecurityContext) { sc.AllowPrivilegeEscalation = nil }},
	{name: "escalation: left unset, in a restricted pod", row: rowEscalation, killer: "Pod Security", plan: func(_ target.Facts, sc *corev1.SecurityContext) { sc.AllowPrivilegeEscalation = nil }},
	{name: "escalation: left unset, beside a target without", row: rowEscalation, killer: "exceeds", plan: func(_ target.Facts, sc *corev1.SecurityContext) { sc.AllowPrivilegeEscalation = nil }},
	{name: "escalation: allowed", row: rowEscalation, killer: "exceeds", plan: func(_ target.Facts, sc *corev1.SecurityContext) { sc.AllowPrivilegeEscalation = new(true) }},
	{name: "escalation: false beside CAP_SYS_ADMIN", row: rowEscalation, killer: "is started", plan: func(_ target.Facts, sc *corev1.SecurityContext) { sc.AllowPrivilegeEscalation = new(false) }},

	{name: "seccomp: dropped", row: rowLabels, killer: "exceeds", plan: func(_ target.Facts, sc *corev1.SecurityContext) { sc.SeccompProfile = nil }},
	{name: "seccomp: none", row: rowLabels, killer: "exceeds", plan: func(_ target.Facts, sc *corev1.SecurityContext) {
		sc.SeccompProfile = &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeUnconfined}
	}},
	{name: "seccomp: none, in a baseline pod", row: rowLabels, killer: "Pod Security", plan: func(_ target.Facts, sc *corev1.SecurityContext) {
		sc.SeccompProfile = &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeUnconfined}
	}},
	{name: "seccomp: always the runtime's", row: rowLabels, killer: "exceeds", plan: func(_ target.Facts, sc *corev1.SecurityContext) {
		sc.SeccompProfile = &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}
	}},
	{name: "seccomp: the pod's before the container's", row: rowLabels, killer: "exceeds", facts: func(pod *corev1.Pod, f *target.Facts) {
		psc, _ := contexts(pod, nil)
		put(&f.Seccomp, psc.SeccompProfile)
	}},
	{name: "SELinux: dropped", row: rowLabels, killer: "can see", plan: func(_ target.Facts, sc *corev1.SecurityContext) { sc.SELinuxOptions = nil }},
	{name: "SELinux: spc_t", row: rowLabels, killer: "exceeds", plan: func(_ target.Facts, sc *corev1.SecurityContext) {
		sc.SELinuxOptions = &corev1.SELinuxOptions{Type: "spc_t"}
	}},
	{name: "SELinux: spc_t, in a baseline pod", row: rowLabels, killer: "Pod Security", plan: func(_ target.Facts, sc *corev1.SecurityContext) {
		sc.SELinuxOptions = &corev1.SELinuxOptions{Type: "spc_t"}
	}},
	{name: "SELinux: the pod's before the container's", row: rowLabels, killer: "can see", facts: func(pod *corev1.Pod, f *target.Facts) {
		psc, _ := contexts(pod, nil)
		put(&f.SELinux, psc.SELinuxOptions)
	}},
	{name: "SELinux: without its level", row: rowLabels, killer: "exceeds", plan: func(_ target.Facts, sc *corev1.SecurityContext) {
		if sc.SELinuxOptions != nil {
			sc.SELinuxOptions.Level = ""
		}
	}},
	{name: "AppArmor: dropped", row: rowLabels, killer: "exceeds", plan: func(_ target.Facts, sc *corev1.SecurityContext) { sc.AppArmorProfile = nil }},
	{name: "AppArmor: none", row: rowLabels, killer: "exceeds", plan: func(_ target.Facts, sc *corev1.SecurityContext) {
		sc.AppArmorProfile = &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeUnconfined}
	}},
	{name: "AppArmor: none, in a baseline pod", row: rowLabels, killer: "Pod Security", plan: func(_ target.Facts, sc *corev1.SecurityContext) {
		sc.AppArmorProfile = &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeUnconfined}
	}},
	{name: "AppArmor: the pod's before the annotation and the container's", row: rowLabels, killer: "can see", facts: func(pod *corev1.Pod, f *target.Facts) {
		psc, _ := contexts(pod, nil)
		put(&f.AppArmor, psc.AppArmorProfile)
	}},
	{name: "AppArmor: the annotation is not read", row: rowLabels, killer: "exceeds", facts: func(pod *corev1.Pod, f *target.Facts) {
		if f.AppArmor.Origin == target.FromAnnotation {
			f.AppArmor = target.Sourced[corev1.AppArmorProfile]{}
		}
	}},

	{name: "AppArmor of a privileged target: what its spec says", row: rowArmorPriv, killer: "can see", plan: forPrivileged(func(f target.Facts, sc *corev1.SecurityContext) {
		sc.AppArmorProfile = nil
		if f.AppArmor.Known() {
			sc.AppArmorProfile = new(f.AppArmor.Value)
		}
	})},
	{name: "AppArmor of a privileged target: always none", row: rowArmorPriv, killer: "exceeds", plan: forPrivileged(func(_ target.Facts, sc *corev1.SecurityContext) {
		sc.AppArmorProfile = &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeUnconfined}
	})},

	{name: "procMount: always unmasked", row: rowProcMount, killer: "exceeds", plan: func(_ target.Facts, sc *corev1.SecurityContext) { sc.ProcMount = new(corev1.UnmaskedProcMount) }},
	{name: "procMount: always unmasked, in a baseline pod", row: rowProcMount, killer: "Pod Security", plan: func(_ target.Facts, sc *corev1.SecurityContext) { sc.ProcMount = new(corev1.UnmaskedProcMount) }},
	{name: "procMount: dropped", row: rowProcMount, killer: "the same view of /proc", plan: func(_ target.Facts, sc *corev1.SecurityContext) { sc.ProcMount = nil }},

	{name: "root file system: left unset", row: rowReadOnly, killer: "read-only root", plan: func(_ target.Facts, sc *corev1.SecurityContext) { sc.ReadOnlyRootFilesystem = nil }},
	{name: "root file system: to be written to", row: rowReadOnly, killer: "exceeds", plan: func(_ target.Facts, sc *corev1.SecurityContext) { sc.ReadOnlyRootFilesystem = new(false) }},

	{name: "groups: fsGroup taken for the gid", row: rowGroups, killer: "can see", facts: func(pod *corev1.Pod, f *target.Facts) {
		psc, _ := contexts(pod, nil)
		put(&f.GID, psc.FSGroup)
	}},
	{name: "groups: a supplementary one taken for the gid", row: rowGroups, killer: "can see", facts: func(pod *corev1.Pod, f *target.Facts) {
		if psc, _ := contexts(pod, nil); psc.SupplementalGroups != nil {
			put(&f.GID, &psc.SupplementalGroups[0])
		}
	}},

	{name: "Windows: not seen", row: "Windows", killer: "refuses Windows and nothing else", facts: func(_ *corev1.Pod, f *target.Facts) { f.Windows = false }},
	{name: "Windows: seen by its field only", row: "Windows", killer: "refuses Windows and nothing else", facts: func(pod *corev1.Pod, f *target.Facts) {
		f.Windows = pod.Spec.OS != nil && pod.Spec.OS.Name == corev1.Windows
	}},
	{name: "Windows: everybody", row: "Windows", killer: "refuses Windows and nothing else", facts: func(_ *corev1.Pod, f *target.Facts) { f.Windows = true }},
}

// maker is the mirror with the mutant's fault.
func (m mutant) maker() maker {
	made := shipped
	if m.facts != nil {
		made.read = func(pod *corev1.Pod, name string) target.Facts {
			f := shipped.read(pod, name)
			m.facts(pod, &f)
			return f
		}
	}
	if m.plan != nil {
		made.mirror = func(f target.Facts) (profiles.Plan, error) {
			plan, err := shipped.mirror(f)
			if err == nil {
				m.plan(f, &plan.SecurityContext)
			}
			return plan, err
		}
	}
	return made
}

// TestMutants: each mutant is noticed, by the oracle that is there for it.
func TestMutants(t *testing.T) {
	t.Parallel()
	seed := seed(t)
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			j, err := newJudge()
			if err != nil {
				t.Fatal(err)
			}
			killer := slices.IndexFunc(oracles, func(o oracle) bool { return o.name == m.killer })
			if killer < 0 {
				t.Fatalf("there is no oracle %q", m.killer)
			}
			g, made := newGenerator(seed, 0), m.maker()
			for n := range 3000 {
				trial := j.try(made, g.next())
				if trial.err != nil && killer > 0 {
					continue // only refusals can be judged without a plan
				}
				if complaint := oracles[killer].check(j, trial); complaint != "" {
					t.Logf("%s: killed by %q with pod %d: %s", m.row, m.killer, n, complaint)
					return
				}
			}
			t.Errorf("%q does not notice it", m.killer)
		})
	}
}

// TestEveryRowHasAMutant holds the mutants to the table in docs/profiles.md, both ways.
func TestEveryRowHasAMutant(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/profiles.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(text), "## What is mirrored\n")
	if !found {
		t.Fatal("docs/profiles.md has no table of what is mirrored")
	}
	table, _, _ = strings.Cut(table, "\n## ")
	rows := map[string]bool{"Windows": false} // said below the table
	for line := range strings.Lines(table) {
		row, isRow := strings.CutPrefix(line, "| ")
		if row, _, _ = strings.Cut(row, " | "); isRow && row != "field" && row != "---" {
			rows[row] = false
		}
	}
	for _, m := range mutants {
		if _, known := rows[m.row]; !known {
			t.Errorf("mutant %q is of row %q, which is not in the table", m.name, m.row)
		}
		rows[m.row] = true
	}
	for _, row := range slices.Sorted(maps.Keys(rows)) {
		if !rows[row] {
			t.Errorf("row %q has no mutant", row)
		}
	}
}

// forUser, forRoot and forPrivileged are faults that show in the plans for some targets only.
func forUser(change func(target.Facts, *corev1.SecurityContext)) func(target.Facts, *corev1.SecurityContext) {
	return only(change, func(f target.Facts) bool { return f.UID.Value != 0 })
}

func forRoot(change func(target.Facts, *corev1.SecurityContext)) func(target.Facts, *corev1.SecurityContext) {
	return only(change, func(f target.Facts) bool { return f.UID.Value == 0 && !f.Privileged })
}

func forPrivileged(change func(target.Facts, *corev1.SecurityContext)) func(target.Facts, *corev1.SecurityContext) {
	return only(change, func(f target.Facts) bool { return f.Privileged })
}

func only(change func(target.Facts, *corev1.SecurityContext), when func(target.Facts) bool) func(target.Facts, *corev1.SecurityContext) {
	return func(f target.Facts, sc *corev1.SecurityContext) {
		if when(f) {
			change(f, sc)
		}
	}
}

// put makes a value a fact, where there is one.
func put[T any](fact *target.Sourced[T], value *T) {
	if value != nil {
		*fact = target.Sourced[T]{Value: *value, Origin: target.FromPod}
	}
}

// told is the user that a pod's status names for a container, or nil.
func told(pod *corev1.Pod, container string) *corev1.LinuxContainerUser {
	_, status := target.Find(pod, container)
	if status == nil || status.User == nil {
		return nil
	}
	return status.User.Linux
}
