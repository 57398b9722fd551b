package e2e

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// mirrorCase is a target and what its session must be, by the API's book and by the kernel's.
type mirrorCase struct {
	// pod is a pod whose last container is the target; container is its name where that is not "app".
	pod       *kubetest.PodBuilder
	container string
	// uid and gid are what the target runs as; fromImage is set where its pod's spec does not say so.
	uid, gid  int64
	fromImage bool
	// plan is the security context of the session container apart from uid and gid.
	plan corev1.SecurityContext
	// unreadable is set where the image's secret belongs to another user than the pod's.
	unreadable bool
	// closed is what a session says of a target that its mirror cannot look into; it names seenBy[0], and each of seenBy
	// sees the target.
	closed string
	seenBy []string
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

// podSecurity sets the pod's own security context.
func podSecurity(sc corev1.PodSecurityContext) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Spec.SecurityContext = &sc }
}

func TestMirrorInARestrictedNamespace(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t, "restricted")
	pod := func(name, tag string) *kubetest.PodBuilder {
		return kubetest.Pod(ns, name).Image("mindebug.test/http:" + tag).Restricted()
	}
	onPod := func(uid int64, gid *int64) func(*corev1.Pod) {
		return podSecurity(corev1.PodSecurityContext{RunAsUser: &uid, RunAsGroup: gid})
	}
	// second makes the container that was added last another user's, beside one that has the usual port.
	second := func(b *kubetest.PodBuilder) *kubetest.PodBuilder {
		return b.Image("mindebug.test/http:uid").Restricted().RunAs(31337, 4242).Env("PORT", "8081")
	}
	groups := corev1.PodSecurityContext{SupplementalGroups: []int64{5001, 5002}, FSGroup: new(int64(6001))}
	strict := corev1.PodSecurityContext{
		SupplementalGroups: []int64{5001}, SupplementalGroupsPolicy: new(corev1.SupplementalGroupsPolicyStrict),
	}
	netBindService := []corev1.Capability{"NET_BIND_SERVICE"}
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
		{pod: pod("groups", "nonroot").RunAs(65532, 65532).With(podSecurity(groups)), uid: 65532, gid: 65532, plan: asNonRoot},
		// Groups of the image's /etc/group are the target's alone; with Strict it has none of them either.
		{pod: pod("image-groups", "named").RunAs(65532, 65532), uid: 65532, gid: 65532, plan: asNonRoot},
		{pod: pod("strict-groups", "named").RunAs(65532, 65532).With(podSecurity(strict)), uid: 65532, gid: 65532, plan: asNonRoot},
		// What is added for a program that is not root is in its bounding set, and no more.
		{pod: pod("capability", "nonroot").RunAs(65532, 65532).Capabilities(netBindService, dropAll.Drop), uid: 65532, gid: 65532, plan: asNonRoot},
		{pod: second(pod("sidecar", "nonroot").RunAs(65532, 65532).Sidecar("proxy")), container: "proxy", uid: 31337, gid: 4242, plan: asNonRoot},
		{pod: second(pod("init", "nonroot").RunAs(65532, 65532).InitContainer("migrate")), container: "migrate", uid: 31337, gid: 4242, plan: asNonRoot},
		{
			pod:       second(pod("shared", "nonroot").RunAs(65532, 65532).ShareProcessNamespace().Container("other")),
			container: "other", uid: 31337, gid: 4242, plan: asNonRoot,
		},
	})
}

func TestMirrorInAnUnrestrictedNamespace(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t, "privileged")
	pod := func(name, tag string) *kubetest.PodBuilder {
		return kubetest.Pod(ns, name).Image("mindebug.test/http:" + tag)
	}
	root := func(name string) *kubetest.PodBuilder { return pod(name, "root") }
	container := func(change func(*corev1.SecurityContext)) func(*corev1.Pod) {
		return func(p *corev1.Pod) { change(p.Spec.Containers[0].SecurityContext) }
	}
	with := func(plan corev1.SecurityContext, profile *corev1.SeccompProfile) corev1.SecurityContext {
		plan.SeccompProfile = profile
		return plan
	}
	sees := func(plan corev1.SecurityContext) corev1.SecurityContext {
		plan.AppArmorProfile = &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeUnconfined}
		return plan
	}
	netAdmin, chown := []corev1.Capability{"NET_ADMIN"}, []corev1.Capability{"CHOWN"}
	unconfined := &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeUnconfined}
	checkMirrors(t, []mirrorCase{
		{pod: root("root"), fromImage: true, plan: asRoot(nil)},
		{pod: root("explicit-root").RunAs(0, 0), plan: asRoot(nil)},
		{pod: root("root-of-another-group").RunAs(0, 4242), gid: 4242, plan: asRoot(nil)},
		{pod: root("root-with-fewer").RunAs(0, 0).Capabilities(nil, dropAll.Drop), plan: asRoot(dropAll)},
		{
			pod:  root("root-with-others").RunAs(0, 0).Capabilities(netAdmin, chown),
			plan: asRoot(&corev1.Capabilities{Add: netAdmin, Drop: chown}),
		},
		{
			pod: root("root-with-seccomp").RunAs(0, 0).With(podSecurity(corev1.PodSecurityContext{SeccompProfile: seccomp})), plan: with(asRoot(nil), seccomp),
		},
		{
			pod:  root("privileged").RunAs(0, 0).With(container(func(sc *corev1.SecurityContext) { sc.Privileged = new(true) })),
			plan: sees(asRoot(&corev1.Capabilities{Add: []corev1.Capability{"SYS_PTRACE"}})),
		},
		{pod: pod("seccomp-unset", "nonroot").RunAs(65532, 65532), uid: 65532, gid: 65532, plan: with(asNonRoot, nil)},
		{
			pod: pod("seccomp-unconfined", "nonroot").RunAs(65532, 65532).With(container(func(sc *corev1.SecurityContext) { sc.SeccompProfile = unconfined })),
			uid: 65532, gid: 65532, plan: with(asNonRoot, unconfined),
		},
		{
			pod: pod("file-capability", "filecaps").Restricted().RunAs(65532, 65532).Capabilities([]corev1.Capability{"NET_BIND_SERVICE"}, dropAll.Drop),
			uid: 65532, gid: 65532, plan: asNonRoot,
			closed: "capabilities from its program's file that this session lacks (NET_BIND_SERVICE)", seenBy: []string{"--profile=general"},
		},
		{
			pod: pod("not-dumpable", "nodump").Restricted().RunAs(65532, 65532), uid: 65532, gid: 65532, plan: asNonRoot,
			closed: "is not dumpable", seenBy: []string{"--profile=general"},
		},
		{
			pod: pod("changes-its-user", "setuid"), fromImage: true, plan: asRoot(nil),
			closed: "runs as 101:102, not as 0:0, since it changed its user", seenBy: []string{"--run-as 101:102", "--profile=general"},
		},
	})
}

func checkMirrors(t *testing.T, cases []mirrorCase) {
	t.Helper()
	for _, c := range cases {
		if c.container == "" {
			c.container = "app"
		}
		pod := c.pod.Env("MARK", "of the target").Build()
		t.Run(pod.Name, func(t *testing.T) {
			t.Parallel()
			if c.closed != "" {
				c.checkClosed(t, newPod(t, c.pod.With(probed)))
				return
			}
			c.check(t, waitFor(t, createPod(t, c.pod), "run its target", func(pod *corev1.Pod) bool {
				_, status := target.Find(pod, c.container)
				return status != nil && status.State.Running != nil
			}))
		})
	}
}

// probed makes a pod ready when its program serves, and so has become what it will be.
func probed(p *corev1.Pod) {
	p.Spec.Containers[0].ReadinessProbe = &corev1.Probe{
		ProbeHandler:  corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(8080)}},
		PeriodSeconds: 1,
	}
}

// look prints what a session, its holder and its target are to the kernel, and shows that the session sees the target: its
// environment, files and memory map.
const look = `status() { while read -r line; do echo "$1 $line"; done <"$2/status"; }
status session /proc/self
status target "/proc/$TPID"
for p in /proc/[0-9]*; do
	case $({ tr '\0' ' ' <"$p/cmdline"; } 2>/dev/null) in *mindebug-ho[l]d*) status holder "$p"; break ;; esac
done
tr '\0' '\n' <"/proc/$TPID/environ"
ls -l "/proc/$TPID/root/" "/proc/$TPID/fd" >/dev/null
head -c 1 "/proc/$TPID/maps" >/dev/null`

// flags are what the session of the case needs: before 1.33 the status does not tell whom a container runs as.
func (c mirrorCase) flags(t *testing.T, pod *corev1.Pod) []string {
	flags := []string{"-c", c.container}
	if c.fromImage && !identityFromStatus(t) {
		failsBeforeThePatch(t, pod, append(flags, "pod/"+pod.Name, "--", "true"), "nothing tells the ", "--run-as")
		flags = append(flags, "--run-as", fmt.Sprintf("%d:%d", c.uid, c.gid))
	}
	return append(flags, "pod/"+pod.Name)
}

func (c mirrorCase) check(t *testing.T, pod *corev1.Pod) {
	flags := c.flags(t, pod)
	run := func(command ...string) string {
		t.Helper()
		return succeeds(t, pod, append(append(flags, "--"), command...)...)
	}
	seen := run("sh", "-c", look)
	if !strings.Contains(seen, "\nMARK=of the target\n") {
		t.Error("the session does not see the target's environment")
	}
	compareStatus(t, seen, c.uid, c.gid, podGroups(pod))
	run("ls", "-l", "@/proc/@pid/")
	if !c.unreadable {
		if secret := run("cat", "@/app/secret.txt"); secret == "" {
			t.Error("the target's secret file is empty")
		}
	}
	c.checkPlan(t, pod)
}

// checkClosed: of a target that its mirror cannot look into a session says so, why, and what will.
func (c mirrorCase) checkClosed(t *testing.T, pod *corev1.Pod) {
	script := "ls \"/proc/$TPID/root/\" || echo closed\n"
	r := invocation{stdin: strings.NewReader(script), args: append([]string{"-n", pod.Namespace}, c.flags(t, pod)...)}.run(t)
	for _, words := range []string{c.closed, c.seenBy[0]} {
		if r.status != 0 || r.stdout != "closed\n" || !strings.Contains(r.stderr, words) {
			t.Errorf("status %d, stdout %q, stderr lacks %q:\n%s", r.status, r.stdout, words, r.stderr)
		}
	}
	c.checkPlan(t, pod)
	for _, flags := range c.seenBy {
		seen := succeeds(t, pod, append(strings.Fields(flags), "-q", "pod/"+pod.Name, "--", "sh", "-c", look)...)
		if !strings.Contains(seen, "\nMARK=of the target\n") {
			t.Errorf("with %s the session does not see the target's environment", flags)
		}
	}
}

func (c mirrorCase) checkPlan(t *testing.T, pod *corev1.Pod) {
	t.Helper()
	plan := c.plan
	plan.RunAsUser, plan.RunAsGroup = &c.uid, &c.gid
	if diff := cmp.Diff(&plan, onlyAdded(t, pod).SecurityContext); diff != "" {
		t.Errorf("security context of the session container (-want +got):\n%s", diff)
	}
}

// podGroups are the groups that the pod gives to all its processes.
func podGroups(pod *corev1.Pod) (groups []string) {
	sc := pod.Spec.SecurityContext
	for _, gid := range sc.SupplementalGroups {
		groups = append(groups, fmt.Sprint(gid))
	}
	if sc.FSGroup != nil {
		groups = append(groups, fmt.Sprint(*sc.FSGroup))
	}
	return groups
}

// compareStatus compares what proc_pid_status(5) says of a session and of its holder with what it says of their target:
// the same user, all groups of the pod and none that the target has not, and otherwise no more.
func compareStatus(t *testing.T, text string, uid, gid int64, podGroups []string) {
	t.Helper()
	of := map[string]map[string]string{"session": {}, "holder": {}, "target": {}}
	for line := range strings.Lines(text) {
		who, rest, _ := strings.Cut(line, " ")
		if key, value, ok := strings.Cut(rest, ":"); ok && of[who] != nil {
			of[who][key] = strings.TrimSpace(value)
		}
	}
	number := func(who, key string, base int) uint64 {
		n, err := strconv.ParseUint(of[who][key], base, 64)
		if err != nil {
			t.Errorf("%s of the %s: %v", key, who, err)
		}
		return n
	}
	for _, who := range []string{"session", "holder"} {
		for key, id := range map[string]int64{"Uid": uid, "Gid": gid} {
			want := strings.TrimSpace(strings.Repeat(fmt.Sprintf("%d\t", id), 4)) // real, effective, saved, of files
			if mine, targets := of[who][key], of["target"][key]; mine != want || targets != want {
				t.Errorf("%s: %s %q, target %q, want %q of both", key, who, mine, targets, want)
			}
		}
		for _, key := range []string{"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"} {
			if mine, targets := number(who, key, 16), number("target", key, 16); mine&^targets != 0 {
				t.Errorf("%s: the %s has %016x, more than its target's %016x", key, who, mine, targets)
			}
		}
		for _, key := range []string{"NoNewPrivs", "Seccomp"} {
			if mine, targets := number(who, key, 10), number("target", key, 10); mine < targets {
				t.Errorf("%s: the %s has %d, less than its target's %d", key, who, mine, targets)
			}
		}
		for _, group := range podGroups {
			if !slices.Contains(strings.Fields(of[who]["Groups"]), group) {
				t.Errorf("supplementary groups: the %s has %q, which lacks the pod's %s", who, of[who]["Groups"], group)
			}
		}
		for group := range strings.FieldsSeq(of[who]["Groups"]) {
			if !slices.Contains(strings.Fields(of["target"]["Groups"]), group) {
				t.Errorf("supplementary groups: the %s has %s, which its target has not: %s", who, group, of["target"]["Groups"])
			}
		}
	}
}

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
