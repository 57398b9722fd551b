package proof

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"strconv"
	"testing"

	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// What a run is made of; the pods are the same in each, unless MINDEBUG_PROOF_SEED names another seed.
const (
	shards = 8
	pods   = 6400 // a shard
	// twinned is every how many pods one is made twice, to see that it was not changed and that its plan is the same again:
	// comparing costs as much as all the rest.
	twinned = 16
)

func seed(t *testing.T) uint64 {
	t.Helper()
	text := os.Getenv("MINDEBUG_PROOF_SEED")
	if text == "" {
		return 1
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("MINDEBUG_PROOF_SEED: %v", err)
	}
	return n
}

func newGenerator(seed, shard uint64) *generator {
	return &generator{Rand: rand.New(rand.NewPCG(seed, shard))}
}

// TestMirror makes a debug container for each generated pod on the way that a session goes, and asks every oracle about it.
func TestMirror(t *testing.T) {
	t.Parallel()
	seed := seed(t)
	t.Logf("MINDEBUG_PROOF_SEED=%d", seed)
	covered := make([]coverage, shards)
	t.Run("pods", func(t *testing.T) {
		for shard := range uint64(shards) {
			t.Run(strconv.FormatUint(shard, 10), func(t *testing.T) {
				t.Parallel()
				run(t, seed, shard, &covered[shard])
			})
		}
	})
	if t.Failed() {
		return
	}
	total := covered[0]
	for _, c := range covered[1:] {
		total.add(c)
	}
	t.Logf("what the pods covered:\n%s", total.table())
	for _, gap := range total.gaps() {
		t.Error(gap)
	}
}

func run(t *testing.T, seed, shard uint64, c *coverage) {
	t.Helper()
	j, err := newJudge()
	if err != nil {
		t.Fatal(err)
	}
	g, twins := newGenerator(seed, shard), newGenerator(seed, shard)
	*c = newCoverage()
	for n := range pods {
		s := g.next()
		trial := j.try(shipped, s)
		if name, complaint := j.failed(trial); name != "" {
			t.Fatalf("seed %d, shard %d, pod %d: %s: %s\n%s", seed, shard, n, name, complaint, trial)
		}
		c.count(trial, j)
		if twin := twins.next(); n%twinned == 0 {
			if !reflect.DeepEqual(s.pod, twin.pod) {
				t.Fatalf("seed %d, shard %d, pod %d was changed", seed, shard, n)
			}
			if again := j.try(shipped, twin); !reflect.DeepEqual(trial.plan, again.plan) {
				t.Fatalf("seed %d, shard %d, pod %d: another plan the second time:\n%+v\n%+v", seed, shard, n, trial.plan, again.plan)
			}
		}
	}
}

// String is a trial as its finder wants to see it.
func (t *trial) String() string {
	pod, _ := json.Marshal(t.pod)                   // a typed API object always marshals
	plan, _ := json.Marshal(t.plan.SecurityContext) // so does this
	return fmt.Sprintf("target %s runs as %d:%d; plan %s\npod %s", t.target.Name, t.uid, t.gid, plan, pod)
}

// TestPodSecurityIsAskedRight: the evaluator says the same of a pod when it is asked without the way round.
func TestPodSecurityIsAskedRight(t *testing.T) {
	t.Parallel()
	plain, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	j, err := newJudge()
	if err != nil {
		t.Fatal(err)
	}
	g, newest := newGenerator(seed(t), shards), j.versions[len(j.versions)-1]
	for range 500 {
		pod := g.next().pod
		levels := j.level(j.check(pod))
		at := 0
		for minor := range newest.Minor() + 3 {
			version := api.MajorMinorVersion(1, minor)
			if at+1 < len(j.versions) && j.versions[at+1] == version {
				at++
			}
			if want := strictest(plain, version, pod); levels[at] != want {
				t.Fatalf("%s: %s, want %s", version.String(), levels[at], want)
			}
		}
		if want := strictest(plain, api.LatestVersion(), pod); levels[at] != want {
			t.Fatalf("latest: %s, want %s", levels[at], want)
		}
	}
}
