package profiles_test

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/pkg/profiles"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// custom is a file's content, parsed.
func custom(t *testing.T, text string) *profiles.Custom {
	t.Helper()
	c, err := profiles.ParseCustom([]byte(text))
	if err != nil {
		t.Fatalf("ParseCustom(%s): %v", text, err)
	}
	return c
}

// stepped is a plan of uid 0 that was asked for by those words, the mirror apart from what change does to it.
func stepped(change func(*profiles.Plan), words ...string) profiles.Plan {
	p := rooted()
	p.StepUp, p.Asked = true, words
	p.Origins["runAsUser"], p.Origins["runAsGroup"] = words[0], words[0]
	change(&p)
	return p
}

func capabilities(p *profiles.Plan, origin string, add, drop []corev1.Capability) {
	p.SecurityContext.Capabilities = &corev1.Capabilities{Add: add, Drop: drop}
	p.Origins["capabilities"] = origin
}

var all = []corev1.Capability{"ALL"}

// TestProfiles asks for each profile beside a target that is not root, and beside one that is.
func TestProfiles(t *testing.T) {
	t.Parallel()
	general := func(p *profiles.Plan) {
		capabilities(p, "--profile=general", []corev1.Capability{"SYS_PTRACE"}, nil)
	}
	tests := []struct {
		name    string
		facts   target.Facts
		request profiles.Request
		want    profiles.Plan
	}{
		{"general", identified(65532, 65533), profiles.Request{Profile: profiles.General}, stepped(general, "--profile=general")},
		{"general, nothing known", target.Facts{}, profiles.Request{Profile: profiles.General}, stepped(general, "--profile=general")},
		{
			"general in a pod for non-root only",
			target.Facts{NonRootOnly: true},
			profiles.Request{Profile: profiles.General},
			stepped(func(p *profiles.Plan) {
				general(p)
				p.SecurityContext.RunAsNonRoot = new(false)
				p.Origins["runAsNonRoot"] = "the uid is 0, and the pod would have none"
			}, "--profile=general"),
		},
		{
			"netadmin", identified(65532, 65533),
			profiles.Request{Profile: profiles.NetAdmin},
			stepped(func(p *profiles.Plan) {
				capabilities(p, "--profile=netadmin", []corev1.Capability{"NET_ADMIN", "NET_RAW"}, all)
			}, "--profile=netadmin"),
		},
		{
			"sysadmin: seccomp and procMount are void", confined(),
			profiles.Request{Profile: profiles.SysAdmin},
			stepped(func(p *profiles.Plan) {
				p.SecurityContext.Privileged, p.SecurityContext.AllowPrivilegeEscalation = new(true), nil
				p.Origins["privileged"] = "--profile=sysadmin"
				delete(p.Origins, "allowPrivilegeEscalation")
				p.SecurityContext.SELinuxOptions = &corev1.SELinuxOptions{Type: "t"}
				p.Origins["seLinuxOptions"] = string(target.FromPod)
			}, "--profile=sysadmin"),
		},
		{
			"general: the sandbox is the mirror's", confined(),
			profiles.Request{Profile: profiles.General},
			stepped(func(p *profiles.Plan) {
				general(p)
				p.SecurityContext.SELinuxOptions = &corev1.SELinuxOptions{Type: "t"}
				p.SecurityContext.SeccompProfile = &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}
				p.SecurityContext.ProcMount = new(corev1.DefaultProcMount)
				for _, field := range []string{"seLinuxOptions", "seccompProfile", "procMount"} {
					p.Origins[field] = string(target.FromPod)
				}
			}, "--profile=general"),
		},
		{"restricted beside a target that is not root: the mirror", identified(65532, 65533), profiles.Request{Profile: profiles.Restricted}, func() profiles.Plan {
			p := mirrored(65532, 65533)
			p.Origins["capabilities"] = "--profile=restricted"
			return p
		}()},
		{"restricted beside root: less, and so no step-up", identified(0, 0), profiles.Request{Profile: profiles.Restricted}, func() profiles.Plan {
			p := rooted()
			capabilities(&p, "--profile=restricted", nil, all)
			p.Asked = []string{"--profile=restricted"}
			return p
		}()},
		{
			"another user", identified(65532, 65533),
			profiles.Request{RunAs: &profiles.RunAs{UID: 101, GID: new(int64(102))}},
			func() profiles.Plan {
				p := mirrored(101, 102)
				p.StepUp, p.Asked = true, []string{"--run-as=101:102"}
				p.Origins["runAsUser"], p.Origins["runAsGroup"] = "--run-as", "--run-as"
				return p
			}(),
		},
		{
			"uid 0 and a capability: the target's own drop, and its gid",
			target.Facts{
				UID: sourced(target.FromContainer, int64(65532)), GID: sourced(target.FromStatus, int64(65533)),
				Capabilities: sourced(target.FromContainer, caps(nil, all)),
			},
			profiles.Request{RunAs: &profiles.RunAs{}, AddCapabilities: []corev1.Capability{"NET_ADMIN"}},
			stepped(func(p *profiles.Plan) {
				p.GID, p.SecurityContext.RunAsGroup = 65533, new(int64(65533))
				p.Origins["runAsUser"], p.Origins["runAsGroup"] = "--run-as", string(target.FromStatus)
				capabilities(p, "container securityContext, --cap-add", []corev1.Capability{"NET_ADMIN"}, all)
			}, "--run-as=0", "--cap-add=NET_ADMIN"),
		},
		{
			"a capability that the target drops",
			target.Facts{
				UID: sourced(target.FromStatus, int64(0)), GID: sourced(target.FromStatus, int64(0)),
				Capabilities: sourced(target.FromContainer, caps([]corev1.Capability{"BPF"}, []corev1.Capability{"CAP_CHOWN", "KILL"})),
			},
			profiles.Request{AddCapabilities: []corev1.Capability{"BPF", "CHOWN"}},
			stepped(func(p *profiles.Plan) {
				p.Origins["runAsUser"], p.Origins["runAsGroup"] = string(target.FromStatus), string(target.FromStatus)
				capabilities(p, "container securityContext, --cap-add", []corev1.Capability{"BPF", "CHOWN"}, []corev1.Capability{"KILL"})
			}, "--cap-add=BPF,CHOWN"),
		},
		{
			"more for general", identified(1, 2),
			profiles.Request{
				Profile: profiles.General, RunAs: &profiles.RunAs{GID: new(int64(5))}, AddCapabilities: []corev1.Capability{"SYS_PTRACE", "BPF"},
			},
			stepped(func(p *profiles.Plan) {
				p.GID, p.SecurityContext.RunAsGroup = 5, new(int64(5))
				p.Origins["runAsGroup"] = "--run-as"
				capabilities(p, "--profile=general, --cap-add", []corev1.Capability{"SYS_PTRACE", "BPF"}, nil)
			}, "--profile=general", "--run-as=0:5", "--cap-add=SYS_PTRACE,BPF"),
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := profiles.Make(test.facts, test.request)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}

// confined is a target that is not root and has a value for each part of a sandbox.
func confined() target.Facts {
	f := identified(65532, 65533)
	f.Seccomp = sourced(target.FromPod, corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault})
	f.SELinux = sourced(target.FromPod, corev1.SELinuxOptions{Type: "t"})
	f.ProcMount = sourced(target.FromPod, corev1.DefaultProcMount)
	return f
}

// TestMirrorByOtherWords asks for what the mirror is already: it is no step-up, and nothing is said to be asked.
func TestMirrorByOtherWords(t *testing.T) {
	t.Parallel()
	privileged := identified(0, 0)
	privileged.Privileged = true
	bpf := identified(0, 0)
	bpf.Capabilities = sourced(target.FromContainer, caps([]corev1.Capability{"BPF"}, nil))
	for name, test := range map[string]struct {
		facts   target.Facts
		request profiles.Request
	}{
		"general beside a privileged target": {privileged, profiles.Request{Profile: profiles.General}},
		"the target's own user":              {identified(1, 2), profiles.Request{RunAs: &profiles.RunAs{UID: 1, GID: new(int64(2))}}},
		"a user where none is known":         {target.Facts{}, profiles.Request{RunAs: &profiles.RunAs{UID: 1, GID: new(int64(2))}}},
		"a capability that it has":           {bpf, profiles.Request{AddCapabilities: []corev1.Capability{"BPF"}}},
		"nothing":                            {identified(1, 2), profiles.Request{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan, err := profiles.Make(test.facts, test.request)
			if err != nil || plan.StepUp || plan.Asked != nil {
				t.Errorf("Make = step-up %t, asked %q, %v; want the mirror", plan.StepUp, plan.Asked, err)
			}
		})
	}
}

func TestMakeRefuses(t *testing.T) {
	t.Parallel()
	bpf := []corev1.Capability{"BPF"}
	for name, test := range map[string]struct {
		facts   target.Facts
		request profiles.Request
		want    error
	}{
		"capabilities without uid 0": {identified(7, 0), profiles.Request{AddCapabilities: bpf}, &profiles.NotEffectiveError{Capabilities: bpf, UID: 7}},
		"capabilities without uid 0 by --run-as": {
			identified(0, 0),
			profiles.Request{RunAs: &profiles.RunAs{UID: 7}, AddCapabilities: bpf},
			&profiles.NotEffectiveError{Capabilities: bpf, UID: 7},
		},
		"a profile of root as another user": {
			identified(7, 7),
			profiles.Request{Profile: profiles.SysAdmin, RunAs: &profiles.RunAs{UID: 7}},
			&profiles.ContradictionError{One: "--profile=sysadmin", Other: "--run-as=7"},
		},
		"restricted, with capabilities": {
			identified(7, 7),
			profiles.Request{Profile: profiles.Restricted, RunAs: &profiles.RunAs{}, AddCapabilities: []corev1.Capability{"BPF", "SYS_TIME"}},
			&profiles.ContradictionError{One: "--profile=restricted", Other: "--cap-add=BPF,SYS_TIME"},
		},
		"restricted, nothing known": {target.Facts{}, profiles.Request{Profile: profiles.Restricted}, &profiles.UnknownIdentityError{Missing: "uid and gid"}},
		"no gid":                    {target.Facts{}, profiles.Request{RunAs: &profiles.RunAs{UID: 7}}, &profiles.UnknownIdentityError{Missing: "gid"}},
		"Windows":                   {target.Facts{Windows: true}, profiles.Request{Profile: profiles.General}, &profiles.WindowsError{}},
		"runAsNonRoot as root": {
			identified(0, 0),
			profiles.Request{Custom: custom(t, "securityContext: {runAsNonRoot: true}")},
			&profiles.ContradictionError{One: "runAsNonRoot of the custom file", Other: "uid 0"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan, err := profiles.Make(test.facts, test.request)
			if diff := cmp.Diff(test.want, err); diff != "" || err.Error() == "" {
				t.Errorf("error %q (-want +got):\n%s", err, diff)
			}
			if diff := cmp.Diff(profiles.Plan{}, plan); diff != "" {
				t.Errorf("a plan beside an error (-want +got):\n%s", diff)
			}
		})
	}
}

// TestCustomPlan merges a custom file's security context over what a profile gives.
func TestCustomPlan(t *testing.T) {
	t.Parallel()
	nonRoot := func(change func(*profiles.Plan)) profiles.Plan {
		p := mirrored(65532, 65533)
		p.Asked = []string{"--custom"}
		change(&p)
		return p
	}
	tests := []struct {
		name, text string
		request    profiles.Request
		want       profiles.Plan
	}{
		{"nothing in it", "", profiles.Request{}, nonRoot(func(*profiles.Plan) {})},
		{"plain variables", "env: [{name: A, value: b}]", profiles.Request{}, nonRoot(func(*profiles.Plan) {})},
		{"a mount", "volumeMounts: [{name: data, mountPath: /data}]", profiles.Request{}, nonRoot(func(p *profiles.Plan) { p.StepUp = true })},
		{
			"another user", "securityContext: {runAsUser: 0}",
			profiles.Request{},
			stepped(func(p *profiles.Plan) {
				p.GID, p.SecurityContext.RunAsGroup = 65533, new(int64(65533))
				p.Origins["runAsUser"], p.Origins["runAsGroup"] = "custom file", string(target.FromStatus)
			}, "--custom"),
		},
		{
			"capabilities: a list is replaced, its neighbour stays", "securityContext: {capabilities: {add: [NET_RAW]}}",
			profiles.Request{},
			nonRoot(func(p *profiles.Plan) {
				p.StepUp = true
				capabilities(p, "none are effective without uid 0, custom file", []corev1.Capability{"NET_RAW"}, all)
			}),
		},
		{
			"privileged takes privilege escalation with it", "securityContext: {privileged: true}",
			profiles.Request{Profile: profiles.General},
			stepped(func(p *profiles.Plan) {
				capabilities(p, "--profile=general", []corev1.Capability{"SYS_PTRACE"}, nil)
				p.SecurityContext.Privileged, p.SecurityContext.AllowPrivilegeEscalation = new(true), nil
				p.Origins["privileged"] = "custom file"
				delete(p.Origins, "allowPrivilegeEscalation")
			}, "--profile=general", "--custom"),
		},
		{
			"a writable root", "securityContext: {readOnlyRootFilesystem: false}",
			profiles.Request{},
			nonRoot(func(p *profiles.Plan) {
				p.StepUp, p.SecurityContext.ReadOnlyRootFilesystem = true, new(false)
				p.Origins["readOnlyRootFilesystem"] = "custom file"
			}),
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.request.Custom = custom(t, test.text)
			test.want.Custom = test.request.Custom
			got, err := profiles.Make(identified(65532, 65533), test.request)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got, cmp.Comparer(func(a, b *profiles.Custom) bool { return a == b })); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}

// TestMakeHolds checks on generated facts and requests what must hold of every plan.
func TestMakeHolds(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4)) // the same each time
	files := []*profiles.Custom{nil, nil, custom(t, "env: [{name: A, value: b}]"), custom(t, "securityContext: {privileged: true, runAsUser: 0}")}
	for range 3000 {
		f, r := generate(random), profiles.Request{
			Profile: pick(random, profiles.None, profiles.General, profiles.NetAdmin, profiles.SysAdmin, profiles.Restricted),
			RunAs:   pick(random, nil, &profiles.RunAs{}, &profiles.RunAs{UID: 7, GID: new(int64(8))}),
			Custom:  pick(random, files...),
		}
		if random.IntN(2) == 0 {
			r.AddCapabilities = []corev1.Capability{pick(random, corev1.Capability("CHOWN"), "SYS_ADMIN")}
		}
		before := deepCopy(f)
		plan, err := profiles.Make(f, r)
		if !reflect.DeepEqual(before, f) {
			t.Fatalf("the facts were changed (-before +after):\n%s", cmp.Diff(before, f))
		}
		if err != nil {
			continue
		}
		sc := plan.SecurityContext
		switch mirror, err := profiles.Mirror(f); {
		case err == nil && !plan.StepUp && plan.UID != mirror.UID:
			t.Error("another user is no step-up")
		case sc.RunAsUser == nil || *sc.RunAsUser != plan.UID || *sc.RunAsGroup != plan.GID:
			t.Error("uid and gid are not those of the security context")
		case plan.UID == 0 && sc.RunAsNonRoot != nil && *sc.RunAsNonRoot:
			t.Error("the kubelet would not start uid 0 with runAsNonRoot")
		case sc.Privileged != nil && *sc.Privileged && sc.AllowPrivilegeEscalation != nil:
			t.Error("the API would refuse privileged without escalation")
		case plan.StepUp && len(plan.Asked) == 0:
			t.Error("a step-up that nobody asked for")
		}
		if set, origins := setFields(t, sc), plan.Origins; len(set) != len(origins) {
			t.Errorf("fields %q are set, and origins are given for %q", set, origins)
		}
		for field, origin := range plan.Origins {
			if origin == "" {
				t.Errorf("%s has no origin", field)
			}
		}
		if t.Failed() {
			t.Fatalf("facts %+v\nrequest %+v\nplan %+v", f, r, plan)
		}
		scribble(&plan.SecurityContext)
		if !reflect.DeepEqual(before, f) {
			t.Fatalf("a plan shares memory with its facts (-before +after):\n%s", cmp.Diff(before, f))
		}
	}
}

func TestParseProfile(t *testing.T) {
	t.Parallel()
	for _, name := range profiles.Names() {
		if p, err := profiles.ParseProfile(name); err != nil || name != "mirror" && string(p) != name || name == "mirror" && p != profiles.None {
			t.Errorf("ParseProfile(%q) = %q, %v", name, p, err)
		}
	}
	if p, err := profiles.ParseProfile(""); p != profiles.None || err != nil {
		t.Errorf("ParseProfile of nothing = %q, %v", p, err)
	}
	for name, superseded := range map[string]bool{"baseline": true, "legacy": true, "General": false, "genera": false} {
		_, err := profiles.ParseProfile(name)
		if diff := cmp.Diff(&profiles.ProfileError{Name: name, Superseded: superseded}, err, cmp.Comparer(func(a, b error) bool { return errors.Is(a, b) || reflect.DeepEqual(a, b) })); diff != "" {
			t.Errorf("ParseProfile(%q) (-want +got):\n%s", name, diff)
		}
	}
}

func TestParseCapability(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]corev1.Capability{
		"NET_ADMIN": "NET_ADMIN", "CAP_NET_ADMIN": "NET_ADMIN", "net_admin": "NET_ADMIN", "cap_bpf": "BPF", "CHECKPOINT_RESTORE": "CHECKPOINT_RESTORE",
	} {
		if got, err := profiles.ParseCapability(name); got != want || err != nil {
			t.Errorf("ParseCapability(%q) = %q, %v; want %q", name, got, err, want)
		}
	}
	for _, name := range []string{"", "ALL", "CAP_", "CAP_CAP_BPF", "NETADMIN", "NET_ADMIN "} {
		if got, err := profiles.ParseCapability(name); err == nil {
			t.Errorf("ParseCapability(%q) = %q", name, got)
		}
	}
	if names := profiles.Capabilities(); len(names) != 41 || names[21] != "SYS_ADMIN" || names[40] != "CHECKPOINT_RESTORE" {
		t.Errorf("%d capabilities, of which SYS_ADMIN has not number 21, or the last is not number 40: %v", len(names), names)
	}
}

func FuzzParseRunAs(f *testing.F) {
	for _, text := range []string{"0", "65532:0", "2147483647:2147483647", "2147483648", "-1", "1:", ":1", "1:2:3", "root", "", "+1", " 1", "1_0", "0x1", "٣"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := profiles.ParseRunAs(text)
		var wrong *profiles.RunAsError
		switch {
		case err != nil && (!errors.As(err, &wrong) || wrong.Text != text || r != profiles.RunAs{}):
			t.Errorf("ParseRunAs(%q) = %v, %v", text, r, err)
		case err != nil:
		case strings.Trim(text, "0123456789:") != "":
			t.Errorf("ParseRunAs(%q) = %v", text, r)
		default:
			again, err := profiles.ParseRunAs(r.String())
			if diff := cmp.Diff(r, again); diff != "" || err != nil || r.UID < 0 || r.UID > profiles.MaxID {
				t.Errorf("ParseRunAs(%q) = %v, which is written %q and read as %v, %v", text, r, r, again, err)
			}
		}
	})
}

func TestParseCustom(t *testing.T) {
	t.Parallel()
	whole := corev1.EphemeralContainer{
		TargetContainerName: "app",
		EphemeralContainerCommon: corev1.EphemeralContainerCommon{
			Name: "mindebug-x", Image: "debug:1", Command: []string{"sh"}, ImagePullPolicy: corev1.PullAlways,
			Env:          []corev1.EnvVar{{Name: "A", Value: "1"}, {Name: "B", Value: "2"}},
			VolumeMounts: []corev1.VolumeMount{{Name: "data", MountPath: "/data", ReadOnly: true}},
		},
	}
	tests := []struct {
		name, text string
		want       func(*corev1.EphemeralContainer)
		fields     []string
		reaches    []string
		ignored    string
		fails      string
	}{
		{name: "empty"},
		{name: "null", text: "null"},
		{name: "an empty object", text: "{}"},
		{
			name: "JSON", text: `{"imagePullPolicy":"Never","stdin":true,"env":[{"name":"B","value":"3"},{"name":"C","value":"4"}]}`, fields: []string{"env", "imagePullPolicy", "stdin"},
			want: func(c *corev1.EphemeralContainer) {
				c.ImagePullPolicy, c.Stdin = corev1.PullNever, true
				c.Env = []corev1.EnvVar{{Name: "A", Value: "1"}, {Name: "B", Value: "3"}, {Name: "C", Value: "4"}}
			},
		},
		{
			name: "YAML", text: "workingDir: /srv\nvolumeMounts:\n- {name: tmp, mountPath: /tmp}\n- {name: other, mountPath: /data}\n",
			want: func(c *corev1.EphemeralContainer) {
				c.WorkingDir = "/srv"
				c.VolumeMounts = []corev1.VolumeMount{{Name: "tmp", MountPath: "/tmp"}, {Name: "other", MountPath: "/data", ReadOnly: true}}
			},
			fields:  []string{"volumeMounts", "workingDir"},
			reaches: []string{"volumeMounts"},
		},
		{
			name: "what gives access to other data", text: "envFrom: [{secretRef: {name: s}}]\nenv: [{name: A, valueFrom: {secretKeyRef: {name: s, key: k}}}]",
			want: func(c *corev1.EphemeralContainer) {
				c.EnvFrom = []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "s"}}}}
				c.Env[0].ValueFrom = &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
					LocalObjectReference: corev1.LocalObjectReference{Name: "s"}, Key: "k",
				}}
			},
			fields:  []string{"env", "envFrom"},
			reaches: []string{"envFrom", "env"},
		},
		{name: "the security context is the plan's", text: "securityContext: {privileged: true}"},
		{name: "an unknown field, as kubectl does", text: "tyt: true", ignored: `unknown field "tyt"`},
		{name: "a field of a pod", text: "spec: {containers: []}", ignored: `unknown field "spec"`},
		{name: "a name", text: "name: x", fails: "name, command, image, lifecycle and volumeDevices may not be set"},
		{name: "a command", text: "command: [sh]", fails: "may not be set"},
		{name: "an image", text: `{"image":"x"}`, fails: "may not be set"},
		{name: "a lifecycle", text: "lifecycle: {}", fails: "may not be set"},
		{name: "volume devices", text: "volumeDevices: [{name: x, devicePath: /x}]", fails: "may not be set"},
		{name: "a variable of ours", text: "env: [{name: MINDEBUG_RUN, value: id}]", fails: "environment variable MINDEBUG_RUN may not be set"},
		{name: "another type", text: "tty: sometimes", fails: "this is not a container specification"},
		{name: "a list", text: "[]", fails: "this is not a container specification"},
		{name: "no YAML", text: "{", fails: "this is not a container specification"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c, err := profiles.ParseCustom([]byte(test.text))
			if test.fails != "" {
				var wrong *profiles.CustomError
				if !errors.As(err, &wrong) || !strings.Contains(err.Error(), test.fails) {
					t.Errorf("error = %v; want a *CustomError that says %q", err, test.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want, to := whole.DeepCopy(), whole.DeepCopy()
			if test.want != nil {
				test.want(want)
			}
			if diff := cmp.Diff(*want, c.Apply(*to)); diff != "" {
				t.Errorf("container (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(whole, *to); diff != "" {
				t.Errorf("the container handed in was changed (-before +after):\n%s", diff)
			}
			if fields := c.Fields(); !slices.Equal(fields, test.fields) {
				t.Errorf("fields %q; want %q", fields, test.fields)
			}
			if diff := cmp.Diff(test.reaches, c.Reaches()); diff != "" {
				t.Errorf("reaches (-want +got):\n%s", diff)
			}
			if (c.Ignored() != "") != (test.ignored != "") || !strings.Contains(c.Ignored(), test.ignored) {
				t.Errorf("ignored = %q; want %q", c.Ignored(), test.ignored)
			}
		})
	}
}

// FuzzParseCustom: whatever is taken can be merged, and leaves alone what may not be set.
func FuzzParseCustom(f *testing.F) {
	for _, text := range []string{
		"", "null", "{}", "[]", "env: [{name: A}]", "env: [{name: A}, {name: A}]", `{"env":[{"$patch":"delete","name":"A"}]}`,
		`{"$patch":"replace"}`, "securityContext: {capabilities: {add: [X]}}", "ports: [{containerPort: 1}]", "resources: {limits: {cpu: 1}}",
		"volumeMounts: [{mountPath: /a}, {mountPath: /a}]", "args: [a]", "tty: yes", "name: ''", "env: [null]", "a: &a [*a]",
	} {
		f.Add([]byte(text))
	}
	whole := corev1.EphemeralContainer{EphemeralContainerCommon: corev1.EphemeralContainerCommon{
		Name: "x", Image: "i", Command: []string{"c"}, Env: []corev1.EnvVar{{Name: "MINDEBUG_RUN", Value: "v"}},
		VolumeMounts: []corev1.VolumeMount{{Name: "v", MountPath: "/a"}},
	}}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := profiles.ParseCustom(text)
		var wrong *profiles.CustomError
		if err != nil {
			if !errors.As(err, &wrong) || c != nil {
				t.Errorf("ParseCustom = %v, %v", c, err)
			}
			return
		}
		got := c.Apply(*whole.DeepCopy())
		if got.Name != "x" || got.Image != "i" || !reflect.DeepEqual(got.Command, whole.Command) || got.SecurityContext != nil {
			t.Errorf("%q makes of the container: %+v", text, got)
		}
		if !slices.Contains(got.Env, whole.Env[0]) {
			t.Errorf("%q makes of the environment: %+v", text, got.Env)
		}
		if _, err := json.Marshal(got); err != nil {
			t.Errorf("%q makes what cannot be written: %v", text, err)
		}
		if _, err := profiles.Make(identified(0, 0), profiles.Request{Custom: c}); err != nil {
			var contradiction *profiles.ContradictionError
			if !errors.As(err, &contradiction) {
				t.Errorf("%q makes no plan: %v", text, err)
			}
		}
	})
}
