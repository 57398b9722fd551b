package app

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/internal/facts"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/session"
	"github.com/mindebug/kubectl-mindebug/pkg/profiles"
)

// rootGreeting is what a session of uid 0 with SYS_PTRACE finds beside a target that is not root.
const rootGreeting = "mindebug 1\npid 1\nUid: 65532 65532 65532 65532\nGid: 65532 65532 65532 65532\nCapPrm: 0\n" +
	"own CapPrm: 80000\nenviron open\nhidden no\noom 1000\ngo\n"

// TestStepUp follows a session that goes beyond its target.
func TestStepUp(t *testing.T) {
	t.Parallel()
	general := func(r *SessionRequest) { r.Profile.Profile = profiles.General }
	// made is the session container that the request makes for a user.
	made := func(t *testing.T, pod *corev1.Pod, user string) corev1.EphemeralContainer {
		t.Helper()
		r := aRequest()
		general(&r)
		f := facts.Read(pod, "app")
		plan, err := makePlan(f, r.PlanRequest)
		if err != nil {
			t.Fatal(err)
		}
		c := r.container(pod, f, plan, user)
		c.Name = "mindebug-theirs"
		return c
	}
	const begun = "prod-eu shop/web app uid 0 (--profile=general)\nothers who run as the same user in this pod can look into this session: it runs as root\n"
	const beyond = "--profile=general: more than the target has:\n  uid 0 (the target: 65532)\n  gid 0 (the target: 65532)\n" +
		"  capabilities: CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID, SETPCAP, NET_BIND_SERVICE, NET_RAW, SYS_CHROOT, SYS_PTRACE, MKNOD, AUDIT_WRITE, SETFCAP (the target: none)\n"
	const left = "left prod-eu shop/web app: container mindebug-theirs ends with its last session\n"
	tests := []struct {
		name    string
		by      string
		request func(*SessionRequest)
		whoErr  error
		reused  bool
		stderr  string
	}{
		{name: "nobody's", stderr: beyond + begun + left},
		{name: "another user's", by: "kim", stderr: beyond + begun + left},
		{name: "one's own", by: "dana", reused: true, stderr: begun + left},
		{name: "the server does not say who one is", by: "", whoErr: forbidden, stderr: beyond + begun + left},
		{name: "quiet", by: "kim", request: func(r *SessionRequest) { r.Quiet = true }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				pod := nonRoot()
				if test.by != "" || test.whoErr != nil {
					pod.Ephemeral(made(t, pod.Build(), test.by)).Up("mindebug-theirs", 0, 0)
				}
				w, r := &world{pod: pod.Build(), greeting: rootGreeting, whoErr: test.whoErr}, aRequest()
				general(&r)
				if test.request != nil {
					test.request(&r)
				}
				got := open(t.Context(), w, r, strings.NewReader(""))
				name := w.execs[len(w.execs)-1]
				if (name == "mindebug-theirs") != test.reused {
					t.Errorf("the session is in %s; reused: %t", name, test.reused)
				}
				if diff := cmp.Diff(test.stderr, strings.ReplaceAll(got.stderr, name, "mindebug-theirs")); diff != "" || got.err != nil {
					t.Errorf("error %v, notices (-want +got):\n%s", got.err, diff)
				}
				last := w.pod.Spec.EphemeralContainers[len(w.pod.Spec.EphemeralContainers)-1]
				if ttl := last.Command[4]; ttl != "0" {
					t.Errorf("time to live %s; want 0", ttl)
				}
				user := corev1.EnvVar{Name: "MINDEBUG_USER", Value: "dana"}
				if slices.Contains(last.Env, user) != (test.whoErr == nil) {
					t.Errorf("environment %v", last.Env[4:])
				}
			})
		})
	}
}

// TestStepUpKeepsTheTimeToLive that the user names.
func TestStepUpKeepsTheTimeToLive(t *testing.T) {
	t.Parallel()
	r := aRequest()
	for given, want := range map[bool]time.Duration{false: 0, true: 30 * time.Minute} {
		r.TTLGiven = given
		if got := r.ttl(profiles.Plan{StepUp: true}); got != want {
			t.Errorf("named %t: time to live %s; want %s", given, got, want)
		}
	}
}

// TestStepUpRefused names the words that asked for it; a mirror that is refused has none.
func TestStepUpRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		profile profiles.Profile
		want    []string
	}{
		"general":    {profiles.General, []string{"--profile=general"}},
		"the mirror": {},
	} {
		for when, w := range map[string]*world{"dry run": {dryRunErr: forbidden}, "patch": {patchErr: forbidden}} {
			t.Run(name+", "+when, func(t *testing.T) {
				t.Parallel()
				w.pod = nonRoot().Build()
				r := aRequest()
				r.Profile.Profile = test.profile
				_, err := Session(t.Context(), w, w, &w.registries, Streams{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard}, r)
				var refused *fault.Refused
				if !errors.As(err, &refused) || !slices.Equal(refused.Asked, test.want) {
					t.Errorf("error %#v; want a refusal of what %q asked for", err, test.want)
				}
			})
		}
	}
}

// TestBeyond says in what a request goes beyond each kind of target.
func TestBeyond(t *testing.T) {
	t.Parallel()
	all := []corev1.Capability{"ALL"}
	custom, err := profiles.ParseCustom([]byte("envFrom: [{secretRef: {name: s}}]"))
	if err != nil {
		t.Fatal(err)
	}
	root := nonRoot().RunAs(0, 0).Capabilities(nil, all)
	tests := []struct {
		name    string
		pod     *corev1.Pod
		request profiles.Request
		want    []string
	}{
		{
			"a capability", root.Build(),
			profiles.Request{AddCapabilities: []corev1.Capability{"NET_RAW"}},
			[]string{"capabilities: NET_RAW (the target: none)"},
		},
		{
			"a capability that the runtime gives anyway", nonRoot().RunAs(0, 0).Build(), profiles.Request{AddCapabilities: []corev1.Capability{"CHOWN"}}, nil,
		},
		{
			"another user", nonRoot().Build(),
			profiles.Request{RunAs: &profiles.RunAs{UID: 7, GID: new(int64(8))}},
			[]string{"uid 7 (the target: 65532)", "gid 8 (the target: 65532)"},
		},
		{
			"privileged", root.Restricted().Build(),
			profiles.Request{Profile: profiles.SysAdmin},
			[]string{
				"capabilities: ALL (the target: none)", "allowPrivilegeEscalation: true (the target: false)", "privileged: true (the target: false)",
				"seccompProfile: Unconfined (the target: RuntimeDefault)", "appArmorProfile: Unconfined (the target: RuntimeDefault)",
				"seLinuxOptions: Unconfined (the target: the pod's)", "procMount: Unmasked (the target: Default)",
			},
		},
		{
			"nobody known", nonRoot().With(func(p *corev1.Pod) { p.Status.ContainerStatuses[0].User = nil }).Build(),
			profiles.Request{Profile: profiles.NetAdmin},
			[]string{"uid 0, gid 0 (the target: not known, so nothing else can be compared)"},
		},
		{
			"by CRI-O", nonRoot().RunAs(0, 0).With(func(p *corev1.Pod) { p.Status.ContainerStatuses[0].ContainerID = "cri-o://1" }).Build(),
			profiles.Request{AddCapabilities: []corev1.Capability{"SYS_CHROOT"}},
			[]string{"capabilities: CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID, SETPCAP, NET_BIND_SERVICE, SYS_CHROOT (the target: " +
				"CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID, SETPCAP, NET_BIND_SERVICE)"},
		},
		{"other data", nonRoot().Build(), profiles.Request{Custom: custom}, []string{"envFrom of the custom file (the target may not have it)"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := facts.Read(test.pod, "app")
			plan, err := makePlan(f, PlanRequest{Profile: test.request})
			if err != nil {
				t.Fatal(err)
			}
			s := &sessionRun{facts: f, plan: plan}
			if diff := cmp.Diff(test.want, s.beyond(test.pod, &test.pod.Spec.Containers[0])); diff != "" {
				t.Errorf("lines (-want +got):\n%s", diff)
			}
		})
	}
}

// TestEveryReasonHasWords: what session.Mounts leaves out is explained.
func TestEveryReasonHasWords(t *testing.T) {
	t.Parallel()
	_, left := session.Mounts(&corev1.Container{
		VolumeMounts: []corev1.VolumeMount{
			{MountPath: "/a", SubPath: "x"}, {MountPath: "/b", SubPathExpr: "x"}, {MountPath: "/bin"},
		},
		VolumeDevices: []corev1.VolumeDevice{{DevicePath: "/dev/x"}},
	})
	if len(left) != len(whyLeft) {
		t.Errorf("%d are left out: %v; want one for each reason", len(left), left)
	}
	for _, u := range left {
		if whyLeft[u.Why] == "" {
			t.Errorf("no words for %q", u.Why)
		}
	}
}
