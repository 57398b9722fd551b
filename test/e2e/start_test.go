package e2e

import (
	"encoding/json"
	"testing"
)

// A runbook: start, then commands in the pod that it printed. Nothing runs in between, and one container serves all.
func TestStart(t *testing.T) {
	t.Parallel()
	pod := restrictedTarget(t)
	mindebug(t, pod, "start", "pod/target", "-o", "name").want(t, 0, "pod/target\n", "")
	c := onlyContainer(t, pod)
	if ephemeralState(current(t, pod), c.Name).Running == nil {
		waitForSession(t, pod)
	}
	mindebug(t, pod, "pod/target", "--", "echo", "in").want(t, 0, "in\n", "")

	var report struct {
		Kind, Pod, Container, SessionContainer string
		Reused                                 bool
	}
	again := mindebug(t, pod, "start", "pod/target", "-o", "json")
	if err := json.Unmarshal([]byte(again.stdout), &report); err != nil {
		t.Fatalf("start -o json printed %q (%q): %v", again.stdout, again.stderr, err)
	}
	if report.Kind != "StartReport" || report.Pod != "target" || report.Container != "app" || report.SessionContainer != c.Name || !report.Reused {
		t.Errorf("start reports %+v, want that it uses %s again", report, c.Name)
	}
	onlyContainer(t, pod)
}

// What was started with a time to live of 0 waits for its first session, and ends with it.
func TestStartIsNoUse(t *testing.T) {
	t.Parallel()
	pod := restrictedTarget(t)
	mindebug(t, pod, "start", "pod/target", "--ttl=0").want(t, 0, "pod/target\n", "")
	// The holder looks each second: had the start counted as a use, one of these would find no container to look in.
	for range 10 {
		mindebug(t, pod, "start", "pod/target", "--ttl=0").want(t, 0, "pod/target\n", "")
	}
	mindebug(t, pod, "pod/target", "--ttl=0", "--", "sleep", "3").want(t, 0, "", "")
	wantEndOf(t, pod, onlyContainer(t, pod).Name, "its last session left")
}
