package proof

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// verdicts says of each check of Pod Security, in each of its versions, whether it allows a pod: bit n is podSecurity's
// nth.
type verdicts uint64

// podSecurity is Kubernetes' own evaluator. It reads nothing of a pod but by its checks, so each is asked once a pod, and
// the evaluator once for each combination of answers, for every level and version.
type podSecurity struct {
	ids    []policy.CheckID
	checks []policy.CheckPodFn
	// answers are what the evaluator's checks say: they are of those above, and answer for the pod in hand.
	answers   verdicts
	evaluator policy.Evaluator
	// versions are those that change a check, in their order: every other is as the one before it.
	versions []api.Version
	levels   map[verdicts][]api.Level
}

func newPodSecurity() (*podSecurity, error) {
	ps := &podSecurity{levels: map[verdicts][]api.Level{}}
	replayed := policy.DefaultChecks()
	for i := range replayed {
		replayed[i].Versions = slices.Clone(replayed[i].Versions)
		for j := range replayed[i].Versions {
			version := &replayed[i].Versions[j]
			bit := verdicts(1) << len(ps.checks)
			ps.ids = append(ps.ids, replayed[i].ID)
			ps.checks = append(ps.checks, version.CheckPod)
			ps.versions = append(ps.versions, version.MinimumVersion)
			version.CheckPod = func(*metav1.ObjectMeta, *corev1.PodSpec) policy.CheckResult {
				return policy.CheckResult{Allowed: ps.answers&bit != 0}
			}
		}
	}
	slices.SortFunc(ps.versions, func(a, b api.Version) int { return a.Minor() - b.Minor() })
	ps.versions = slices.Compact(ps.versions)
	var err error
	ps.evaluator, err = policy.NewEvaluator(replayed, nil)
	return ps, err
}

// check asks each check about a pod.
func (ps *podSecurity) check(pod *corev1.Pod) verdicts {
	var v verdicts
	for i, check := range ps.checks {
		if check(&pod.ObjectMeta, &pod.Spec).Allowed {
			v |= 1 << i
		}
	}
	return v
}

// level is the strictest level in each of the versions.
func (ps *podSecurity) level(v verdicts) []api.Level {
	if known, ok := ps.levels[v]; ok {
		return known
	}
	ps.answers = v
	levels := make([]api.Level, len(ps.versions))
	for i, version := range ps.versions {
		levels[i] = strictest(ps.evaluator, version, &corev1.Pod{})
	}
	ps.levels[v] = levels
	return levels
}

func strictest(e policy.Evaluator, version api.Version, pod *corev1.Pod) api.Level {
	forbids := func(r policy.CheckResult) bool { return !r.Allowed }
	for _, level := range []api.Level{api.LevelRestricted, api.LevelBaseline} {
		results := e.EvaluatePod(api.LevelVersion{Level: level, Version: version}, &pod.ObjectMeta, &pod.Spec)
		if !slices.ContainsFunc(results, forbids) {
			return level
		}
	}
	return api.LevelPrivileged
}
