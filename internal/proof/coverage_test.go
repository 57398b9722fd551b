package proof

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// coverage counts what kinds of pods there were, of what can be seen of a target.
type coverage struct {
	pods int
	// places are for each of the fields: set in neither, on the pod only, on the container only, on both.
	places [][4]int
	// ways are for each of the things that can be set in one place only: unset, set.
	ways [][2]int
	// levels are the pods of each level in the newest version; violated, for each version of a check, the pods that it
	// does not allow.
	levels   map[string]int
	violated map[string]int
	// kinds are the pods by target and by status.
	kinds map[string]int
}

// fields can be set on the pod and on the container.
var fields = []struct {
	name string
	set  func(*corev1.PodSecurityContext, *corev1.SecurityContext) (pod, container bool)
}{
	{"runAsUser", func(p *corev1.PodSecurityContext, c *corev1.SecurityContext) (bool, bool) {
		return p.RunAsUser != nil, c.RunAsUser != nil
	}},
	{"runAsGroup", func(p *corev1.PodSecurityContext, c *corev1.SecurityContext) (bool, bool) {
		return p.RunAsGroup != nil, c.RunAsGroup != nil
	}},
	{"runAsNonRoot", func(p *corev1.PodSecurityContext, c *corev1.SecurityContext) (bool, bool) {
		return p.RunAsNonRoot != nil, c.RunAsNonRoot != nil
	}},
	{"seccompProfile", func(p *corev1.PodSecurityContext, c *corev1.SecurityContext) (bool, bool) {
		return p.SeccompProfile != nil, c.SeccompProfile != nil
	}},
	{"seLinuxOptions", func(p *corev1.PodSecurityContext, c *corev1.SecurityContext) (bool, bool) {
		return p.SELinuxOptions != nil, c.SELinuxOptions != nil
	}},
	{"appArmorProfile", func(p *corev1.PodSecurityContext, c *corev1.SecurityContext) (bool, bool) {
		return p.AppArmorProfile != nil, c.AppArmorProfile != nil
	}},
	{"windowsOptions", func(p *corev1.PodSecurityContext, c *corev1.SecurityContext) (bool, bool) {
		return p.WindowsOptions != nil, c.WindowsOptions != nil
	}},
}

// single can be set in one place only.
var single = []struct {
	name string
	set  func(*sample, *corev1.PodSecurityContext, *corev1.SecurityContext) bool
}{
	{"capabilities", func(_ *sample, _ *corev1.PodSecurityContext, c *corev1.SecurityContext) bool {
		return c.Capabilities != nil
	}},
	{"privileged", func(_ *sample, _ *corev1.PodSecurityContext, c *corev1.SecurityContext) bool {
		return c.Privileged != nil
	}},
	{"privileged: true", func(_ *sample, _ *corev1.PodSecurityContext, c *corev1.SecurityContext) bool {
		return c.Privileged != nil && *c.Privileged
	}},
	{"allowPrivilegeEscalation", func(_ *sample, _ *corev1.PodSecurityContext, c *corev1.SecurityContext) bool {
		return c.AllowPrivilegeEscalation != nil
	}},
	{"readOnlyRootFilesystem", func(_ *sample, _ *corev1.PodSecurityContext, c *corev1.SecurityContext) bool {
		return c.ReadOnlyRootFilesystem != nil
	}},
	{"procMount", func(_ *sample, _ *corev1.PodSecurityContext, c *corev1.SecurityContext) bool {
		return c.ProcMount != nil
	}},
	{"supplementalGroups", func(_ *sample, p *corev1.PodSecurityContext, _ *corev1.SecurityContext) bool {
		return p.SupplementalGroups != nil
	}},
	{"supplementalGroupsPolicy", func(_ *sample, p *corev1.PodSecurityContext, _ *corev1.SecurityContext) bool {
		return p.SupplementalGroupsPolicy != nil
	}},
	{"fsGroup", func(_ *sample, p *corev1.PodSecurityContext, _ *corev1.SecurityContext) bool { return p.FSGroup != nil }},
	{"sysctls", func(_ *sample, p *corev1.PodSecurityContext, _ *corev1.SecurityContext) bool { return p.Sysctls != nil }},
	{"hostUsers", func(s *sample, _ *corev1.PodSecurityContext, _ *corev1.SecurityContext) bool {
		return s.pod.Spec.HostUsers != nil
	}},
	{"hostPID", func(s *sample, _ *corev1.PodSecurityContext, _ *corev1.SecurityContext) bool {
		return s.pod.Spec.HostPID
	}},
	{"hostNetwork", func(s *sample, _ *corev1.PodSecurityContext, _ *corev1.SecurityContext) bool {
		return s.pod.Spec.HostNetwork
	}},
	{"shareProcessNamespace", func(s *sample, _ *corev1.PodSecurityContext, _ *corev1.SecurityContext) bool {
		return s.pod.Spec.ShareProcessNamespace != nil
	}},
	{"AppArmor's annotation", func(s *sample, _ *corev1.PodSecurityContext, _ *corev1.SecurityContext) bool {
		return s.pod.Annotations[corev1.DeprecatedAppArmorBetaContainerAnnotationKeyPrefix+s.target.Name] != ""
	}},
	{"volumes", func(s *sample, _ *corev1.PodSecurityContext, _ *corev1.SecurityContext) bool {
		return s.pod.Spec.Volumes != nil
	}},
	{"several containers", func(s *sample, _ *corev1.PodSecurityContext, _ *corev1.SecurityContext) bool {
		return len(s.pod.Spec.Containers) > 1
	}},
	{"an earlier debug container", func(s *sample, _ *corev1.PodSecurityContext, _ *corev1.SecurityContext) bool {
		return s.pod.Spec.EphemeralContainers != nil
	}},
	{"uid 0", func(s *sample, _ *corev1.PodSecurityContext, _ *corev1.SecurityContext) bool { return s.uid == 0 }},
}

func newCoverage() coverage {
	return coverage{
		places: make([][4]int, len(fields)), ways: make([][2]int, len(single)),
		levels: map[string]int{}, violated: map[string]int{}, kinds: map[string]int{},
	}
}

func (c *coverage) count(t *trial, j *judge) {
	c.pods++
	psc, sc := contexts(t.pod, t.target.SecurityContext)
	for i, f := range fields {
		where := 0
		pod, container := f.set(psc, sc)
		if pod {
			where++
		}
		if container {
			where += 2
		}
		c.places[i][where]++
	}
	for i, s := range single {
		if s.set(&t.sample, psc, sc) {
			c.ways[i][1]++
		} else {
			c.ways[i][0]++
		}
	}
	c.kinds[t.kind+" target"]++
	c.kinds[t.status+" status"]++
	if t.err != nil {
		c.kinds["Windows"]++
		j.before = j.check(t.pod)
	}
	levels := j.level(j.before)
	c.levels[string(levels[len(levels)-1])]++
	for _, id := range j.named(^j.before) {
		c.violated[id]++
	}
}

func (c *coverage) add(other coverage) {
	c.pods += other.pods
	for i := range c.places {
		for k := range c.places[i] {
			c.places[i][k] += other.places[i][k]
		}
	}
	for i := range c.ways {
		for k := range c.ways[i] {
			c.ways[i][k] += other.ways[i][k]
		}
	}
	for _, pair := range [][2]map[string]int{{c.levels, other.levels}, {c.violated, other.violated}, {c.kinds, other.kinds}} {
		for key, n := range pair[1] {
			pair[0][key] += n
		}
	}
}

func (c *coverage) share(n int) float64 { return 100 * float64(n) / float64(c.pods) }

// table is the coverage to be read, in per cent of all pods.
func (c *coverage) table() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%d pods, %%\tneither\tpod\tcontainer\tboth\n", c.pods)
	for i, f := range fields {
		n := c.places[i]
		fmt.Fprintf(w, "%s\t%.1f\t%.1f\t%.1f\t%.1f\n", f.name, c.share(n[0]), c.share(n[1]), c.share(n[2]), c.share(n[3]))
	}
	fmt.Fprint(w, "\nin one place only\tunset\tset\n")
	for i, s := range single {
		fmt.Fprintf(w, "%s\t%.1f\t%.1f\n", s.name, c.share(c.ways[i][0]), c.share(c.ways[i][1]))
	}
	for _, m := range []struct {
		title  string
		counts map[string]int
	}{{"target and status", c.kinds}, {"level in the newest version", c.levels}, {"check violated", c.violated}} {
		fmt.Fprintf(w, "\n%s\n", m.title)
		for _, key := range slices.Sorted(maps.Keys(m.counts)) {
			fmt.Fprintf(w, "%s\t%.1f\n", key, c.share(m.counts[key]))
		}
	}
	w.Flush()
	return b.String()
}

// gaps are the kinds of pods of which there are too few for the run to say anything of them.
func (c *coverage) gaps() []string {
	var gaps []string
	atLeast := func(percent float64, n int, what string) {
		if c.share(n) < percent {
			gaps = append(gaps, fmt.Sprintf("%s in %.1f %% of the pods, want at least %.0f", what, c.share(n), percent))
		}
	}
	for i, f := range fields {
		for k, where := range []string{"neither", "pod", "container", "both"} {
			atLeast(5, c.places[i][k], f.name+" on "+where)
		}
	}
	for i, s := range single {
		atLeast(3, c.ways[i][0], s.name+" unset")
		atLeast(3, c.ways[i][1], s.name)
	}
	for _, level := range []api.Level{api.LevelPrivileged, api.LevelBaseline, api.LevelRestricted} {
		atLeast(15, c.levels[string(level)], "level "+string(level))
	}
	for _, check := range policy.DefaultChecks() {
		atLeast(1, c.violated[string(check.ID)], "a violation of "+string(check.ID))
	}
	for _, kind := range []string{"regular target", "init target", "sidecar target", "none status", "honest status", "hostile status", "Windows"} {
		atLeast(3, c.kinds[kind], kind)
	}
	return gaps
}
