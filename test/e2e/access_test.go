package e2e

import (
	"strings"
	"testing"

	"github.com/mindebug/kubectl-mindebug/internal/access"
)

// TestWhoMayDoTheMainJob: exactly the calls of access.Session are enough (no watch, no list, no Events), and without
// `get pods/exec`, which only websockets want, the session goes over SPDY.
func TestWhoMayDoTheMainJob(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t, "restricted")
	for name, calls := range map[string][]access.Call{
		"websockets": access.Session(),
		"spdy":       without(access.ExecGet),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pod := newPod(t, plainTarget(ns, name))
			u := newUser(t, ns, name, calls...)
			first := succeeds(t, pod, u.as("pod/"+name, "--", "cat", "@/app/hello.txt")...)
			again := succeeds(t, pod, u.as("-i", "pod/"+name, "--", "cat", "@/app/hello.txt")...)
			if want := "hello from the target\n"; first != want || again != want {
				t.Errorf("the first session printed %q, the second %q, want %q", first, again, want)
			}
			onlyAdded(t, pod)
		})
	}
}

// TestWhoMayEnter: who may not add a container can enter one that a colleague has started.
func TestWhoMayEnter(t *testing.T) {
	t.Parallel()
	pod := newPod(t, plainTarget(newNamespace(t, "restricted"), "target"))
	guest := newUser(t, pod.Namespace, "guest", without(access.AddContainer)...)
	succeeds(t, pod, "pod/target", "--", "true")
	waitForSession(t, pod)
	if id := succeeds(t, pod, guest.as("pod/target", "--", "id", "-u")...); id != "65532\n" {
		t.Errorf("uid %q, want the target's", id)
	}
	onlyAdded(t, pod)
	failsBeforeThePatch(t, pod, guest.as("--new", "pod/target", "--", "true"), "patch pods/ephemeralcontainers", guest.name)
}

// TestWhoMayNot: what is missing is named, with the user as the server sees him, before anything is written.
func TestWhoMayNot(t *testing.T) {
	t.Parallel()
	pod := newPod(t, plainTarget(newNamespace(t, "restricted"), "target"))
	for name, test := range map[string]struct {
		calls   []access.Call
		missing string
	}{
		"nothing":      {nil, "get pods"},
		"not-get":      {without(access.GetPod), "get pods"},
		"only-get":     {[]access.Call{access.GetPod}, "patch pods/ephemeralcontainers"},
		"not-patch":    {without(access.AddContainer), "patch pods/ephemeralcontainers"},
		"not-exec":     {[]access.Call{access.GetPod, access.AddContainer}, "create pods/exec"},
		"only-getexec": {without(access.Exec), "create pods/exec"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := newUser(t, pod.Namespace, name, test.calls...)
			failsBeforeThePatch(t, pod, u.as("pod/target", "--", "true"), "you may not "+test.missing, pod.Namespace, u.name, "system:serviceaccounts")
			// The same user by impersonation, in another group.
			failsBeforeThePatch(t, pod, []string{"--as", u.name, "--as-group", "oncall", "pod/target", "--", "true"},
				"you may not "+test.missing, u.name, "oncall")
		})
	}
	t.Run("unknown", func(t *testing.T) {
		t.Parallel()
		u := newUser(t, pod.Namespace, "unknown")
		u.write(t, strings.Repeat("x", 20))
		failsBeforeThePatch(t, pod, u.as("pod/target", "--", "true"), "Unauthorized")
	})
}
