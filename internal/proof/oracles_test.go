package proof

import (
	"errors"
	"fmt"
	"reflect"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/internal/facts"
	"github.com/mindebug/kubectl-mindebug/internal/session"
	"github.com/mindebug/kubectl-mindebug/pkg/profiles"
	"github.com/mindebug/kubectl-mindebug/pkg/profiles/exceed"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// maker is the way from a pod to a plan. The mutants stand in for it.
type maker struct {
	read   func(*corev1.Pod, string) target.Facts
	mirror func(target.Facts) (profiles.Plan, error)
}

// shipped is the way that a session goes.
var shipped = maker{facts.Read, profiles.Mirror}

// trial is a pod, the debug container that was made for it, and what a node makes of both.
type trial struct {
	sample
	facts target.Facts
	plan  profiles.Plan
	err   error
	// with is the pod with the debug container; alone and aloneWith are the same with no other container than the target.
	with, alone, aloneWith *corev1.Pod
	targets, debuggers     exceed.Process
}

// debugImage is what the debug image's own USER comes to.
var debugImage = identity{0, 0}

// try makes the plan for a sample, as a session would. An identity that the pod does not tell is named, as by --run-as.
func (j *judge) try(m maker, s sample) *trial {
	t := &trial{sample: s, facts: m.read(s.pod, s.target.Name)}
	complete(&t.facts.UID, s.uid)
	complete(&t.facts.GID, s.gid)
	if t.plan, t.err = m.mirror(t.facts); t.err != nil {
		return t
	}
	debugger := j.container
	debugger.TargetContainerName = s.target.Name
	debugger.SecurityContext = &t.plan.SecurityContext
	with := func(pod corev1.Pod) *corev1.Pod {
		pod.Spec.EphemeralContainers = append(slices.Clip(pod.Spec.EphemeralContainers), debugger)
		return &pod
	}
	alone := *s.pod
	alone.Spec.Containers, alone.Spec.InitContainers, alone.Spec.EphemeralContainers = []corev1.Container{*s.target}, nil, nil
	t.with, t.alone, t.aloneWith = with(*s.pod), &alone, with(alone)

	psc, sc := contexts(s.pod, s.target.SecurityContext)
	t.targets = exceed.Of(s.pod, s.target.Name, sc, s.uid, s.gid)
	who := resolve(psc, &t.plan.SecurityContext, debugImage)
	t.debuggers = exceed.Of(t.with, debugger.Name, &t.plan.SecurityContext, who.uid, who.gid)
	return t
}

func complete(id *target.Sourced[int64], truth int64) {
	if !id.Known() {
		*id = target.Sourced[int64]{Value: truth, Origin: target.FromRunAs}
	}
}

// oracle is one thing that must hold of every trial. It says what does not, or "".
type oracle struct {
	name  string
	check func(*judge, *trial) string
}

// judge holds what the oracles need: one a goroutine.
type judge struct {
	*podSecurity
	container corev1.EphemeralContainer
	// before is what Pod Security said of the trial's pod, for the coverage.
	before verdicts
}

func newJudge() (*judge, error) {
	ps, err := newPodSecurity()
	return &judge{podSecurity: ps, container: session.Container(profiles.Plan{}, "", session.Settings{Image: "debug.test/debug"})}, err
}

var oracles = []oracle{
	{"refuses Windows and nothing else", (*judge).refusals},
	{"Pod Security", (*judge).security},
	{"exceeds", (*judge).exceeds},
	{"can see", (*judge).canSee},
	{"closed to the target", (*judge).closed},
	{"no new privileges", (*judge).newPrivileges},
	{"read-only root", (*judge).readOnly},
	{"is started", (*judge).started},
	{"the same view of /proc", (*judge).sameProc},
	{"says whom", (*judge).says},
}

// failed returns the first oracle that a trial fails, and what it says.
func (j *judge) failed(t *trial) (oracle, complaint string) {
	for _, o := range oracles {
		if complaint := o.check(j, t); complaint != "" {
			return o.name, complaint
		}
		if t.err != nil {
			return "", ""
		}
	}
	return "", ""
}

// refusals: a Windows pod is refused, with that reason, and no other.
func (j *judge) refusals(t *trial) string {
	os := t.pod.Spec.OS
	windows := os != nil && os.Name == corev1.Windows || t.pod.Spec.NodeSelector[corev1.LabelOSStable] == "windows"
	if refused := errors.As(t.err, new(*profiles.WindowsError)); refused != windows || t.err != nil && !refused {
		return fmt.Sprintf("a Windows pod: %t; error: %v", windows, t.err)
	}
	return ""
}

// security: at no version does the pod's level change, nor would it if the target were its only container.
func (j *judge) security(t *trial) string {
	j.before = j.check(t.pod)
	if complaint := j.compare(j.before, t.with); complaint != "" {
		return complaint
	}
	if len(t.pod.Spec.Containers)+len(t.pod.Spec.InitContainers)+len(t.pod.Spec.EphemeralContainers) == 1 {
		return ""
	}
	if complaint := j.compare(j.check(t.alone), t.aloneWith); complaint != "" {
		return "with the target alone: " + complaint
	}
	return ""
}

func (j *judge) compare(before verdicts, with *corev1.Pod) string {
	after := j.check(with)
	if before == after {
		return ""
	}
	without, levels := j.level(before), j.level(after)
	for i, version := range j.versions {
		if without[i] != levels[i] {
			return fmt.Sprintf("%s becomes %s in version %s, by %v", without[i], levels[i], version.String(), j.named(before&^after))
		}
	}
	return ""
}

// exceeds: the debugger has nothing that its target lacks.
func (j *judge) exceeds(t *trial) string {
	if more := exceed.Exceeds(t.targets, t.debuggers); len(more) > 0 {
		return fmt.Sprint(more)
	}
	return ""
}

// canSee: the kernel lets the debugger look into its target.
func (j *judge) canSee(t *trial) string {
	if ok, why := exceed.CanSee(t.debuggers, t.targets); !ok {
		return fmt.Sprint(why)
	}
	return ""
}

// closed: a target that is not root cannot look into its debugger, whose programs can be executed but not read. That makes
// a process undumpable only if nothing is effective when it is executed: runc does so with all that the container is given.
func (j *judge) closed(t *trial) string {
	d := t.debuggers
	d.Undumpable = d.Containerd.Bounding|d.CRIO.Bounding == 0
	if open, _ := exceed.CanSee(t.targets, d); open && t.uid != 0 {
		return fmt.Sprintf("the target can look into a debugger with the bounding set %s", d.Containerd.Bounding)
	}
	return ""
}

// newPrivileges: none can be gained, unless the API leaves no choice.
func (j *judge) newPrivileges(t *trial) string {
	if !t.debuggers.NoNewPrivs && !grantsEscalation(&t.plan.SecurityContext) {
		return "privileges can be gained"
	}
	return ""
}

// readOnly: nobody can plant a program in the debugger.
func (j *judge) readOnly(t *trial) string {
	if !t.debuggers.ReadOnlyRoot {
		return "the root file system can be written to"
	}
	return ""
}

// started: API server and kubelet take it, whatever the debug image's USER is.
func (j *judge) started(t *trial) string {
	psc, sc := contexts(t.pod, &t.plan.SecurityContext)
	return refusal(psc, sc)
}

// sameProc: the debugger sees as much of its own /proc as the target of its own, but for a privileged target, whose
// debugger is not privileged.
func (j *judge) sameProc(t *trial) string {
	if !t.targets.Privileged && t.targets.ProcMount != t.debuggers.ProcMount {
		return fmt.Sprintf("procMount %s, and the target's %s", t.debuggers.ProcMount, t.targets.ProcMount)
	}
	return ""
}

// says: the plan's numbers are those of its security context, and each value that is set has an origin.
func (j *judge) says(t *trial) string {
	sc := reflect.ValueOf(t.plan.SecurityContext)
	set := 0
	for i := range sc.NumField() {
		if !sc.Field(i).IsNil() {
			set++
		}
	}
	if who := resolve(&corev1.PodSecurityContext{}, &t.plan.SecurityContext, identity{-1, -1}); who != (identity{t.plan.UID, t.plan.GID}) || set != len(t.plan.Origins) {
		return fmt.Sprintf("%d:%d for %v, %d origins for %d values", t.plan.UID, t.plan.GID, who, len(t.plan.Origins), set)
	}
	return ""
}

// named are the checks of those bits.
func (ps *podSecurity) named(v verdicts) []string {
	var out []string
	for i, id := range ps.ids {
		if v&(1<<i) != 0 && !slices.Contains(out, string(id)) {
			out = append(out, string(id))
		}
	}
	return out
}
