package e2e

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func TestReuse(t *testing.T) {
	t.Parallel()
	pod := restrictedTarget(t)
	for range 4 {
		mindebug(t, pod, "pod/target", "--", "sh", "-c", "echo secret; echo secret >&2").want(t, 0, "secret\n", "secret\n")
	}
	term, _ := openShell(t, pod)
	term.send("echo secret\r")
	term.expect("\nsecret\r\n")
	term.leave("exit\r", 0)

	c := onlyContainer(t, pod)
	logs, err := client.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{Container: c.Name}).DoRaw(t.Context())
	if err != nil || len(logs) != 0 {
		t.Errorf("the log of the session container is %q (%v), want it empty", logs, err)
	}

	mindebug(t, pod, "pod/target", "--new", "--", "true").want(t, 0, "", "")
	if n := len(sessionContainers(t, pod)); n != 2 {
		t.Errorf("%d session containers after --new, want 2", n)
	}
	mindebug(t, pod, "pod/target", "--", "true").want(t, 0, "", "")
	if n := len(sessionContainers(t, pod)); n != 2 {
		t.Errorf("%d session containers after one more command, want 2", n)
	}
}

// What looks like a session container, but was made otherwise by someone else, could run their code in one's shell.
func TestReuseOfPlantedContainers(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t, "restricted")
	honest := newPod(t, restrictedPod(t, ns, "target"))
	mindebug(t, honest, "pod/target", "--", "true").want(t, 0, "", "")
	made := onlyContainer(t, honest)
	copied := func(name string, change func(*corev1.EphemeralContainer)) corev1.EphemeralContainer {
		c := made.DeepCopy()
		c.Name = "mindebug-" + name
		change(c)
		return *c
	}

	t.Run("the same", func(t *testing.T) {
		t.Parallel()
		pod := newPod(t, restrictedPod(t, ns, "same"))
		plant(t, pod, copied("same", func(*corev1.EphemeralContainer) {}))
		mindebug(t, pod, "pod/same", "--", "true").want(t, 0, "", "")
		onlyContainer(t, pod)
	})
	t.Run("others", func(t *testing.T) {
		t.Parallel()
		pod := newPod(t, restrictedPod(t, ns, "other"))
		planted := []corev1.EphemeralContainer{
			copied("env", func(c *corev1.EphemeralContainer) {
				c.Env = append(c.Env, corev1.EnvVar{Name: "PLANTED", Value: "env"})
			}),
			copied("path", func(c *corev1.EphemeralContainer) {
				c.Env = append(c.Env, corev1.EnvVar{Name: "PATH", Value: "/proc/1/root/app:/bin"})
			}),
			copied("run", func(c *corev1.EphemeralContainer) {
				for i := range c.Env {
					c.Env[i].Value = "PLANTED=run\n" + c.Env[i].Value
				}
			}),
			copied("command", func(c *corev1.EphemeralContainer) {
				c.Command = []string{"sh", "-c", "export PLANTED=command; exec sleep 1000"}
			}),
			copied("args", func(c *corev1.EphemeralContainer) { c.Args = []string{"args"} }),
			copied("folder", func(c *corev1.EphemeralContainer) { c.WorkingDir = "/proc" }),
			copied("gid", func(c *corev1.EphemeralContainer) { c.SecurityContext.RunAsGroup = new(int64(4242)) }),
			copied("apart", func(c *corev1.EphemeralContainer) { c.TargetContainerName = "" }),
		}
		plant(t, pod, planted...)
		for range 2 {
			mindebug(t, pod, "pod/other", "--", "sh", "-c", "echo $PLANTED $PATH; id -g").want(t, 0, "/bin\n0\n", "")
			if n := len(sessionContainers(t, pod)); n != len(planted)+1 {
				t.Errorf("%d ephemeral containers, want one besides the %d planted", n, len(planted))
			}
		}
	})
}

// TestReuseOfAnotherRelease: a session container whose scripts speak another protocol is not entered, and one notice says so.
func TestReuseOfAnotherRelease(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t, "restricted")
	honest := newPod(t, restrictedPod(t, ns, "target"))
	mindebug(t, honest, "pod/target", "--", "true").want(t, 0, "", "")
	other := onlyContainer(t, honest)
	other.Name = "mindebug-other"
	for i := range other.Env {
		v := &other.Env[i]
		v.Value = strings.ReplaceAll(v.Value, "mindebug 1", "mindebug 2")
		if v.Name == "MINDEBUG_VERSION" {
			v.Value = "v99"
		}
	}
	pod := newPod(t, restrictedPod(t, ns, "old"))
	plant(t, pod, other)
	const notice = "another release of mindebug made mindebug-other (v99), which this one does not enter: it adds its own\n"
	for i, want := range []int{1, 0} { // the second enters what the first has added
		got := invocation{stdin: strings.NewReader("echo here\n"), args: []string{"-n", ns, "pod/old"}}.run(t)
		if n := strings.Count(got.stderr, notice); got.status != 0 || got.stdout != "here\n" || n != want {
			t.Errorf("session %d: status %d, stdout %q, and %d notices, want %d:\n%s", i, got.status, got.stdout, n, want, got.stderr)
		}
	}
	if n := len(sessionContainers(t, pod)); n != 2 {
		t.Errorf("%d session containers, want the other release's and one", n)
	}
}

// An unused container ends by itself, and says why; one in use does not.
func TestTimeToLive(t *testing.T) {
	t.Parallel()
	pod := restrictedTarget(t)
	mindebug(t, pod, "pod/target", "--ttl=10s", "--", "sleep", "60").want(t, 0, "", "")
	c := onlyContainer(t, pod)
	if ephemeralState(current(t, pod), c.Name).Running == nil {
		t.Fatal("the container ended during its session")
	}
	wantEndOf(t, pod, c.Name, "unused for 10 s")

	// What has ended is not entered.
	mindebug(t, pod, "pod/target", "--", "true").want(t, 0, "", "")
	if n := len(sessionContainers(t, pod)); n != 2 {
		t.Errorf("%d ephemeral containers after one more command, want 2", n)
	}
}

func TestTimeToLiveOfZero(t *testing.T) {
	t.Parallel()
	pod := restrictedTarget(t)
	stdin, hold := pipe(t)
	last := invocation{stdin: stdin, args: []string{"-n", pod.Namespace, "pod/target", "--ttl=0", "-i", "--", "sh", "-c", "echo ready; cat"}}.start(t)
	last.expect("ready\n")
	waitFor(t, pod, "run its session container", func(p *corev1.Pod) bool {
		return len(p.Status.EphemeralContainerStatuses) == 1 && p.Status.EphemeralContainerStatuses[0].State.Running != nil
	})
	mindebug(t, pod, "pod/target", "--ttl=0", "--", "sleep", "3").want(t, 0, "", "")
	if _, err := hold.WriteString("still here\n"); err != nil {
		t.Fatalf("writing: %v", err)
	}
	_ = hold.Close()
	last.wait().want(t, 0, "still here\n", "")
	wantEndOf(t, pod, onlyContainer(t, pod).Name, "its last session left")
}

// wantEndOf waits for the end of a session container, which must be by itself, in good order and for that reason.
func wantEndOf(t *testing.T, pod *corev1.Pod, container, why string) {
	t.Helper()
	end := waitTerminated(t, pod, container)
	if want := "mindebug: " + why + "\n"; end.ExitCode != 0 || end.Message != want {
		t.Errorf("the container ended with exit code %d and message %q, want 0 and %q", end.ExitCode, end.Message, want)
	}
}
