package app

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/pkg/profiles"
)

func TestStart(t *testing.T) {
	t.Parallel()
	general := func(r *SessionRequest) { r.Profile.Profile = profiles.General }
	mirror := Started{Namespace: "shop", Pod: "web", Container: "app", TTL: 30 * time.Minute}
	stepUp, reused := mirror, mirror
	stepUp.TTL = 0
	reused.Reused, reused.Session = true, "mindebug-theirs"
	for _, test := range []struct {
		name    string
		running bool
		refuse  []error
		request func(*SessionRequest)
		want    Started
		fails   error
		calls   []string
	}{
		{name: "a new one", want: mirror, calls: []string{"get", "dry run", "may I create pods/exec", "patch"}},
		{name: "one that runs", running: true, want: reused, calls: []string{"get"}},
		{name: "more than the target", request: general, want: stepUp, calls: []string{"get", "dry run", "may I create pods/exec", "patch"}},
		{
			name: "exec is forbidden", running: true, refuse: []error{forbidden}, calls: []string{"get"},
			fails: &fault.NotEntered{Pod: web, Container: "mindebug-theirs", Cause: forbidden},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := &world{pod: nonRoot().Build(), refuse: test.refuse}
				if test.running {
					w.pod = nonRoot().Ephemeral(theirs(t, w.pod, "mindebug-theirs")).Up("mindebug-theirs", 65532, 65532).Build()
				}
				r := aRequest()
				r.Stdin = false
				if test.request != nil {
					test.request(&r)
				}
				var out, errOut bytes.Buffer
				got, err := Start(t.Context(), w, w, &w.registries, Streams{In: &out, Out: &out, Err: &errOut}, r)
				if diff := cmp.Diff(test.fails, err, everyField); diff != "" {
					t.Errorf("error (-want +got):\n%s", diff)
				}
				if test.fails == nil && got.Session != w.pod.Spec.EphemeralContainers[0].Name {
					t.Errorf("the session container is %q, which the pod has not", got.Session)
				}
				ignored := cmpopts.IgnoreFields(Started{}, "Plan")
				if !got.Reused {
					got.Session = ""
				}
				if diff := cmp.Diff(test.want, got, ignored); diff != "" {
					t.Errorf("started (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(test.calls, w.inOrder()); diff != "" {
					t.Errorf("calls (-want +got):\n%s", diff)
				}
				if out.Len()+errOut.Len() > 0 {
					t.Errorf("it says %q and %q, want nothing", &out, &errOut)
				}
				if test.fails == nil && (len(w.looks) != 1 || len(w.execs) != 1) {
					t.Errorf("%d execs, %d of which only look; want one, which looks", len(w.execs), len(w.looks))
				}
			})
		})
	}
}
