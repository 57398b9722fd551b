package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mindebug/kubectl-mindebug/internal/access"
	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
)

// TestProfiles asks for each profile where nothing is forbidden, and looks at what the kernel made of it.
func TestProfiles(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t, "privileged")
	for _, c := range []struct{ flags, uid, capabilities, environ, file string }{
		{"--profile=general", "0", "00000000a80c25fb", "yes", "yes"},
		{"--profile=netadmin", "0", "0000000000003000", "no", "no"},
		{"--profile=restricted", "65532", "0000000000000000", "yes", "yes"},
		{"--profile=mirror", "65532", "0000000000000000", "yes", "yes"},
		{"--run-as=0 --cap-add=CAP_SYS_PTRACE", "0", "0000000000080000", "no", "no"},
		{"--run-as=0 --cap-add=SYS_PTRACE,DAC_OVERRIDE", "0", "0000000000080002", "yes", "yes"},
		{"--run-as=0 --cap-add=net_raw,CHOWN", "0", "0000000000002001", "no", "no"},
		{"--run-as=31337:4242", "31337", "0000000000000000", "no", "no"},
	} {
		t.Run(c.flags, func(t *testing.T) {
			t.Parallel()
			pod := newPod(t, plainTarget(ns, "t-"+strings.ToLower(strings.NewReplacer("=", "-", " ", "", ",", "", "_", "", ":", "").Replace(strings.TrimLeft(c.flags, "-")))).Env("MARK", "seen"))
			const script = `id -u; while read -r k v; do [ $k != CapPrm: ] || echo $v; done </proc/self/status
				for f in "/proc/$TPID/environ" "$T/app/secret.txt"; do cat $f >/dev/null 2>&1 && echo yes || echo no; done`
			got := succeeds(t, pod, append(strings.Fields(c.flags), "pod/"+pod.Name, "--", "sh", "-c", script)...)
			if want := strings.Join([]string{c.uid, c.capabilities, c.environ, c.file, ""}, "\n"); got != want {
				t.Errorf("uid, capabilities, and whether it sees its target's environment and a file of mode 0400:\n%s\nwant:\n%s", got, want)
			}
		})
	}
	t.Run("sysadmin", func(t *testing.T) {
		t.Parallel()
		pod := newPod(t, plainTarget(ns, "sysadmin"))
		succeeds(t, pod, "--profile=sysadmin", "pod/sysadmin", "--", "cat", "@/app/secret.txt")
		if sc := onlyAdded(t, pod).SecurityContext; sc.Privileged == nil || !*sc.Privileged || !*sc.ReadOnlyRootFilesystem {
			t.Errorf("security context %+v", sc)
		}
	})
	t.Run("a pod for non-root only", func(t *testing.T) {
		t.Parallel()
		pod := newPod(t, plainTarget(ns, "non-root-only").With(func(p *corev1.Pod) {
			p.Spec.SecurityContext = &corev1.PodSecurityContext{RunAsNonRoot: new(true)}
		}))
		if uid := succeeds(t, pod, "--profile=general", "pod/non-root-only", "--", "id", "-u"); uid != "0\n" {
			t.Errorf("uid %q", uid)
		}
	})
}

// TestProfilesWherePodSecurityForbidsThem: nothing is written, and the error names the flag.
func TestProfilesWherePodSecurityForbidsThem(t *testing.T) {
	t.Parallel()
	for level, flags := range map[string][]string{
		"baseline":   {"--profile=general", "--profile=netadmin", "--profile=sysadmin", "--run-as=0 --cap-add=SYS_PTRACE"},
		"restricted": {"--profile=general", "--profile=sysadmin", "--run-as=0"},
	} {
		t.Run(level, func(t *testing.T) {
			t.Parallel()
			pod := newPod(t, plainTarget(newNamespace(t, level), "target"))
			for _, f := range flags {
				args := append(strings.Fields(f), "pod/target", "--", "true")
				failsBeforeThePatch(t, pod, args, "Pod Security", level, "asked for beyond the target's own privileges: "+f, "without "+f)
			}
			if uid := succeeds(t, pod, "--profile=restricted", "pod/target", "--", "id", "-u"); uid != "65532\n" {
				t.Errorf("uid %q", uid)
			}
		})
	}
	t.Run("root by baseline", func(t *testing.T) {
		t.Parallel()
		pod := newPod(t, plainTarget(newNamespace(t, "baseline"), "target"))
		if id := succeeds(t, pod, "--run-as=0:0", "--cap-add=CHOWN", "pod/target", "--", "id", "-u"); id != "0\n" {
			t.Errorf("uid %q", id)
		}
	})
}

// TestProfilesThatCannotBe: what is wrong is said before anything is asked of the server's admission.
func TestProfilesThatCannotBe(t *testing.T) {
	t.Parallel()
	pod := newPod(t, plainTarget(newNamespace(t, "privileged"), "target"))
	for flags, texts := range map[string][]string{
		"--profile=baseline":               {"the mirror"},
		"--profile=netadmn":                {"did you mean --profile=netadmin?"},
		"--cap-add=NET_ADMIN":              {"no effect", "uid 65532", "--run-as 0"},
		"--cap-add=NET_ADMON":              {"did you mean --cap-add=NET_ADMIN?"},
		"--profile=general --run-as=65532": {"exclude each other"},
		"--env=MINDEBUG_RUN=id":            {"may not be set"},
		"--custom=/no/such/file":           {"no such file"},
	} {
		failsBeforeThePatch(t, pod, append(strings.Fields(flags), "pod/target", "--", "true"), texts...)
	}
}

// TestStepUpIsOnesOwn: a session that goes beyond its target is entered again by its own user only, and ends with it.
func TestStepUpIsOnesOwn(t *testing.T) {
	t.Parallel()
	pod := newPod(t, plainTarget(newNamespace(t, "privileged"), "target"))
	mine := newUser(t, pod.Namespace, "mine", access.Session()...)
	other := newUser(t, pod.Namespace, "other", access.Session()...)
	run := []string{"--profile=general", "pod/target", "--", "true"}
	end := openSession(t, pod, mine.as("--profile=general")...)
	waitForSession(t, pod)
	succeeds(t, pod, mine.as(run...)...)
	c := onlyAdded(t, pod)
	if user := (corev1.EnvVar{Name: "MINDEBUG_USER", Value: mine.name}); !slices.Contains(c.Env, user) {
		t.Errorf("the container does not say that it is %s's", mine.name)
	}
	succeeds(t, pod, other.as(run...)...)
	if n := len(sessionContainers(t, pod)); n != 2 {
		t.Errorf("%d containers after another user's session; want 2", n)
	}
	end()
	wantEndOf(t, pod, c.Name, "its last session left")
	// At once after its end, and what has ended is not entered.
	succeeds(t, pod, mine.as(run...)...)
	succeeds(t, pod, mine.as(run...)...)
}

// TestStepUpIsSaid: on a terminal the difference to the target stands before what is written.
func TestStepUpIsSaid(t *testing.T) {
	t.Parallel()
	pod := newPod(t, plainTarget(newNamespace(t, "privileged"), "target"))
	term := onTerminal(t, pod, "--profile=netadmin", "pod/target")
	for _, text := range []string{
		"--profile=netadmin: more than the target has:", "uid 0 (the target: 65532)", "gid 0 (the target: 65532)",
		"capabilities: NET_ADMIN, NET_RAW (the target: none)", "uid 0 (--profile=netadmin)", "without SYS_PTRACE and DAC_OVERRIDE", "--profile=general sees it", "$ ",
	} {
		term.expect(text)
	}
	term.send("exit\r")
	term.expect("ends with its last session")
	if status := term.wait(); status != 0 {
		t.Errorf("exit status %d", status)
	}
}

// TestCustom merges a file as kubectl debug does, and refuses what it refuses.
func TestCustom(t *testing.T) {
	t.Parallel()
	pod := newPod(t, plainTarget(newNamespace(t, "privileged"), "target"))
	file := func(text string) string {
		path := filepath.Join(t.TempDir(), "custom")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return "--custom=" + path
	}
	merged := file("env: [{name: GREETING, value: hello}]\nworkingDir: /\nsecurityContext: {runAsUser: 0, capabilities: {add: [SYS_PTRACE]}}\n")
	if got := succeeds(t, pod, merged, "pod/target", "--", "sh", "-c", "echo $GREETING; id -u; cat $T/app/hello.txt"); got != "hello\n0\nhello from the target\n" {
		t.Errorf("the session printed %q", got)
	}
	sc := onlyAdded(t, pod).SecurityContext
	want := &corev1.Capabilities{Add: []corev1.Capability{"SYS_PTRACE"}, Drop: []corev1.Capability{"ALL"}}
	if diff := cmp.Diff(want, sc.Capabilities); diff != "" || *sc.RunAsGroup != 65532 {
		t.Errorf("gid %d, capabilities (-want +got):\n%s", *sc.RunAsGroup, diff)
	}
	for text, says := range map[string]string{
		`{"image":"x"}`:                 "may not be set",
		"command: [id]":                 "may not be set",
		"tty: perhaps":                  "not a container specification",
		"env: [{name: MINDEBUG_RUN}]":   "MINDEBUG_RUN may not be set",
		"resources: {limits: {cpu: 1}}": "cannot be set for an Ephemeral Container",
		"securityContext: {runAsNonRoot: true, runAsUser: 0}": "exclude each other",
	} {
		failsBeforeThePatch(t, pod, []string{file(text), "pod/target", "--", "true"}, says)
	}
}

// TestEnvAndVolumes: variables as they were written, volumes as they can be had, both part of what is found again.
func TestEnvAndVolumes(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t, "restricted")
	_, err := client.CoreV1().Secrets(ns).Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "keys"}, StringData: map[string]string{"key": "value of the key"},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatalf("creating Secret: %v", err)
	}
	pod := newPod(t, plainTarget(ns, "target").With(func(p *corev1.Pod) {
		p.Spec.Volumes = append(p.Spec.Volumes,
			corev1.Volume{Name: "keys", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "keys"}}},
			corev1.Volume{Name: "data", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}})
		p.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{
			{Name: "keys", MountPath: "/etc/keys"}, {Name: "data", MountPath: "/data2"}, {Name: "keys", MountPath: "/etc/key", SubPath: "key"},
		}
	}))
	flags := []string{"--mount-volumes", "--env", "A=b c,D=e=f", "pod/target", "--"}
	script := `echo "$A" "$D"; cat /etc/keys/key "$T/etc/key"; ls /etc/key 2>&1; true 2>/dev/null >/data2/x || echo read-only`
	want := "b c e=f\nvalue of the keyvalue of the key"
	for range 2 {
		got := succeeds(t, pod, append(flags, "sh", "-c", script)...)
		if !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "read-only\n") || !strings.Contains(got, "No such file") {
			t.Errorf("the session printed %q", got)
		}
	}
	var mounts []corev1.VolumeMount
	for _, m := range onlyAdded(t, pod).VolumeMounts {
		if strings.HasPrefix(m.MountPath, "/var/run/secrets/") {
			continue // the service account's, which the API server gives to the target
		}
		mounts = append(mounts, m)
	}
	wantMounts := []corev1.VolumeMount{{Name: "keys", MountPath: "/etc/keys", ReadOnly: true}, {Name: "data", MountPath: "/data2", ReadOnly: true}}
	if diff := cmp.Diff(wantMounts, mounts); diff != "" {
		t.Errorf("mounts (-want +got):\n%s", diff)
	}
	// Without them it is another container, and so with others.
	succeeds(t, pod, "pod/target", "--", "true")
	if n := len(sessionContainers(t, pod)); n != 2 {
		t.Errorf("%d containers, want one with and one without volumes", n)
	}
	term := onTerminal(t, pod, "--mount-volumes", "pod/target")
	term.expect("--mount-volumes leaves out /etc/key: the API allows an ephemeral container no subPath; @/etc/key reaches it")
	term.expect("$ ")
	term.send("exit\r")
	if status := term.wait(); status != 0 {
		t.Errorf("exit status %d", status)
	}
}

// TestTargetThatChangedItsUser: its own mirror cannot look into it, and the notice names the flag with which one can.
func TestTargetThatChangedItsUser(t *testing.T) {
	t.Parallel()
	pod := newPod(t, kubetest.Pod(newNamespace(t, "privileged"), "target").Image(stockImage).RunAs(0, 0).Env("MARK", "of the target").With(func(p *corev1.Pod) {
		p.Spec.Containers[0].Command = []string{"su", "-s", "/bin/sh", "nobody", "-c", "exec sleep 100000"}
	}))
	term := onTerminal(t, pod, "pod/target")
	term.expect("the target's process runs as 65534:65534, not as 0:0")
	term.expect("try --run-as 65534:65534; if that is not enough, --profile=general sees it")
	term.expect("$ ")
	term.send("cat /proc/$TPID/environ\r")
	term.expect("Permission denied")
	term.send("exit\r")
	term.wait()
	for _, flag := range []string{"--run-as=65534:65534", "--profile=general"} {
		environ := succeeds(t, pod, flag, "pod/target", "--", "cat", "@/proc/@pid/environ")
		if !strings.Contains(environ, "MARK=of the target") {
			t.Errorf("%s: environment %q", flag, environ)
		}
	}
}
