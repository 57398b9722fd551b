package proof

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/internal/policy/policytest"
	"github.com/mindebug/kubectl-mindebug/pkg/profiles/exceed"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// admitted is of how many pods of a shard the policy is asked about, of each three times.
const admitted = 75

// TestAdmissionCases: the policy says of each case what it should.
func TestAdmissionCases(t *testing.T) {
	t.Parallel()
	a, err := newAdmission(printed())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range policytest.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			if complaint := a.judge(c); complaint != "" {
				t.Error(complaint)
			}
		})
	}
}

// judge says in what the policy's answer to a case is another than the case's.
func (a *admission) judge(c policytest.Case) string {
	got, err := a.ask(c.Pod, c.Groups, c.Add...)
	if err != nil {
		return err.Error()
	}
	if (got.refused == "") != (c.Refused == "") || !strings.Contains(got.refused, c.Refused) {
		return fmt.Sprintf("%s: refused with %q, want %q", c.Name, got.refused, c.Refused)
	}
	return ""
}

// TestAdmission: on the pods of TestMirror the policy and exceed agree: about the mirror, about a container made at random,
// and about a mirror of which one field is such a container's.
func TestAdmission(t *testing.T) {
	t.Parallel()
	seed := seed(t)
	a, err := newAdmission(printed())
	if err != nil {
		t.Fatal(err)
	}
	for shard := range uint64(shards) {
		t.Run(strconv.FormatUint(shard, 10), func(t *testing.T) {
			t.Parallel()
			p, err := newPairs(seed, shard)
			if err != nil {
				t.Fatal(err)
			}
			refused := 0
			for range admitted {
				for _, pair := range p.next() {
					complaint, no := a.compare(pair)
					if complaint != "" {
						t.Fatal(complaint)
					}
					if no {
						refused++
					}
				}
			}
			if refused < admitted/2 || refused > admitted*5/2 {
				t.Errorf("%d of %d were refused: too few of one kind to tell", refused, 3*admitted)
			}
		})
	}
}

// pairs makes debug containers for pods.
type pairs struct {
	judge *judge
	// pods are TestMirror's; others makes security contexts.
	pods, others *generator
}

func newPairs(seed, shard uint64) (*pairs, error) {
	j, err := newJudge()
	return &pairs{j, newGenerator(seed, shard), newGenerator(seed, shard+2*shards)}, err
}

// pair is a pod and the security context of a debug container for it.
type pair struct {
	sample
	judge *judge
	sc    *corev1.SecurityContext
}

// next makes the mirror for a pod, a container of no relation to it, and the mirror with one field of that.
func (p *pairs) next() []pair {
	s := p.pods.next()
	p.others.style, p.others.userns = p.others.of(restricted, baseline, wild), p.pods.userns
	psc, _ := contexts(s.pod, nil)
	other := &corev1.SecurityContext{}
	if made := p.others.container("other", psc).SecurityContext; made != nil {
		other = made
	}
	other.WindowsOptions = nil // which the policy refuses, and exceed does not look at
	trial := p.judge.try(shipped, s)
	if trial.err != nil {
		return []pair{{s, p.judge, other}}
	}
	mixed := trial.plan.SecurityContext.DeepCopy()
	field := p.others.IntN(reflect.TypeFor[corev1.SecurityContext]().NumField())
	reflect.ValueOf(mixed).Elem().Field(field).Set(reflect.ValueOf(other).Elem().Field(field))
	return []pair{{s, p.judge, &trial.plan.SecurityContext}, {s, p.judge, other}, {s, p.judge, mixed}}
}

// compare says in what the policy's answer is another than exceed's, and whether it refuses.
func (a *admission) compare(p pair) (complaint string, refused bool) {
	debugger := p.judge.container
	debugger.TargetContainerName, debugger.SecurityContext, debugger.Image = p.target.Name, p.sc, "registry.test/debug"
	got, err := a.ask(p.pod, nil, debugger)
	want := p.expected(debugger)
	sc, _ := json.Marshal(p.sc) // a typed API object always marshals
	switch {
	case err != nil:
		return fmt.Sprintf("%v\n%s", err, sc), false
	case (got.refused == "") != (want == ""):
		return fmt.Sprintf("refused with %q; want %q\ncontainer %s\n%s", got.refused, want, sc, &trial{sample: p.sample}), true
	}
	return "", want != ""
}

// expected is why the policy must refuse a debug container, or "". Beyond what exceed finds these are meant:
//
//   - A uid or gid that the pod does not name for the debugger is refused: the debug image's could be any.
//   - Where the pod does not tell the target's uid, any but root's is taken, and any gid where it does not tell that.
//   - Windows pods are refused.
func (p pair) expected(debugger corev1.EphemeralContainer) string {
	psc, sc := contexts(p.pod, p.sc)
	who, is := resolve(psc, sc, identity{-1, -1}), p.identity
	_, its := contexts(p.pod, p.target.SecurityContext)
	told := resolve(psc, its, identity{-1, -1})
	if _, status := target.Find(p.pod, p.target.Name); status != nil && status.User != nil {
		told = resolve(psc, its, identity{status.User.Linux.UID, status.User.Linux.GID})
	}
	os := p.pod.Spec.OS
	switch {
	case os != nil && os.Name == corev1.Windows || p.pod.Spec.NodeSelector[corev1.LabelOSStable] == "windows":
		return "Windows"
	case who.uid < 0 || who.gid < 0:
		return "no uid or gid"
	case told.uid < 0 && who.uid == 0:
		return "root beside one that is not known"
	case told.uid < 0:
		is.uid = who.uid
	}
	if told.gid < 0 {
		is.gid = who.gid
	}
	targets := exceed.Of(p.pod, p.target.Name, its, is.uid, is.gid)
	if more := exceed.Exceeds(targets, exceed.Of(p.pod, debugger.Name, sc, who.uid, who.gid)); len(more) > 0 {
		return fmt.Sprint(more)
	}
	return ""
}

// TestAdmissionMutants: each fault in the policy's expressions is noticed.
func TestAdmissionMutants(t *testing.T) {
	t.Parallel()
	seed := seed(t)
	for _, m := range append(looser(t), faults...) {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			spec := printed()
			if !m.change(&spec) {
				t.Fatal("there is nothing to change")
			}
			a, err := newAdmission(spec)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range policytest.Cases() {
				if complaint := a.judge(c); complaint != "" {
					t.Logf("killed by a case: %s", complaint)
					return
				}
			}
			p, err := newPairs(seed, 0)
			if err != nil {
				t.Fatal(err)
			}
			for range 300 {
				for _, pair := range p.next() {
					if complaint, _ := a.compare(pair); complaint != "" {
						t.Logf("killed by a pair: %s", complaint)
						return
					}
				}
			}
			t.Error("nothing notices it")
		})
	}
}

// fault is a change of the expressions: each place of one text is another.
type fault struct{ name, text, instead string }

// change makes the change, and reports whether there was anything to change.
func (f fault) change(spec *admissionregistrationv1.ValidatingAdmissionPolicySpec) (changed bool) {
	swap := func(text *string) {
		changed = changed || strings.Contains(*text, f.text)
		*text = strings.ReplaceAll(*text, f.text, f.instead)
	}
	for i := range spec.Variables {
		swap(&spec.Variables[i].Expression)
	}
	for i := range spec.Validations {
		swap(&spec.Validations[i].Expression)
	}
	return changed
}

// entry is one line of what may be broken, with the lines that belong to it.
var entry = regexp.MustCompile(`(?m)^    ([^ ](?s:.*?)) \? ''$`)

// looser are the faults that one rule is left out.
func looser(t *testing.T) (out []fault) {
	t.Helper()
	for _, v := range printed().Variables {
		for _, found := range entry.FindAllStringSubmatch(v.Expression, -1) {
			out = append(out, fault{"left out: " + found[1], found[0], "    true ? ''"})
		}
	}
	if len(out) < 18 {
		t.Fatalf("only %d rules were found", len(out))
	}
	return out
}

var faults = []fault{
	{"all are looked at", "exists(old, old.name == c.name)", "exists(old, false)"},
	{"the last are looked at", "exists(old, old.name == c.name)", "exists(old, object.spec.ephemeralContainers[0].name == c.name)"},
	{"init containers are no targets", "variables.pod.spec.containers + variables.pod.spec.?initContainers.orValue([])", "variables.pod.spec.containers"},
	{"the status tells nothing", "has(s.user) && has(s.user.linux)", "false"},
	{"the status of init containers tells nothing", " + variables.pod.status.?initContainerStatuses.orValue([])", ""},
	{"the status of another container", "variables.users.filter(s, s.name == c.name)", "variables.users"},
	{"the pod's uid is not looked at", ".or(variables.pod.spec.?securityContext.?runAsUser)", ""},
	{"the pod's gid is not looked at", ".or(variables.pod.spec.?securityContext.?runAsGroup)", ""},
	{"the pod's seccomp is not looked at", ".or(variables.pod.spec.?securityContext.?seccompProfile)", ""},
	{"the pod's AppArmor is not looked at", "variables.pod.spec.?securityContext.?appArmorProfile", "c.?securityContext.?appArmorProfile"},
	{"the pod's SELinux is not looked at", "[dyn(c), variables.pod.spec]", "[dyn(c)]"},
	{"SELinux: the pod's first", "[dyn(c), variables.pod.spec]", "[variables.pod.spec, dyn(c)]"},
	{"SELinux: empty ones count", "label != ':::'", "true"},
	{"the annotation is not looked at", "a.startsWith('localhost/') ?", "false ?"},
	{"the annotation of another container", "variables.pod.metadata.?annotations[?'container.apparmor.security.beta.kubernetes.io/' + c.name]", "variables.pod.metadata.?annotations[?'container.apparmor.security.beta.kubernetes.io/app']"},
	{"capabilities: case counts", ".map(n, n.upperAscii())", ".map(n, string(n))"},
	{"capabilities: CAP_ counts for containerd", ".filter(n, !n.startsWith('CAP_'))", ""},
	{"capabilities: CAP_ counts for CRI-O", "n.startsWith('CAP_') ? n.substring(4) : n", "n"},
	{"capabilities: containerd is not looked at", "[0, 1].map(i", "[1, 1].map(i"},
	{"capabilities: CRI-O is not looked at", "[0, 1].map(i", "[0, 0].map(i"},
	{"capabilities: those that nobody names are not looked at", " + ['any other']", ""},
	{"capabilities: those that are added are not looked at", "+ p.debugger.capabilities[i].add.filter(n, !(n in p.debugger.capabilities[i].default))", ""},
	{"capabilities: what the target drops", "!(n in p.target.capabilities[i].drop) && ", ""},
	{"capabilities: what the debugger drops", "!(n in p.debugger.capabilities[i].drop) && ", ""},
	{"capabilities: ALL that is dropped", "!('ALL' in p.target.capabilities[i].drop) && ", ""},
	{"seccomp: the profile's name is not looked at", "p.?localhostProfile.optMap(file, '/' + file)", "optional.of('')"},
	{"a privileged target has no AppArmor profile", "p.target.privileged && !p.target.appArmor.startsWith('Localhost/')", "p.target.privileged"},
	{"a privileged target keeps its AppArmor profile", "p.target.privileged && !p.target.appArmor.startsWith('Localhost/')", "false"},
	{"root beside one that is not known", "p.debugger.uid > 0 && p.target.uid < 0", "p.target.uid < 0"},
	{"nobody beside one that is not known", " || p.debugger.uid > 0 && p.target.uid < 0", ""},
	{"fsGroup is not looked at", "variables.pod.spec.?securityContext.?fsGroup", "variables.pod.spec.?securityContext.?none"},
	{"supplementary groups are not looked at", "?supplementalGroups", "?none"},
	{"images that begin alike", "(c.image + '@').startsWith(image)", "(c.image + '@').startsWith(image.substring(0, image.size() - 1))"},
	{"an image without a tag", "(c.image + '@')", "c.image"},
	{"a digest that is anywhere", "c.image.endsWith('@' + digest)", "c.image.contains('evil.test/debug')"},
	{"an empty reason", "e.?value.orValue('') != ''", "true"},
	{"no reason", " && p.reason", ""},
	{"everybody is a lead", "group in [\"leads\"]", "group != ''"},
	{"nobody is a lead", "variables.stepUp && p.reason", "false"},
	{"mounts of another container", "t.name == c.?targetContainerName.orValue('') && t.?volumeMounts", "t.name != '' && t.?volumeMounts"},
	{"mounts elsewhere", "own.mountPath == m.mountPath", "true"},
	{"mounts to write", "m.?readOnly.orValue(false)", "true"},
	{"mounts of a part", "!has(own.subPath)", "true"},
	{"mounts less deeply read-only", "own.?recursiveReadOnly.orValue('Disabled') == m.?recursiveReadOnly.orValue('Disabled')", "true"},
	{"mounts that grow", "!has(m.mountPropagation) ||", "true ||"},
}

// TestAdmissionCost: 50 debug containers for a pod of 50, each with all that there is to look at, are within an API server's
// limits (PerCallLimit and RuntimeCELCostBudget in k8s.io/apiserver/pkg/apis/cel).
func TestAdmissionCost(t *testing.T) {
	t.Parallel()
	a, err := newAdmission(printed())
	if err != nil {
		t.Fatal(err)
	}
	pod, add := policytest.Crowd()
	got, err := a.ask(pod, nil, add...)
	if err != nil || got.refused != "" {
		t.Fatalf("%v, %q", err, got.refused)
	}
	var sum uint64
	for name, cost := range got.costs {
		if sum += cost; cost > 1_000_000/2 {
			t.Errorf("%s costs %d of 1,000,000", name, cost)
		}
	}
	t.Logf("%d of 10,000,000: %v", sum, got.costs)
	if sum > 10_000_000/4 {
		t.Errorf("all cost %d of 10,000,000", sum)
	}
}
