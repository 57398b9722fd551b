package session

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
	"github.com/mindebug/kubectl-mindebug/pkg/attach"
	"github.com/mindebug/kubectl-mindebug/pkg/profiles"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

func aPlan(t *testing.T) profiles.Plan {
	t.Helper()
	id := target.Sourced[int64]{Value: 65532, Origin: target.FromContainer}
	plan, err := profiles.Mirror(target.Facts{UID: id, GID: id})
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func settings() Settings {
	return Settings{Image: "debug:1", PullPolicy: corev1.PullIfNotPresent, TTL: 30 * time.Minute}
}

func TestContainer(t *testing.T) {
	t.Parallel()
	plan := aPlan(t)
	c := Container(plan, "app", settings())
	want := corev1.EphemeralContainer{
		TargetContainerName: "app",
		EphemeralContainerCommon: corev1.EphemeralContainerCommon{
			Name: c.Name, Image: "debug:1", ImagePullPolicy: corev1.PullIfNotPresent,
			Command:         []string{"sh", "-c", `eval "$$MINDEBUG_HOLD"`, "mindebug-hold", "1800"},
			SecurityContext: &plan.SecurityContext,
		},
	}
	if diff := cmp.Diff(want, c, cmpopts.IgnoreFields(corev1.EphemeralContainerCommon{}, "Env")); diff != "" {
		t.Errorf("container (-want +got):\n%s", diff)
	}
	if !strings.HasPrefix(c.Name, Prefix) || c.Name == Container(plan, "app", settings()).Name {
		t.Errorf("name %q does not begin with %q, or is not a new one", c.Name, Prefix)
	}
	if c.SecurityContext == &plan.SecurityContext || c.SecurityContext.RunAsUser == plan.SecurityContext.RunAsUser {
		t.Error("the container shares memory with its plan")
	}
	scripts := map[string]string{
		"MINDEBUG_LIB": libScript + "\n" + insideScript, "MINDEBUG_HOLD": holderScript, "MINDEBUG_RUN": runScript, "MINDEBUG_KEEP": keepScript, "MINDEBUG_LOOK": lookScript,
	}
	for _, env := range c.Env {
		if env.ValueFrom != nil {
			t.Errorf("%s comes from elsewhere", env.Name)
		}
		if got, want := expand(env.Value), code(scripts[env.Name]); got != want {
			t.Errorf("%s is not what the kubelet makes the script again (-want +got):\n%s", env.Name, cmp.Diff(want, got))
		}
		delete(scripts, env.Name)
	}
	if len(scripts) > 0 {
		t.Errorf("these scripts are missing: %v", scripts)
	}
}

// expand is what the kubelet does to a value in which no variable of the container is named: "$$" becomes "$", and
// "$(NAME)" stays (expansion.Expand).
func expand(value string) string { return strings.ReplaceAll(value, "$$", "$") }

func TestLiteral(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":               "",
		"plain":          "plain",
		"$x $(HOME) $$":  "$$x $$(HOME) $$$$",
		"${x%%.*} '$' $": "$${x%%.*} '$$' $$",
	} {
		if got := literal(in); got != want {
			t.Errorf("literal(%q) = %q; want %q", in, got, want)
		}
		if got := expand(literal(in)); got != in {
			t.Errorf("the kubelet makes %q of %q", got, in)
		}
	}
}

func TestCode(t *testing.T) {
	t.Parallel()
	const script = "# a comment\n\nfirst # stays\n  # indented\n\t\n  x=${y#*@}\n"
	if got, want := code(script), "first # stays\n  x=${y#*@}"; got != want {
		t.Errorf("code = %q; want %q", got, want)
	}
	for name, script := range map[string]string{"lib": libScript, "inside": insideScript, "holder": holderScript, "run": runScript, "keep": keepScript, "look": lookScript} {
		for line := range strings.Lines(code(script)) {
			if strings.HasPrefix(strings.TrimSpace(line), "#") {
				t.Errorf("%s.sh: a comment reaches the pod: %s", name, line)
			}
		}
	}
}

func TestSeconds(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "0", 1: "1", time.Second: "1", time.Second + 1: "2", 1500 * time.Millisecond: "2", 30 * time.Minute: "1800",
	} {
		if got := seconds(d); got != want {
			t.Errorf("seconds(%s) = %q; want %q", d, got, want)
		}
	}
}

// TestExecRequestIsSmall holds the exec request under 1 KB beside the user's words, as it stands in the URL.
func TestExecRequestIsSmall(t *testing.T) {
	t.Parallel()
	f := &container{}
	r := aRequest(&strings.Builder{})
	r.TargetID = strings.Repeat("0123456789abcdef", 4)
	r.Command = []string{"the", "user's", "words"}
	// An EKS context, and names of the greatest usual length.
	r.Place = "arn:aws:eks:eu-central-1:123456789012:cluster/production shop-of-the-company/" +
		strings.Repeat("a", 63) + " " + strings.Repeat("b", 63) + " uid 2147483647"
	if _, err := run(t.Context(), f, attach.Container{}, r); err != nil {
		t.Fatal(err)
	}
	command := f.commands[0]
	if diff := cmp.Diff(r.Command, command[len(command)-3:]); diff != "" {
		t.Errorf("the user's words (-want +got):\n%s", diff)
	}
	query := url.Values{"command": command[:len(command)-3]}.Encode()
	if len(query) >= 1000 {
		t.Errorf("the request carries %d bytes beside the user's words: %s", len(query), query)
	}
	if strings.Contains(query, "mindebug+1") || len(command[2]) > 50 {
		t.Errorf("a script stands in the request: %q", command[2])
	}
}

// TestFind changes a session container in every way that must keep others out of it, and in those that must not.
func TestFind(t *testing.T) {
	t.Parallel()
	want := Container(aPlan(t), "app", settings())
	const uid, gid = 65532, 65532
	running := func(b *kubetest.PodBuilder) { b.Up("mindebug-other", uid, gid) }
	here := &Found{Name: "mindebug-other", Running: true, TTL: 30 * time.Minute}
	starting := &Found{Name: "mindebug-other", TTL: 30 * time.Minute}
	tests := []struct {
		name   string
		change func(*corev1.EphemeralContainer)
		state  func(*kubetest.PodBuilder)
		want   *Found
	}{
		{name: "the same", state: running, want: here},
		{
			name: "what the API server fills in", state: running, want: here,
			change: func(c *corev1.EphemeralContainer) {
				c.TerminationMessagePath, c.TerminationMessagePolicy = corev1.TerminationMessagePathDefault, corev1.TerminationMessageReadFile
			},
		},
		{
			name: "another time to live", state: running,
			change: func(c *corev1.EphemeralContainer) { c.Command[4] = "60" },
			want:   &Found{Name: "mindebug-other", Running: true, TTL: time.Minute},
		},
		{
			name: "user not told by the runtime", want: here,
			state: func(b *kubetest.PodBuilder) {
				b.State("mindebug-other", corev1.ContainerState{Running: &corev1.ContainerStateRunning{}})
			},
		},
		{name: "no status yet", state: func(*kubetest.PodBuilder) {}, want: starting},
		{name: "being created", state: func(b *kubetest.PodBuilder) { b.Waiting("mindebug-other", "ContainerCreating", "") }, want: starting},
		{name: "state not told", state: func(b *kubetest.PodBuilder) { b.State("mindebug-other", corev1.ContainerState{}) }, want: starting},
		{name: "its image cannot be pulled", state: func(b *kubetest.PodBuilder) { b.Waiting("mindebug-other", "ImagePullBackOff", "") }},
		{name: "ended", state: func(b *kubetest.PodBuilder) { b.Terminated("mindebug-other", "Completed", 0) }},
		{name: "runs as another uid", state: func(b *kubetest.PodBuilder) { b.Up("mindebug-other", 0, gid) }},
		{name: "runs as another gid", state: func(b *kubetest.PodBuilder) { b.Up("mindebug-other", uid, 0) }},
	}
	for name, change := range map[string]func(*corev1.EphemeralContainer){
		"another image":       func(c *corev1.EphemeralContainer) { c.Image = "debug:2" },
		"another pull policy": func(c *corev1.EphemeralContainer) { c.ImagePullPolicy = corev1.PullAlways },
		"another target":      func(c *corev1.EphemeralContainer) { c.TargetContainerName = "sidecar" },
		"no target":           func(c *corev1.EphemeralContainer) { c.TargetContainerName = "" },
		"another uid asked":   func(c *corev1.EphemeralContainer) { c.SecurityContext.RunAsUser = new(int64(0)) },
		"a capability more": func(c *corev1.EphemeralContainer) {
			c.SecurityContext.Capabilities.Add = []corev1.Capability{"SYS_PTRACE"}
		},
		"privileged":              func(c *corev1.EphemeralContainer) { c.SecurityContext.Privileged = new(true) },
		"a root that is writable": func(c *corev1.EphemeralContainer) { c.SecurityContext.ReadOnlyRootFilesystem = nil },
		"no security context":     func(c *corev1.EphemeralContainer) { c.SecurityContext = nil },
		"a planted PATH":          func(c *corev1.EphemeralContainer) { c.Env = append(c.Env, corev1.EnvVar{Name: "PATH", Value: "/x"}) },
		"a planted ENV first": func(c *corev1.EphemeralContainer) {
			c.Env = append([]corev1.EnvVar{{Name: "ENV", Value: "/tmp/x"}}, c.Env...)
		},
		"another script":   func(c *corev1.EphemeralContainer) { c.Env[2].Value += "\nrm -rf /" },
		"scripts missing":  func(c *corev1.EphemeralContainer) { c.Env = nil },
		"envFrom":          func(c *corev1.EphemeralContainer) { c.EnvFrom = []corev1.EnvFromSource{{Prefix: "X"}} },
		"another command":  func(c *corev1.EphemeralContainer) { c.Command = []string{"sleep", "1"} },
		"no command":       func(c *corev1.EphemeralContainer) { c.Command = nil },
		"a command beside": func(c *corev1.EphemeralContainer) { c.Command[2] = "id; " + c.Command[2] },
		"another shell":    func(c *corev1.EphemeralContainer) { c.Command[0] = "/tmp/sh" },
		"a word more":      func(c *corev1.EphemeralContainer) { c.Command = append(c.Command, "x") },
		"a time to live that is none": func(c *corev1.EphemeralContainer) {
			c.Command[4] = "$(id)"
		},
		"arguments": func(c *corev1.EphemeralContainer) { c.Args = []string{"x"} },
		"a mount": func(c *corev1.EphemeralContainer) {
			c.VolumeMounts = []corev1.VolumeMount{{Name: "x", MountPath: "/bin"}}
		},
		"a working directory":     func(c *corev1.EphemeralContainer) { c.WorkingDir = "/proc/1/root" },
		"standard input":          func(c *corev1.EphemeralContainer) { c.Stdin = true },
		"a terminal":              func(c *corev1.EphemeralContainer) { c.TTY = true },
		"another message's path":  func(c *corev1.EphemeralContainer) { c.TerminationMessagePath = "/x" },
		"another message's rules": func(c *corev1.EphemeralContainer) { c.TerminationMessagePolicy = "FallbackToLogsOnError" },
		"resources": func(c *corev1.EphemeralContainer) {
			c.Resources.Limits = corev1.ResourceList{"cpu": resource.MustParse("1")}
		},
	} {
		tests = append(tests, struct {
			name   string
			change func(*corev1.EphemeralContainer)
			state  func(*kubetest.PodBuilder)
			want   *Found
		}{name, change, running, nil})
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			have, asked := want.DeepCopy(), want.DeepCopy()
			have.Name = "mindebug-other"
			if test.change != nil {
				test.change(have)
			}
			b := kubetest.Pod("shop", "web").Running(uid, gid).Ephemeral(*have)
			test.state(b)
			pod := b.Build()
			before := pod.DeepCopy()
			got, ok := Find(pod, *asked)
			if ok != (test.want != nil) || ok && got != *test.want {
				t.Errorf("Find = %+v, %v; want %+v", got, ok, test.want)
			}
			if diff := cmp.Diff(before, pod); diff != "" {
				t.Errorf("the pod was changed (-before +after):\n%s", diff)
			}
			if diff := cmp.Diff(want, *asked); diff != "" {
				t.Errorf("the container asked for was changed (-before +after):\n%s", diff)
			}
		})
	}
}

func TestFindPrefersWhatRuns(t *testing.T) {
	t.Parallel()
	want := Container(aPlan(t), "app", settings())
	b := kubetest.Pod("shop", "web").Running(65532, 65532)
	for _, name := range []string{"mindebug-ended", "mindebug-starting", "mindebug-runs", "mindebug-later"} {
		c := want.DeepCopy()
		c.Name = name
		b.Ephemeral(*c)
	}
	b.Terminated("mindebug-ended", "Completed", 0).Up("mindebug-runs", 65532, 65532)
	got, ok := Find(b.Build(), want)
	if !ok || got.Name != "mindebug-runs" || !got.Running {
		t.Errorf("Find = %+v, %v; want mindebug-runs", got, ok)
	}
	if _, ok := Find(kubetest.Pod("shop", "web").Running(1, 1).Build(), want); ok {
		t.Error("a container was found in a pod without one")
	}
}

// TestFindLeavesDefaultsToTheServer finds a container whose pull policy the server chose.
func TestFindLeavesDefaultsToTheServer(t *testing.T) {
	t.Parallel()
	s := settings()
	s.PullPolicy = ""
	want := Container(aPlan(t), "app", s)
	have := want.DeepCopy()
	have.ImagePullPolicy = corev1.PullAlways
	if _, ok := Find(kubetest.Pod("shop", "web").Ephemeral(*have).Build(), want); !ok {
		t.Error("the pull policy that the server filled in keeps a user out")
	}
}

var _ Execer = (*attach.Execer)(nil)

// TestAlterations: what the API server fills in is no alteration, anything else is named.
func TestAlterations(t *testing.T) {
	t.Parallel()
	want := corev1.EphemeralContainer{EphemeralContainerCommon: corev1.EphemeralContainerCommon{
		Name: "mindebug-x", Image: "debug:1", Command: []string{"sh"}, Env: []corev1.EnvVar{{Name: "A", Value: "1"}, {Name: "B", Value: "2"}},
	}}
	for _, test := range []struct {
		name  string
		alter func(*corev1.EphemeralContainer)
		want  []string
	}{
		{"nothing", func(*corev1.EphemeralContainer) {}, nil},
		{"defaults", func(c *corev1.EphemeralContainer) {
			c.ImagePullPolicy = corev1.PullIfNotPresent
			c.TerminationMessagePath, c.TerminationMessagePolicy = corev1.TerminationMessagePathDefault, corev1.TerminationMessageReadFile
		}, nil},
		{"another image", func(c *corev1.EphemeralContainer) { c.Image = "mirror/debug:1" }, []string{"image debug:1 becomes mirror/debug:1"}},
		{"variables", func(c *corev1.EphemeralContainer) {
			c.Env = []corev1.EnvVar{{Name: "A", Value: "9"}, {Name: "C"}}
		}, []string{"variable A", "variable C", "variable B"}},
		{"who adds it", func(c *corev1.EphemeralContainer) {
			c.Env = append(c.Env, corev1.EnvVar{Name: "MINDEBUG_USER", Value: "dana"})
		}, nil},
		{"anything else", func(c *corev1.EphemeralContainer) {
			c.Command, c.TTY, c.TerminationMessagePath = []string{"bash"}, true, "/tmp/log"
		}, []string{"command", "terminationMessagePath", "tty"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			stored := *want.DeepCopy()
			test.alter(&stored)
			before := stored.DeepCopy()
			if diff := cmp.Diff(test.want, Alterations(want, stored)); diff != "" {
				t.Errorf("alterations (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before, &stored); diff != "" {
				t.Errorf("the container was changed (-before +after):\n%s", diff)
			}
		})
	}
}
