package e2e

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/mindebug/kubectl-mindebug/internal/access"
)

// listedSession is what these tests read of an item of `sessions -o json`.
type listedSession struct {
	Namespace, Pod, Container, SessionContainer, MadeBy, Reason, State, Why string
	As                                                                      struct {
		UID, GID int64
		Profile  string
	}
	InUse []struct {
		Session, Reason string
		Detached        bool
		SecondsLeft     int
	}
}

// listSessions lists those of the pod's namespace that the arguments mean.
func listSessions(t *testing.T, got result, namespace string) (items []listedSession) {
	t.Helper()
	var list struct {
		APIVersion, Kind string
		Items            []listedSession
	}
	if err := json.Unmarshal([]byte(got.stdout), &list); err != nil || got.status != 0 || list.Kind != "SessionList" || list.APIVersion == "" {
		t.Fatalf("sessions ended with %d and %q, %q: %v", got.status, got.stdout, got.stderr, err)
	}
	return slices.DeleteFunc(list.Items, func(i listedSession) bool { return i.Namespace != namespace })
}

// TestSessionsAndStop: one user makes a container, another works in it; it is listed, not ended under him, and ended by force.
func TestSessionsAndStop(t *testing.T) {
	t.Parallel()
	pod := restrictedTarget(t)
	dana := newUser(t, pod.Namespace, "dana", access.Session()...)
	kim := newUser(t, pod.Namespace, "kim", access.Session()...)
	sam := newUser(t, pod.Namespace, "sam", access.GetPod)
	succeeds(t, pod, dana.as("start", "pod/target", "--reason=INC-7")...)
	c := onlyContainer(t, pod)
	waitForSession(t, pod)

	busy := invocation{args: append([]string{"-n", pod.Namespace}, kim.as("pod/target", "--reason=a look", "--", "sh", "-c", "echo in; sleep 600")...)}.start(t)
	busy.expect("in\n")
	items := listSessions(t, mindebug(t, pod, kim.as("sessions", "pod/target", "-o", "json")...), pod.Namespace)
	if len(items) != 1 {
		t.Fatalf("%d session containers are listed, want 1: %+v", len(items), items)
	}
	one := items[0]
	if one.SessionContainer != c.Name || one.MadeBy != dana.name || one.Reason != "INC-7" || one.State != "running" || one.Container != "app" ||
		one.As.UID != 65532 || one.As.GID != 0 || one.As.Profile != "mirror" {
		t.Errorf("listed %+v", one)
	}
	if len(one.InUse) != 1 || one.InUse[0].Reason != "a look" || one.InUse[0].Session == "" {
		t.Errorf("in use: %+v, want kim's session", one.InUse)
	}
	// Who may not exec sees all but who is in it, and so does who lists all pods.
	for _, got := range []result{
		mindebug(t, pod, sam.as("sessions", "pod/target", "-o", "json")...),
		mindebug(t, pod, "sessions", "-A", "-o", "json"),
	} {
		if items := listSessions(t, got, pod.Namespace); len(items) != 1 || items[0].InUse != nil || items[0].MadeBy != dana.name {
			t.Errorf("listed %+v, want one of which nobody knows who is in it", items)
		}
	}

	refused := mindebug(t, pod, dana.as("stop", "pod/target")...)
	if refused.status != 1 || refused.stdout != "" {
		t.Errorf("stop ended with %d and %q", refused.status, refused.stdout)
	}
	for _, text := range []string{"somebody is in session container " + c.Name, "added by " + dana.name, "session " + one.InUse[0].Session, "a look", "--force"} {
		if !strings.Contains(refused.stderr, text) {
			t.Errorf("stop does not say %q: %s", text, refused.stderr)
		}
	}
	forced := mindebug(t, pod, dana.as("stop", "pod/target", c.Name, "--force")...)
	if forced.status != 0 || forced.stdout != "" || !strings.Contains(forced.stderr, "has ended: stopped\n") {
		t.Errorf("stop --force ended with %d, %q, %q", forced.status, forced.stdout, forced.stderr)
	}
	busy.wait().wantEnded(t, `error: session container `+c.Name+` of pod/target ended, and the session with it\n  it says: mindebug: stopped\n`)
	if end := waitTerminated(t, pod, c.Name); end.ExitCode != 0 || end.Message != "mindebug: stopped\n" {
		t.Errorf("the container ended with %d and %q", end.ExitCode, end.Message)
	}
	defer wantGone(t, pod, "sleep") // nor is there a zombie of what was killed
	if items := listSessions(t, mindebug(t, pod, "sessions", "pod/target", "-o", "json"), pod.Namespace); len(items) != 1 || items[0].State != "ended" || items[0].Why != "stopped" {
		t.Errorf("listed %+v, want one that was stopped", items)
	}
}

// TestStopUnused: what nobody is in ends at once, by who may exec only; what is said then is true.
func TestStopUnused(t *testing.T) {
	t.Parallel()
	pod := debugged(t)
	sam := newUser(t, pod.Namespace, "sam", access.GetPod)
	waitForSession(t, pod)
	mayNot := mindebug(t, pod, sam.as("stop", "pod/target")...)
	if mayNot.status != 1 || !strings.Contains(mayNot.stderr, "pods/exec") {
		t.Errorf("stop without exec ended with %d, %q", mayNot.status, mayNot.stderr)
	}
	c := onlyContainer(t, pod)
	mindebug(t, pod, "stop", "pod/target").want(t, 0, "", "session container "+c.Name+" of pod/target has ended: stopped\n"+
		"its entry stays in the pod's list for good; only another pod is without it, and nothing makes one when this is deleted: "+
		"kubectl delete pod -n "+pod.Namespace+" target\n")
	mindebug(t, pod, "stop", "pod/target").want(t, 0, "", "no session container runs in pod/target\n")
	mindebug(t, pod, "pod/target", "--", "true").want(t, 0, "", "")
	if n := len(sessionContainers(t, pod)); n != 2 {
		t.Errorf("%d session containers after one was ended and another made, want 2", n)
	}
}
