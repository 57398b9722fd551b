package app

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/session"
)

// aCopy is a copy of a pod that is there, as SessionInCopy makes it.
func aCopy(t *testing.T, change func(*corev1.Pod)) *world {
	t.Helper()
	w := &world{pod: crashed().Build()}
	r := CopyRequest{SessionRequest: aRequest(), Name: "web-2"}
	r.Reason, r.Version = "INC-7", "v1"
	draft, err := DraftCopy(t.Context(), w, &w.registries, Streams{In: strings.NewReader("")}, r, false)
	if err != nil {
		t.Fatal(err)
	}
	draft.Pod.Annotations["mindebug/user"] = "kim"
	runs(draft.Pod)
	if change != nil {
		change(draft.Pod)
	}
	return &world{pod: draft.Pod}
}

func TestCopyIsListed(t *testing.T) {
	t.Parallel()
	w := aCopy(t, nil)
	w.uses = "mindebug 1\nsession 5 mindebug:abc:\nend\n"
	r := aRequest().TargetRequest
	r.Query.Name = "web-2"
	got, err := Sessions(t.Context(), w, w, r, false)
	if err != nil || len(got) != 1 {
		t.Fatalf("listed %+v, %v", got, err)
	}
	l := got[0]
	l.Shell, l.Prelude = "", ""
	want := ListedSession{
		Namespace: "shop", Pod: "web-2", CopyOf: "web", InUse: []session.Use{{ID: "abc", For: 5 * time.Second}},
		Listed: session.Listed{
			Name: "app", Target: "app", Image: l.Image, User: "kim", Reason: "INC-7", Version: "v1", UID: l.UID, GID: l.GID,
			TTL: 30 * time.Minute, State: session.Running,
		},
	}
	if diff := cmp.Diff(want, l); diff != "" {
		t.Errorf("listed (-want +got):\n%s", diff)
	}
}

func TestStopCopy(t *testing.T) {
	t.Parallel()
	const inUse = "mindebug 1\nsession 61 mindebug:abc:INC-7\nend\n"
	copied := fault.Pod{Namespace: "shop", Name: "web-2"}
	for name, test := range map[string]struct {
		change  func(*corev1.Pod)
		world   func(*world)
		force   bool
		want    error
		told    []string
		deletes bool
		says    string
	}{
		"unused": {told: []string{"app stop"}, deletes: true, says: "deleted pod/web-2\n"},
		"in use": {world: func(w *world) { w.uses = inUse }, told: []string{"app stop"}, want: &fault.InUse{
			Pod: copied, Container: "app",
			By: []string{"app, of a copy, added by kim, for INC-7", "session abc, for 61s: INC-7 (the audit log has its user, by mindebug:abc:)"},
		}},
		"in use by its own session container": {
			change: func(p *corev1.Pod) {
				p.Spec.EphemeralContainers = stoppable(t, "mindebug-a").pod.Spec.EphemeralContainers
				p.Status.EphemeralContainerStatuses = stoppable(t, "mindebug-a").pod.Status.EphemeralContainerStatuses
			},
			world: func(w *world) { w.uses = inUse }, told: []string{"mindebug-a stop"}, want: &fault.InUse{
				Pod: copied, Container: "mindebug-a",
				By: []string{"mindebug-a, beside app", "session abc, for 61s: INC-7 (the audit log has its user, by mindebug:abc:)"},
			},
		},
		"forced, and it gives no answer": {
			world: func(w *world) { w.uses = "nothing" }, force: true, told: []string{"app force"}, deletes: true, says: "deleted pod/web-2\n",
		},
		"another one has its name": {change: killed, world: func(w *world) { w.deleteErr = apierrors.NewConflict(resources, "web-2", nil) }, deletes: true, says: "deleted pod/web-2\n"},
		"forced":                   {world: func(w *world) { w.uses = inUse }, force: true, told: []string{"app force"}, deletes: true, says: "deleted pod/web-2\n"},
		"it ended":                 {change: killed, deletes: true, says: "deleted pod/web-2\n"},
		"it is gone":               {change: killed, world: func(w *world) { w.deleteErr = apierrors.NewNotFound(resources, "web-2") }, deletes: true, says: "deleted pod/web-2\n"},
		"not allowed": {
			change: killed, world: func(w *world) { w.deleteErr = forbidden }, deletes: true,
			want: &fault.Forbidden{Namespace: "shop", Call: "delete pods", User: "dana", Server: forbidden},
		},
		"annotations alone make no copy": {
			change: func(p *corev1.Pod) { p.Spec.Containers[0].Command = []string{"/app/server"} }, says: "no session container runs in pod/web-2\n",
		},
		"the command alone makes no copy": {
			change: func(p *corev1.Pod) { p.Annotations = nil }, says: "no session container runs in pod/web-2\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := aCopy(t, test.change)
				if test.world != nil {
					test.world(w)
				}
				r := StopRequest{TargetRequest: aRequest().TargetRequest, Timeout: time.Minute, Force: test.force}
				r.Query.Name = "web-2"
				var out, errOut bytes.Buffer
				err := StopSession(t.Context(), w, w, Streams{In: strings.NewReader(""), Out: &out, Err: &errOut}, r)
				if diff := cmp.Diff(test.want, err, everyField); diff != "" {
					t.Errorf("error (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(test.told, w.told); diff != "" {
					t.Errorf("told (-want +got):\n%s", diff)
				}
				deletes := len(w.calls) > 0 && strings.Contains(strings.Join(w.calls, "; "), "delete web-2")
				if deletes != test.deletes || errOut.String() != test.says {
					t.Errorf("deleted: %t; it says %q, want %q", deletes, &errOut, test.says)
				}
			})
		})
	}
}
