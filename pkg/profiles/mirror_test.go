package profiles_test

import (
	"encoding/json"
	"errors"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/pkg/profiles"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// identified are the least facts that a plan can be made from.
func identified(uid, gid int64) target.Facts {
	return target.Facts{UID: sourced(target.FromContainer, uid), GID: sourced(target.FromStatus, gid)}
}

func sourced[T any](origin target.Origin, value T) target.Sourced[T] {
	return target.Sourced[T]{Value: value, Origin: origin}
}

func caps(add, drop []corev1.Capability) corev1.Capabilities {
	return corev1.Capabilities{Add: add, Drop: drop}
}

// mirrored is the security context of a non-root target that sets nothing else, with its origins.
func mirrored(uid, gid int64) profiles.Plan {
	return profiles.Plan{
		UID: uid, GID: gid,
		SecurityContext: corev1.SecurityContext{
			RunAsUser: &uid, RunAsGroup: &gid, RunAsNonRoot: new(true),
			Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			AllowPrivilegeEscalation: new(false), ReadOnlyRootFilesystem: new(true),
		},
		Origins: map[string]string{
			"runAsUser": string(target.FromContainer), "runAsGroup": string(target.FromStatus),
			"runAsNonRoot":             "the uid is not 0",
			"capabilities":             "none are effective without uid 0",
			"allowPrivilegeEscalation": "never needed",
			"readOnlyRootFilesystem":   "always",
		},
	}
}

// rooted is the same for uid 0.
func rooted() profiles.Plan {
	p := mirrored(0, 0)
	p.SecurityContext.RunAsNonRoot, p.SecurityContext.Capabilities = nil, nil
	delete(p.Origins, "runAsNonRoot")
	delete(p.Origins, "capabilities")
	return p
}

// unconfined is what a privileged target's AppArmor comes to.
func unconfined(p *profiles.Plan) {
	p.SecurityContext.AppArmorProfile = &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeUnconfined}
	p.Origins["appArmorProfile"] = "the target is privileged, so it has none"
}

// TestMirror has a case for every row of the table in docs/profiles.md.
func TestMirror(t *testing.T) {
	t.Parallel()
	local := corev1.SeccompProfile{Type: corev1.SeccompProfileTypeLocalhost, LocalhostProfile: new("audit.json")}
	armor := corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeLocalhost, LocalhostProfile: new("k8s-deny")}
	labels := corev1.SELinuxOptions{User: "u", Role: "r", Type: "t", Level: "s0:c1,c2"}
	tests := []struct {
		name  string
		facts func(*target.Facts)
		root  bool
		want  func(*profiles.Plan)
	}{
		{name: "uid and gid as numbers, runAsNonRoot, nothing to add"},
		{
			name: "gid 0 of a non-root target is the target's",
			facts: func(f *target.Facts) {
				f.GID = sourced(target.FromPod, int64(0))
			},
			want: func(p *profiles.Plan) {
				p.GID, p.SecurityContext.RunAsGroup = 0, new(int64(0))
				p.Origins["runAsGroup"] = string(target.FromPod)
			},
		},
		{name: "root with default capabilities", root: true},
		{
			name: "root in a pod that asks for runAsNonRoot: the target says otherwise, and so must we", root: true,
			facts: func(f *target.Facts) { f.NonRootOnly = true },
			want: func(p *profiles.Plan) {
				p.SecurityContext.RunAsNonRoot = new(false)
				p.Origins["runAsNonRoot"] = "the uid is 0, and the pod would have none"
			},
		},
		{
			name: "non-root: added capabilities are dropped",
			facts: func(f *target.Facts) {
				f.Capabilities = sourced(target.FromContainer, caps([]corev1.Capability{"NET_ADMIN"}, nil))
			},
		},
		{
			name: "root: capabilities verbatim",
			root: true,
			facts: func(f *target.Facts) {
				f.Capabilities = sourced(target.FromContainer, caps([]corev1.Capability{"NET_ADMIN", "SYS_TIME"}, []corev1.Capability{"ALL"}))
			},
			want: func(p *profiles.Plan) {
				p.SecurityContext.Capabilities = &corev1.Capabilities{
					Add: []corev1.Capability{"NET_ADMIN", "SYS_TIME"}, Drop: []corev1.Capability{"ALL"},
				}
				p.Origins["capabilities"] = string(target.FromContainer)
			},
		},
		{
			name: "privileged root: SYS_PTRACE, not privileged",
			root: true,
			facts: func(f *target.Facts) {
				f.Privileged = true
				f.Capabilities = sourced(target.FromContainer, caps([]corev1.Capability{"SYS_ADMIN"}, nil))
			},
			want: func(p *profiles.Plan) {
				p.SecurityContext.Capabilities = &corev1.Capabilities{Add: []corev1.Capability{"SYS_PTRACE"}}
				p.Origins["capabilities"] = "the target is privileged; this is enough to see it"
				unconfined(p)
			},
		},
		{
			name:  "privileged non-root: no capability",
			facts: func(f *target.Facts) { f.Privileged = true },
			want:  unconfined,
		},
		{
			name: "privileged: a profile of the runtime is void",
			facts: func(f *target.Facts) {
				f.Privileged = true
				f.AppArmor = sourced(target.FromPod, corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeRuntimeDefault})
			},
			want: unconfined,
		},
		{
			name: "privileged: a profile of the node stays in force",
			facts: func(f *target.Facts) {
				f.Privileged = true
				f.AppArmor = sourced(target.FromContainer, armor)
			},
			want: func(p *profiles.Plan) {
				p.SecurityContext.AppArmorProfile = &armor
				p.Origins["appArmorProfile"] = string(target.FromContainer)
			},
		},
		{
			name: "escalation of the target's is not mirrored",
			facts: func(f *target.Facts) {
				f.AllowPrivilegeEscalation = sourced(target.FromContainer, true)
			},
		},
		{
			name: "SYS_ADMIN, too: only the literal CAP_SYS_ADMIN is refused beside false",
			root: true,
			facts: func(f *target.Facts) {
				f.Capabilities = sourced(target.FromContainer, caps([]corev1.Capability{"SYS_ADMIN"}, nil))
			},
			want: func(p *profiles.Plan) {
				p.SecurityContext.Capabilities = &corev1.Capabilities{Add: []corev1.Capability{"SYS_ADMIN"}}
				p.Origins["capabilities"] = string(target.FromContainer)
			},
		},
		{
			name: "literal CAP_SYS_ADMIN: escalation as the target has it",
			root: true,
			facts: func(f *target.Facts) {
				f.Capabilities = sourced(target.FromContainer, caps([]corev1.Capability{"CAP_SYS_ADMIN"}, nil))
				f.AllowPrivilegeEscalation = sourced(target.FromContainer, true)
			},
			want: func(p *profiles.Plan) {
				p.SecurityContext.Capabilities = &corev1.Capabilities{Add: []corev1.Capability{"CAP_SYS_ADMIN"}}
				p.SecurityContext.AllowPrivilegeEscalation = new(true)
				p.Origins["capabilities"] = string(target.FromContainer)
				p.Origins["allowPrivilegeEscalation"] = string(target.FromContainer)
			},
		},
		{
			name: "literal CAP_SYS_ADMIN: escalation unset as the target's",
			root: true,
			facts: func(f *target.Facts) {
				f.Capabilities = sourced(target.FromContainer, caps([]corev1.Capability{"CAP_SYS_ADMIN"}, nil))
			},
			want: func(p *profiles.Plan) {
				p.SecurityContext.Capabilities = &corev1.Capabilities{Add: []corev1.Capability{"CAP_SYS_ADMIN"}}
				p.SecurityContext.AllowPrivilegeEscalation = nil
				p.Origins["capabilities"] = string(target.FromContainer)
				delete(p.Origins, "allowPrivilegeEscalation")
			},
		},
		{
			name: "non-root with a literal CAP_SYS_ADMIN: dropped, so escalation is false",
			facts: func(f *target.Facts) {
				f.Capabilities = sourced(target.FromContainer, caps([]corev1.Capability{"CAP_SYS_ADMIN"}, nil))
			},
		},
		{
			name: "seccomp, SELinux and AppArmor with where they came from",
			facts: func(f *target.Facts) {
				f.Seccomp = sourced(target.FromPod, local)
				f.SELinux = sourced(target.FromContainer, labels)
				f.AppArmor = sourced(target.FromAnnotation, armor)
			},
			want: func(p *profiles.Plan) {
				p.SecurityContext.SeccompProfile = &local
				p.SecurityContext.SELinuxOptions = &labels
				p.SecurityContext.AppArmorProfile = &armor
				p.Origins["seccompProfile"] = string(target.FromPod)
				p.Origins["seLinuxOptions"] = string(target.FromContainer)
				p.Origins["appArmorProfile"] = string(target.FromAnnotation)
			},
		},
		{
			name: "procMount",
			facts: func(f *target.Facts) {
				f.ProcMount = sourced(target.FromContainer, corev1.UnmaskedProcMount)
			},
			want: func(p *profiles.Plan) {
				p.SecurityContext.ProcMount = new(corev1.UnmaskedProcMount)
				p.Origins["procMount"] = string(target.FromContainer)
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f, want := identified(65532, 65533), mirrored(65532, 65533)
			if test.root {
				f, want = identified(0, 0), rooted()
			}
			if test.facts != nil {
				test.facts(&f)
			}
			if test.want != nil {
				test.want(&want)
			}
			got, err := profiles.Mirror(f)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMirrorRefuses(t *testing.T) {
	t.Parallel()
	known := sourced(target.FromPod, int64(1))
	tests := []struct {
		name  string
		facts target.Facts
		want  error
	}{
		{"nothing known", target.Facts{}, &profiles.UnknownIdentityError{Missing: "uid and gid"}},
		{"no uid", target.Facts{GID: known}, &profiles.UnknownIdentityError{Missing: "uid"}},
		{"no gid", target.Facts{UID: known}, &profiles.UnknownIdentityError{Missing: "gid"}},
		{"Windows", target.Facts{UID: known, GID: known, Windows: true}, &profiles.WindowsError{}},
		{"Windows without an identity", target.Facts{Windows: true}, &profiles.WindowsError{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			plan, err := profiles.Mirror(test.facts)
			if diff := cmp.Diff(test.want, err); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(profiles.Plan{}, plan); diff != "" {
				t.Errorf("a plan beside an error (-want +got):\n%s", diff)
			}
			if err.Error() == "" {
				t.Error("the error says nothing")
			}
		})
	}
}

// TestMirrorHolds checks on generated facts what must hold of every plan.
func TestMirrorHolds(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2)) // the same facts each time
	for range 3000 {
		f := generate(random)
		before := deepCopy(f)
		plan, err := profiles.Mirror(f)
		if !reflect.DeepEqual(before, f) {
			t.Fatalf("the facts were changed (-before +after):\n%s", cmp.Diff(before, f))
		}
		if err != nil {
			checkRefusal(t, f, err)
			continue
		}
		checkPlan(t, f, plan)
		if t.Failed() {
			t.Fatalf("facts: %+v\nplan: %+v", f, plan)
		}
		scribble(&plan.SecurityContext)
		if !reflect.DeepEqual(before, f) {
			t.Fatalf("a plan shares memory with its facts (-before +after):\n%s", cmp.Diff(before, f))
		}
	}
}

func checkRefusal(t *testing.T, f target.Facts, err error) {
	t.Helper()
	var unknown *profiles.UnknownIdentityError
	var windows *profiles.WindowsError
	switch {
	case f.Windows && errors.As(err, &windows):
	case !f.Windows && errors.As(err, &unknown) && (!f.UID.Known() || !f.GID.Known()):
	default:
		t.Fatalf("Mirror(%+v): %v", f, err)
	}
}

func checkPlan(t *testing.T, f target.Facts, plan profiles.Plan) {
	t.Helper()
	sc := plan.SecurityContext
	want := func(ok bool, what string) {
		if !ok {
			t.Error(what)
		}
	}
	want(!f.Windows && f.UID.Known() && f.GID.Known(), "a plan without an identity, or for Windows")
	want(plan.UID == f.UID.Value && plan.GID == f.GID.Value, "another identity than the target's")
	want(sc.RunAsUser != nil && *sc.RunAsUser == plan.UID, "runAsUser is not the plan's")
	want(sc.RunAsGroup != nil && *sc.RunAsGroup == plan.GID, "runAsGroup is not the plan's")
	want((sc.RunAsNonRoot != nil && *sc.RunAsNonRoot) == (plan.UID != 0), "runAsNonRoot is not about the uid")
	want(sc.Privileged == nil, "privileged is set")
	want(sc.ReadOnlyRootFilesystem != nil && *sc.ReadOnlyRootFilesystem, "the root file system can be written to")
	if plan.UID != 0 {
		want(sc.Capabilities != nil && len(sc.Capabilities.Add) == 0, "a non-root process is given capabilities")
		want(slices.Equal(sc.Capabilities.Drop, []corev1.Capability{"ALL"}), "a non-root process keeps default capabilities")
	}
	if c := sc.Capabilities; c != nil {
		for _, added := range c.Add {
			has := slices.Contains(f.Capabilities.Value.Add, added) || f.Privileged && added == "SYS_PTRACE"
			want(has, "capability "+string(added)+" is more than the target has")
		}
	}
	escalates := sc.AllowPrivilegeEscalation == nil || *sc.AllowPrivilegeEscalation
	if escalates {
		want(sc.Capabilities != nil && slices.Contains(sc.Capabilities.Add, "CAP_SYS_ADMIN"), "escalation where the API would take it away")
	}
	if set, origins := setFields(t, sc), slices.Sorted(maps.Keys(plan.Origins)); !slices.Equal(set, origins) {
		t.Errorf("fields %q are set, and origins are given for %q", set, origins)
	}
	for field, origin := range plan.Origins {
		want(origin != "", field+" has an empty origin")
	}
}

// setFields returns the JSON names of what a security context sets.
func setFields(t *testing.T, sc corev1.SecurityContext) []string {
	t.Helper()
	text, err := json.Marshal(sc)
	if err != nil {
		t.Fatal(err)
	}
	var set map[string]any
	if err := json.Unmarshal(text, &set); err != nil {
		t.Fatal(err)
	}
	return slices.Sorted(maps.Keys(set))
}

// generate makes facts of every kind that a pod can have, and some that it cannot.
func generate(random *rand.Rand) target.Facts {
	var f target.Facts
	f.Windows = random.IntN(20) == 0
	f.Privileged = random.IntN(4) == 0
	f.UID, f.GID = maybe(random, 8, anyID), maybe(random, 8, anyID)
	f.Capabilities = maybe(random, 2, func(random *rand.Rand) corev1.Capabilities {
		return caps(anyCapabilities(random), anyCapabilities(random))
	})
	f.AllowPrivilegeEscalation = maybe(random, 2, func(random *rand.Rand) bool { return random.IntN(2) == 0 })
	f.Seccomp = maybe(random, 2, func(random *rand.Rand) corev1.SeccompProfile {
		return corev1.SeccompProfile{
			Type:             pick(random, corev1.SeccompProfileTypeLocalhost, corev1.SeccompProfileTypeUnconfined),
			LocalhostProfile: pick(random, nil, new("profile.json")),
		}
	})
	f.SELinux = maybe(random, 2, func(random *rand.Rand) corev1.SELinuxOptions {
		return corev1.SELinuxOptions{Type: pick(random, "spc_t", "container_t"), Level: pick(random, "", "s0:c1")}
	})
	f.AppArmor = maybe(random, 2, func(random *rand.Rand) corev1.AppArmorProfile {
		return corev1.AppArmorProfile{
			Type:             pick(random, corev1.AppArmorProfileTypeLocalhost, corev1.AppArmorProfileTypeRuntimeDefault),
			LocalhostProfile: pick(random, nil, new("k8s-deny")),
		}
	})
	f.ProcMount = maybe(random, 2, func(random *rand.Rand) corev1.ProcMountType {
		return pick(random, corev1.DefaultProcMount, corev1.UnmaskedProcMount)
	})
	return f
}

func pick[T any](random *rand.Rand, of ...T) T { return of[random.IntN(len(of))] }

// maybe leaves one fact of n unknown.
func maybe[T any](random *rand.Rand, n int, value func(*rand.Rand) T) target.Sourced[T] {
	if random.IntN(n) == 0 {
		return target.Sourced[T]{}
	}
	return sourced(pick(random, target.FromContainer, target.FromPod, target.FromStatus, target.FromAnnotation), value(random))
}

func anyID(random *rand.Rand) int64 { return pick[int64](random, 0, 0, 1, 1000, 65532, 1<<31-1) }

func anyCapabilities(random *rand.Rand) []corev1.Capability {
	var out []corev1.Capability
	for range random.IntN(4) {
		out = append(out, pick(random, corev1.Capability("ALL"), "SYS_ADMIN", "CAP_SYS_ADMIN", "SYS_PTRACE", "CHOWN"))
	}
	return out
}

// deepCopy returns facts that share no memory with f.
func deepCopy(f target.Facts) target.Facts {
	f.Capabilities.Value = *f.Capabilities.Value.DeepCopy()
	f.Seccomp.Value = *f.Seccomp.Value.DeepCopy()
	f.AppArmor.Value = *f.AppArmor.Value.DeepCopy()
	return f
}

// scribble changes everything that a security context points to.
func scribble(sc *corev1.SecurityContext) {
	*sc.RunAsUser, *sc.RunAsGroup = -1, -1
	if c := sc.Capabilities; c != nil {
		for _, list := range [][]corev1.Capability{c.Add, c.Drop} {
			for i := range list {
				list[i] = "SCRIBBLED"
			}
		}
	}
	if sc.SeccompProfile != nil && sc.SeccompProfile.LocalhostProfile != nil {
		*sc.SeccompProfile.LocalhostProfile = "scribbled"
	}
	if sc.AppArmorProfile != nil && sc.AppArmorProfile.LocalhostProfile != nil {
		*sc.AppArmorProfile.LocalhostProfile = "scribbled"
	}
}
