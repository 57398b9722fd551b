package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"

	"github.com/mindebug/kubectl-mindebug/internal/access"
)

// auditEvent is what these tests read of an entry of the audit log (audit.k8s.io/v1).
type auditEvent struct {
	AuditID, Stage, Verb string
	RequestURI           string
	RequestReceived      metav1.MicroTime `json:"requestReceivedTimestamp"`
	User                 struct{ Username string }
	ObjectRef            struct{ Namespace, Resource, Subresource string }
}

// call is the request in RBAC's words.
func (e auditEvent) call() string {
	return access.Call{Verb: e.Verb, Resource: e.ObjectRef.Resource, Subresource: e.ObjectRef.Subresource}.String()
}

// auditOf returns each request of the user, in the order in which they came, and fails the test where any line of the
// whole log has the secret.
func auditOf(t *testing.T, log, username, secret string) (events []auditEvent) {
	t.Helper()
	file, err := os.Open(log)
	if err != nil {
		t.Fatalf("opening audit log: %v", err)
	}
	defer file.Close()
	seen := map[string]bool{}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		if secret != "" && strings.Contains(lines.Text(), secret) {
			t.Errorf("the audit log has a value of the target's environment: %s", lines.Text())
		}
		if !strings.Contains(lines.Text(), username) {
			continue
		}
		var e auditEvent
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatalf("reading audit log: %v", err)
		}
		if e.User.Username == username && !seen[e.AuditID] {
			seen[e.AuditID] = true
			events = append(events, e)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatalf("reading audit log: %v", err)
	}
	slices.SortFunc(events, func(a, b auditEvent) int { return a.RequestReceived.Compare(b.RequestReceived.Time) })
	return events
}

func calls(events []auditEvent) (calls []string) {
	for _, e := range events {
		calls = append(calls, e.call())
	}
	return calls
}

// TestAuditOfSessions: a new session tries early and not often, a later one asks for nothing but to enter, and neither
// carries what is in the target's environment.
func TestAuditOfSessions(t *testing.T) {
	t.Parallel()
	log := filepath.Join(onNode(t), "audit.log")
	ns := newNamespace(t, "restricted")
	const secret = "a-value-that-stands-in-no-pod"
	// A reference, since the log has the whole pod as the server answers it.
	_, err := client.CoreV1().Secrets(ns).Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "environment"}, StringData: map[string]string{"PASSWORD": secret},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatalf("creating Secret: %v", err)
	}
	pod := newPod(t, plainTarget(ns, "target").With(func(p *corev1.Pod) {
		p.Spec.Containers[0].EnvFrom = []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{
			LocalObjectReference: corev1.LocalObjectReference{Name: "environment"},
		}}}
	}))
	oncall := newUser(t, ns, "oncall", append(access.Session(),
		access.Call{Verb: "watch", Resource: "pods"}, access.Call{Verb: "watch", Resource: "events"})...)
	guest := newUser(t, ns, "guest", without(access.AddContainer)...)

	command := []string{"cat", "/proc/@pid/environ"}
	if environ := succeeds(t, pod, oncall.as(append([]string{"pod/target", "--"}, command...)...)...); !strings.Contains(environ, secret) {
		t.Errorf("the target's environment %q lacks the Secret", environ)
	}
	waitForSession(t, pod)
	succeeds(t, pod, guest.as(append([]string{"pod/target", "--"}, command...)...)...)

	t.Run("new", func(t *testing.T) {
		events := auditOf(t, log, oncall.name, secret)
		var execs []auditEvent
		patches := 0
		for _, e := range events {
			switch e.call() {
			case "get pods/exec", "create pods/exec":
				execs = append(execs, e)
				checkWords(t, e, command)
			case access.AddContainer.String():
				patches++
			}
		}
		if patches != 2 {
			t.Errorf("%d patches, want a dry run and the real one: %q", patches, calls(events))
		}
		if failed := len(execs) - 1; failed < 0 || failed > 4 {
			t.Errorf("%d failed execs, want at most 4: %q", failed, calls(events))
		}
	})
	t.Run("again", func(t *testing.T) {
		want := []string{"get configmaps", "get pods", "get pods/exec"} // the first, of the cluster's configuration, once an hour
		got := calls(auditOf(t, log, guest.name, secret))
		slices.Sort(got) // the first two are asked at once
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
	})
}

// TestFirstTryPrecedesTheStatus: a session begins at the kubelet's Event, not when the status says that the container runs.
// On a busy machine the Event can be the later of the two, so several sessions are looked at.
func TestFirstTryPrecedesTheStatus(t *testing.T) {
	t.Parallel()
	log := filepath.Join(onNode(t), "audit.log")
	ns := newNamespace(t, "restricted")
	var late []time.Duration
	for i := range 5 {
		name := fmt.Sprintf("target-%d", i)
		pod := newPod(t, plainTarget(ns, name))
		oncall := newUser(t, ns, name, append(access.Session(),
			access.Call{Verb: "watch", Resource: "pods"}, access.Call{Verb: "watch", Resource: "events"})...)
		running := whenSessionRuns(t, pod)
		succeeds(t, pod, oncall.as("pod/"+name, "--", "true")...)
		said := <-running
		for _, e := range auditOf(t, log, oncall.name, "") {
			if call := e.call(); call != "get pods/exec" && call != "create pods/exec" {
				continue
			}
			if e.RequestReceived.Time.Before(said) {
				return
			}
			late = append(late, e.RequestReceived.Sub(said))
			break
		}
	}
	t.Errorf("in no session an exec came before the status said that the container runs, but later by %v", late)
}

// checkWords checks what an exec request carries beside the user's command: its trail, and not much.
func checkWords(t *testing.T, e auditEvent, command []string) {
	t.Helper()
	uri, err := url.ParseRequestURI(e.RequestURI)
	if err != nil {
		t.Fatalf("reading audit log: %v", err)
	}
	words := uri.Query()["command"]
	ours := len(words) - len(command)
	if ours < 0 || !slices.Equal(words[ours:], command) {
		t.Fatalf("exec of %q does not end with the command %q", words, command)
	}
	if !slices.ContainsFunc(words[:ours], func(w string) bool { return strings.HasPrefix(w, "mindebug:") }) {
		t.Errorf("exec of %q does not say whose session it is", words)
	}
	if n := len(strings.Join(words[:ours], " ")); n >= 1<<10 {
		t.Errorf("the exec request carries %d bytes beside the user's words, want less than 1 KB", n)
	}
}

// whenSessionRuns tells when the pod's status says that its session container runs.
func whenSessionRuns(t *testing.T, pod *corev1.Pod) <-chan time.Time {
	t.Helper()
	w, err := client.CoreV1().Pods(pod.Namespace).Watch(t.Context(), metav1.ListOptions{
		FieldSelector: fields.OneTermEqualSelector("metadata.name", pod.Name).String(),
	})
	if err != nil {
		t.Fatalf("watching pod: %v", err)
	}
	when := make(chan time.Time, 1)
	go func() {
		defer w.Stop()
		for event := range w.ResultChan() {
			if now, ok := event.Object.(*corev1.Pod); ok && sessionRuns(now) {
				when <- time.Now()
				return
			}
		}
		close(when)
	}()
	return when
}
