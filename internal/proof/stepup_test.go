package proof

import (
	"errors"
	"reflect"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/pkg/profiles"
	"github.com/mindebug/kubectl-mindebug/pkg/profiles/exceed"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// TestStepUps holds what is asked on top of the mirror to what the words promise, on generated pods.
func TestStepUps(t *testing.T) {
	t.Parallel()
	seed := seed(t)
	another := profiles.RunAs{UID: 4711, GID: new(int64(4712))}
	tests := []struct {
		name    string
		request func(sample) profiles.Request
		// must names the oracles that hold although more is asked, beside that it is started.
		must []string
		// more is true where it goes beyond every target that is not privileged.
		more bool
	}{
		{
			name:    "restricted",
			request: func(sample) profiles.Request { return profiles.Request{Profile: profiles.Restricted} },
			must:    []string{"Pod Security", "exceeds", "closed to the target", "no new privileges", "read-only root"},
		},
		{
			name:    "general",
			request: func(sample) profiles.Request { return profiles.Request{Profile: profiles.General} },
			must:    []string{"can see", "no new privileges", "read-only root"},
		},
		{
			name:    "netadmin",
			request: func(sample) profiles.Request { return profiles.Request{Profile: profiles.NetAdmin} },
			must:    []string{"no new privileges", "read-only root"},
		},
		{
			name:    "sysadmin",
			request: func(sample) profiles.Request { return profiles.Request{Profile: profiles.SysAdmin} },
			must:    []string{"can see", "read-only root"}, more: true,
		},
		{
			name: "run-as, the target's own",
			request: func(s sample) profiles.Request {
				return profiles.Request{RunAs: &profiles.RunAs{UID: s.uid, GID: &s.gid}}
			},
			must: []string{"Pod Security", "exceeds", "can see", "closed to the target", "no new privileges", "read-only root"},
		},
		{
			name:    "run-as, another's",
			request: func(sample) profiles.Request { return profiles.Request{RunAs: &another} },
			must:    []string{"no new privileges", "read-only root"}, more: true,
		},
		{
			name: "cap-add",
			request: func(sample) profiles.Request {
				return profiles.Request{AddCapabilities: []corev1.Capability{"SYS_BOOT"}}
			},
			must: []string{"read-only root"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			j, err := newJudge()
			if err != nil {
				t.Fatal(err)
			}
			g, planned := newGenerator(seed, shards+1), 0
			for range 1500 {
				s := g.next()
				trial := j.try(asking(test.request(s)), s)
				if trial.err != nil {
					checkRefusal(t, trial)
					continue
				}
				planned++
				for _, o := range oracles {
					complaint := ""
					if o.name == "is started" || o.name == "says whom" || slices.Contains(test.must, o.name) {
						complaint = o.check(j, trial)
					}
					if complaint != "" {
						t.Fatalf("%s: %s\n%s", o.name, complaint, trial)
					}
				}
				checkSaid(t, trial, test.more)
				if test.name == "run-as, the target's own" {
					mirror := j.try(shipped, s)
					if trial.plan.StepUp || !reflect.DeepEqual(trial.plan, mirror.plan) {
						t.Fatalf("not the mirror:\n%+v\n%+v\n%s", trial.plan, mirror.plan, trial)
					}
				}
			}
			if planned < 200 {
				t.Errorf("only %d plans", planned)
			}
		})
	}
}

// asking is the way of a session for which more is asked.
func asking(r profiles.Request) maker {
	return maker{shipped.read, func(f target.Facts) (profiles.Plan, error) { return profiles.Make(f, r) }}
}

// checkRefusal: only a Windows pod is refused, and capabilities that a user who is not root could not use.
func checkRefusal(t *testing.T, trial *trial) {
	t.Helper()
	notEffective := errors.As(trial.err, new(*profiles.NotEffectiveError)) && trial.uid != 0
	if !notEffective && !errors.As(trial.err, new(*profiles.WindowsError)) {
		t.Fatalf("%v\n%s", trial.err, trial)
	}
}

// checkSaid: what goes beyond the target is called a step-up, with the words that asked for it, and exceed finds it.
func checkSaid(t *testing.T, trial *trial, more bool) {
	t.Helper()
	found := exceed.Exceeds(trial.targets, trial.debuggers)
	if len(found) > 0 && (!trial.plan.StepUp || len(trial.plan.Asked) == 0) {
		t.Fatalf("not called a step-up: %v\n%s", found, trial)
	}
	if more && len(found) == 0 && !trial.targets.Privileged {
		t.Fatalf("exceed finds nothing\n%s", trial)
	}
}
