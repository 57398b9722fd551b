package app

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
	"github.com/mindebug/kubectl-mindebug/internal/session"
)

// stoppable is a world with session containers that end when they are told to.
func stoppable(t *testing.T, names ...string) *world {
	t.Helper()
	w := &world{pod: nonRoot().Build()}
	b := nonRoot()
	for _, name := range names {
		b.Ephemeral(theirs(t, w.pod, name)).Up(name, 65532, 65532)
	}
	w.pod = b.Build()
	return w
}

// EachPod implements Fleet.
func (w *world) EachPod(_ context.Context, _, _ string, do func(*corev1.Pod)) error {
	w.called("each pod")
	if w.listErr != nil {
		return w.listErr
	}
	do(w.pod)
	return nil
}

func TestStopSession(t *testing.T) {
	t.Parallel()
	const inUse = "mindebug 1\nsession 61 mindebug:abc:INC-7\nsession 5 -\ndetached 61 3600 mindebug:def:\nend\n"
	inUseErr := &fault.InUse{Pod: web, Container: "mindebug-a", By: []string{
		"mindebug-a, beside app", "session abc, for 61s: INC-7 (the audit log has its user, by mindebug:abc:)", "entered otherwise than by a session, for 5s",
		"session def, for 61s, left running, ended in 58m at the latest (the audit log has its user, by mindebug:def:)",
	}}
	for _, test := range []struct {
		name    string
		have    []string
		request func(*StopRequest)
		uses    string
		want    error
		says    string
		told    []string
	}{
		{
			name: "unused", have: []string{"mindebug-a"}, told: []string{"mindebug-a stop"},
			says: "session container mindebug-a of pod/web has ended: stopped\nits entry stays in the pod's list for good; only another pod is without it, and nothing makes one when this is deleted: kubectl delete pod -n shop web\n",
		},
		{name: "in use", have: []string{"mindebug-a"}, uses: inUse, want: inUseErr, told: []string{"mindebug-a stop"}},
		{
			name: "forced", have: []string{"mindebug-a", "mindebug-b"}, uses: inUse, told: []string{"mindebug-b force"},
			request: func(r *StopRequest) { r.Session, r.Force, r.Quiet = "mindebug-b", true, true },
		},
		{
			name: "several", have: []string{"mindebug-a", "mindebug-b"}, want: &fault.NoSession{Pod: web, Running: []fault.SessionContainer{
				{Name: "mindebug-a", About: "mindebug-a, beside app"}, {Name: "mindebug-b", About: "mindebug-b, beside app"},
			}},
		},
		{
			name: "no such", have: []string{"mindebug-a"}, request: func(r *StopRequest) { r.Session = "mindebug-c" },
			want: &fault.NoSession{Pod: web, Name: "mindebug-c", Running: []fault.SessionContainer{{Name: "mindebug-a", About: "mindebug-a, beside app"}}},
		},
		{name: "none", says: "no session container runs in pod/web\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := stoppable(t, test.have...)
				w.uses = test.uses
				r := StopRequest{TargetRequest: aRequest().TargetRequest, Timeout: time.Minute}
				if test.request != nil {
					test.request(&r)
				}
				var out, errOut bytes.Buffer
				err := StopSession(t.Context(), w, w, Streams{In: strings.NewReader(""), Out: &out, Err: &errOut}, r)
				if diff := cmp.Diff(test.want, err, everyField); diff != "" {
					t.Errorf("error (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(test.says, errOut.String()); diff != "" || out.Len() > 0 {
					t.Errorf("it writes %q and says (-want +got):\n%s", &out, diff)
				}
				if diff := cmp.Diff(test.told, w.told); diff != "" {
					t.Errorf("told (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestSessions(t *testing.T) {
	t.Parallel()
	t.Run("one pod is asked", func(t *testing.T) {
		t.Parallel()
		w := stoppable(t, "mindebug-a")
		w.uses = "mindebug 1\nsession 5 mindebug:abc:\nend\n"
		got, err := Sessions(t.Context(), w, w, aRequest().TargetRequest, false)
		if err != nil || len(got) != 1 || got[0].Pod != "web" || got[0].Name != "mindebug-a" {
			t.Fatalf("listed %+v, %v", got, err)
		}
		if diff := cmp.Diff([]session.Use{{ID: "abc", For: 5 * time.Second}}, got[0].InUse); diff != "" {
			t.Errorf("in use (-want +got):\n%s", diff)
		}
	})
	t.Run("one that may not be asked is unknown", func(t *testing.T) {
		t.Parallel()
		w := stoppable(t, "mindebug-a")
		w.uses = "nothing"
		if got, err := Sessions(t.Context(), w, w, aRequest().TargetRequest, false); err != nil || len(got) != 1 || got[0].InUse != nil {
			t.Errorf("listed %+v, %v; want that nothing is known of its use", got, err)
		}
	})
	t.Run("all pods are not asked", func(t *testing.T) {
		t.Parallel()
		w := stoppable(t, "mindebug-a")
		got, err := Sessions(t.Context(), w, w, TargetRequest{}, true)
		if err != nil || len(got) != 1 || got[0].InUse != nil || len(w.told) > 0 {
			t.Errorf("listed %+v, %v, and asked %q", got, err, w.told)
		}
	})
	t.Run("pods may not be listed", func(t *testing.T) {
		t.Parallel()
		w := &world{pod: nonRoot().Build(), listErr: forbidden}
		_, err := Sessions(t.Context(), w, w, TargetRequest{Namespace: "shop"}, true)
		want := &fault.Forbidden{Namespace: "shop", Call: "list pods", User: "dana", Server: forbidden}
		if diff := cmp.Diff(error(want), err, everyField); diff != "" {
			t.Errorf("error (-want +got):\n%s", diff)
		}
	})
}

func TestCleanPod(t *testing.T) {
	t.Parallel()
	owned := kubetest.Pod("shop", "web").With(func(p *corev1.Pod) {
		p.OwnerReferences = []metav1.OwnerReference{{Kind: "ReplicaSet", Name: "web", Controller: new(true)}}
	}).Build()
	if got, want := cleanPod(owned), "to have one without it, have the ReplicaSet make another: kubectl delete pod -n shop web"; got != want {
		t.Errorf("cleanPod = %q, want %q", got, want)
	}
}
