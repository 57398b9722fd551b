package e2e

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
)

// mirrorCase is a target and what its session must be.
type mirrorCase struct {
	pod *kubetest.PodBuilder
	// uid and gid are what the target runs as; fromImage is set where its pod's spec does not say so.
	uid, gid  int64
	fromImage bool
	// plan is the security context of the session container apart from uid and gid.
	plan corev1.SecurityContext
	// unreadable is set where the image's secret belongs to another user than the pod's.
	unreadable bool
}

var (
	dropAll   = &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}
	seccomp   = &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}
	asNonRoot = corev1.SecurityContext{
		RunAsNonRoot: new(true), Capabilities: dropAll, SeccompProfile: seccomp,
		AllowPrivilegeEscalation: new(false), ReadOnlyRootFilesystem: new(true),
	}
)

// asRoot is the plan for a target with uid 0.
func asRoot(capabilities *corev1.Capabilities) corev1.SecurityContext {
	return corev1.SecurityContext{
		Capabilities: capabilities, AllowPrivilegeEscalation: new(false), ReadOnlyRootFilesystem: new(true),
	}
}

func TestMirrorInARestrictedNamespace(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t, "restricted")
	pod := func(name, tag string) *kubetest.PodBuilder {
		return kubetest.Pod(ns, name).Image("mindebug.test/http:" + tag).Restricted()
	}
	onPod := func(uid int64, gid *int64) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			p.Spec.SecurityContext = &corev1.PodSecurityContext{RunAsUser: &uid, RunAsGroup: gid}
		}
	}
	// The kubelet takes only the uid from an image's USER; the gid comes from the image's passwd, else it is 0.
	checkMirrors(t, []mirrorCase{
		{pod: pod("image-uid", "nonroot"), uid: 65532, gid: 0, fromImage: true, plan: asNonRoot},
		{pod: pod("image-uid-and-gid", "uid"), uid: 31337, gid: 0, fromImage: true, plan: asNonRoot},
		{pod: pod("named-user", "named").With(onPod(65532, nil)), uid: 65532, gid: 65532, fromImage: true, plan: asNonRoot},
		{pod: pod("container-user", "uid").RunAs(31337, 4242), uid: 31337, gid: 4242, plan: asNonRoot},
		{pod: pod("pod-user", "uid").With(onPod(31337, new(int64(4242)))), uid: 31337, gid: 4242, plan: asNonRoot},
		{pod: pod("both", "uid").RunAs(31337, 4242).With(onPod(65532, new(int64(65532)))), uid: 31337, gid: 4242, plan: asNonRoot},
		{pod: pod("another-user", "nonroot").RunAs(2000, 3000), uid: 2000, gid: 3000, plan: asNonRoot, unreadable: true},
		{pod: pod("read-only", "nonroot").RunAs(65532, 65532).ReadOnly(), uid: 65532, gid: 65532, plan: asNonRoot},
	})
}

func TestMirrorInAnUnrestrictedNamespace(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t, "privileged")
	root := func(name string) *kubetest.PodBuilder { return kubetest.Pod(ns, name).Image("mindebug.test/http:root") }
	netAdmin, chown := []corev1.Capability{"NET_ADMIN"}, []corev1.Capability{"CHOWN"}
	unconfined := asNonRoot
	unconfined.SeccompProfile = nil
	checkMirrors(t, []mirrorCase{
		{pod: root("root"), fromImage: true, plan: asRoot(nil)},
		{pod: root("explicit-root").RunAs(0, 0), plan: asRoot(nil)},
		{pod: root("root-with-fewer").RunAs(0, 0).Capabilities(nil, []corev1.Capability{"ALL"}), plan: asRoot(dropAll)},
		{
			pod:  root("root-with-others").RunAs(0, 0).Capabilities(netAdmin, chown),
			plan: asRoot(&corev1.Capabilities{Add: netAdmin, Drop: chown}),
		},
		{
			pod: root("privileged").RunAs(0, 0).With(func(p *corev1.Pod) {
				p.Spec.Containers[0].SecurityContext.Privileged = new(true)
			}),
			plan: asRoot(&corev1.Capabilities{Add: []corev1.Capability{"SYS_PTRACE"}}),
		},
		{
			pod: kubetest.Pod(ns, "groups").RunAs(65532, 65532).With(func(p *corev1.Pod) {
				p.Spec.SecurityContext = &corev1.PodSecurityContext{SupplementalGroups: []int64{5001, 5002}, FSGroup: new(int64(6001))}
			}),
			uid: 65532, gid: 65532, plan: unconfined,
		},
	})
}

func checkMirrors(t *testing.T, cases []mirrorCase) {
	t.Helper()
	for _, c := range cases {
		pod := c.pod.Env("MARK", "of the target").Build()
		t.Run(pod.Name, func(t *testing.T) {
			t.Parallel()
			c.check(t, newPod(t, c.pod))
		})
	}
}

// look prints what a session is beside its target, and shows that it sees the target: its memory map, files, environment.
const look = `echo id $(id -u) $(id -g)
while read -r line; do echo "session $line"; done </proc/self/status
while read -r line; do echo "target $line"; done </proc/$TPID/status
tr '\0' '\n' <"/proc/$TPID/environ"
ls -l "/proc/$TPID/root/" "/proc/$TPID/fd" >/dev/null
head -c 1 "/proc/$TPID/maps" >/dev/null`

func (c mirrorCase) check(t *testing.T, pod *corev1.Pod) {
	var flags []string
	if c.fromImage && !identityFromStatus(t) {
		failsBeforeThePatch(t, pod, []string{"pod/" + pod.Name, "--", "true"}, "nothing tells the ", "--run-as")
		flags = []string{"--run-as", fmt.Sprintf("%d:%d", c.uid, c.gid)}
	}
	run := func(command ...string) string {
		t.Helper()
		return succeeds(t, pod, append(append(flags, "pod/"+pod.Name, "--"), command...)...)
	}

	seen := run("sh", "-c", look)
	if want := fmt.Sprintf("id %d %d\n", c.uid, c.gid); !strings.HasPrefix(seen, want) {
		t.Errorf("the session's %.20q, want %q", seen, want)
	}
	if !strings.Contains(seen, "\nMARK=of the target\n") {
		t.Error("the session does not see the target's environment")
	}
	compareStatus(t, seen)
	run("ls", "-l", "@/proc/@pid/")
	if !c.unreadable {
		if secret := run("cat", "@/app/secret.txt"); secret == "" {
			t.Error("the target's secret file is empty")
		}
	}

	plan := c.plan
	plan.RunAsUser, plan.RunAsGroup = &c.uid, &c.gid
	if diff := cmp.Diff(&plan, onlyAdded(t, pod).SecurityContext); diff != "" {
		t.Errorf("security context of the session container (-want +got):\n%s", diff)
	}
}

// compareStatus compares what proc_pid_status(5) says of a session with what it says of its target.
func compareStatus(t *testing.T, text string) {
	t.Helper()
	fields := map[string]string{}
	for line := range strings.Lines(text) {
		if who, rest, ok := strings.Cut(line, " "); ok && (who == "session" || who == "target") {
			key, value, _ := strings.Cut(rest, ":")
			fields[who+" "+key] = strings.TrimSpace(value)
		}
	}
	number := func(who, key string, base int) uint64 {
		n, err := strconv.ParseUint(fields[who+" "+key], base, 64)
		if err != nil {
			t.Errorf("%s of the %s: %v", key, who, err)
		}
		return n
	}
	for _, key := range []string{"Uid", "Gid"} {
		if fields["session "+key] != fields["target "+key] || fields["target "+key] == "" {
			t.Errorf("%s: session %q, target %q", key, fields["session "+key], fields["target "+key])
		}
	}
	for _, key := range []string{"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"} {
		if session, target := number("session", key, 16), number("target", key, 16); session&^target != 0 {
			t.Errorf("%s: the session has %016x, more than its target's %016x", key, session, target)
		}
	}
	for _, key := range []string{"NoNewPrivs", "Seccomp"} {
		if session, target := number("session", key, 10), number("target", key, 10); session < target {
			t.Errorf("%s: the session has %d, less than its target's %d", key, session, target)
		}
	}
	if session, target := groups(fields["session Groups"]), groups(fields["target Groups"]); !slices.Equal(session, target) {
		t.Errorf("supplementary groups: session %q, target %q", session, target)
	}
}

func groups(text string) []string { return slices.Sorted(strings.FieldsSeq(text)) }

func TestTargetInASharedProcessNamespace(t *testing.T) {
	t.Parallel()
	pod := newPod(t, kubetest.Pod(newNamespace(t, "restricted"), "target").ShareProcessNamespace().
		Restricted().RunAs(65532, 65532).Env("MARK", "app").
		Container("other").Image("mindebug.test/http:uid").Restricted().RunAs(31337, 4242).Env("PORT", "8081").Env("MARK", "other").
		Container("named").Image("mindebug.test/http:named").Restricted().RunAs(65532, 65532).Env("PORT", "8082").Env("MARK", "named"))
	for _, name := range []string{"app", "other", "named"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			environ := succeeds(t, pod, "-c", name, "pod/target", "--", "sh", "-c", `cat "/proc/$TPID/environ"`)
			if !slices.Contains(strings.Split(environ, "\x00"), "MARK="+name) {
				t.Errorf("environment %q is not that of container %s", environ, name)
			}
			if pid := succeeds(t, pod, "-c", name, "pod/target", "--", "echo", "@pid"); pid == "1\n" {
				t.Error("@pid is 1, which is no container's process here")
			}
			// The secret of another container belongs to another user, or lies beside no passwd.
			succeeds(t, pod, "-c", name, "pod/target", "--", "cat", "@/app/secret.txt")
			hasUsers := name == "named"
			if r := mindebug(t, pod, "-c", name, "pod/target", "--", "cat", "@/etc/passwd"); (r.status == 0) != hasUsers {
				t.Errorf("cat @/etc/passwd: status %d, stderr %q; the image of %s has that file: %t", r.status, r.stderr, name, hasUsers)
			}
		})
	}
}

func TestInitContainersAsTargets(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t, "restricted")
	runs := func(name string) func(*corev1.Pod) bool {
		return func(pod *corev1.Pod) bool {
			return slices.ContainsFunc(pod.Status.InitContainerStatuses, func(s corev1.ContainerStatus) bool {
				return s.Name == name && s.State.Running != nil
			})
		}
	}
	t.Run("running", func(t *testing.T) {
		t.Parallel()
		pod := createPod(t, plainTarget(ns, "initialising").InitContainer("migrate").Restricted().RunAs(31337, 4242).Env("MARK", "migrate"))
		pod = waitFor(t, pod, "run its init container", runs("migrate"))
		if pod.Status.Phase != corev1.PodPending {
			t.Errorf("the pod is %s", pod.Status.Phase)
		}
		environ := succeeds(t, pod, "pod/initialising", "--", "cat", "/proc/@pid/environ")
		if !strings.Contains(environ, "MARK=migrate") {
			t.Errorf("environment %q is not that of the init container", environ)
		}
		failsBeforeThePatch(t, pod, []string{"-c", "app", "pod/initialising", "--", "true"}, `"app"`, "not running", "PodInitializing")
	})
	t.Run("sidecar", func(t *testing.T) {
		t.Parallel()
		pod := newPod(t, plainTarget(ns, "beside").Env("MARK", "app").
			Sidecar("proxy").Restricted().RunAs(31337, 4242).Env("MARK", "proxy").Env("PORT", "8081"))
		for args, mark := range map[string]string{"-c=proxy": "MARK=proxy", "--target=proxy": "MARK=proxy", "--container=": "MARK=app"} {
			environ := succeeds(t, pod, args, "pod/beside", "--", "cat", "/proc/@pid/environ")
			if !strings.Contains(environ, mark) {
				t.Errorf("%s: environment %q lacks %s", args, environ, mark)
			}
		}
	})
}

func TestDefaultContainer(t *testing.T) {
	t.Parallel()
	two := func(ns string) *kubetest.PodBuilder {
		return plainTarget(ns, "target").Env("MARK", "app").
			Container("second").Restricted().RunAs(31337, 4242).Env("MARK", "second").Env("PORT", "8081")
	}
	t.Run("annotation", func(t *testing.T) {
		t.Parallel()
		pod := newPod(t, two(newNamespace(t, "restricted")).With(func(p *corev1.Pod) {
			p.Annotations = map[string]string{"kubectl.kubernetes.io/default-container": "second"}
		}))
		if environ := succeeds(t, pod, "pod/target", "--", "cat", "/proc/@pid/environ"); !strings.Contains(environ, "MARK=second") {
			t.Errorf("environment %q is not that of the annotated container", environ)
		}
	})
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		pod := newPod(t, two(newNamespace(t, "restricted")))
		failsBeforeThePatch(t, pod, []string{"pod/target", "--", "true"},
			"2 containers", "app (", "second (", "mindebug.test/http:nonroot", "running", "-c")

		term := onTerminal(t, pod, "pod/target")
		term.expect("1) app (")
		term.expect("2) second (")
		term.expect("(1-2): ")
		term.send("3\r")
		term.expect("(1-2): ")
		term.send("2\r")
		term.expect("target second uid 31337 ")
		term.expect("$ ")
		term.send("exit\r")
		if status := term.wait(); status != 0 {
			t.Errorf("exit status %d, want 0", status)
		}
		if target := onlyAdded(t, pod).TargetContainerName; target != "second" {
			t.Errorf("the session is beside %q, want the container that was chosen", target)
		}
	})
}
