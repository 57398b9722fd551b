package app

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/pkg/attach"
	"github.com/mindebug/kubectl-mindebug/pkg/profiles"
)

// TestDetach: the command is left for the time to live, and what became of it is said, to a script too.
func TestDetach(t *testing.T) {
	t.Parallel()
	runs := func(ctx context.Context, _ attach.Streams, _ <-chan string) (int, error) {
		<-ctx.Done()
		return 0, ctx.Err()
	}
	fails := func(context.Context, attach.Streams, <-chan string) (int, error) { return 127, nil }
	for name, test := range map[string]struct {
		run    func(context.Context, attach.Streams, <-chan string) (int, error)
		change func(*SessionRequest)
		status int
		// usage is what a refusal says, said the end of what is said otherwise.
		usage, said string
	}{
		"runs": {run: runs, said: `prod-eu shop/web app uid 65532 (mirror)
session ID runs in container NEW, for 30m at the most (--ttl); its output goes nowhere, and its exit status will not be known
see whether it runs: kubectl mindebug sessions -n shop pod/web
end it: kubectl mindebug stop -n shop pod/web NEW --force
`},
		"runs quietly":   {run: runs, change: func(r *SessionRequest) { r.Quiet = true }},
		"fails at once":  {run: fails, status: 127, said: "prod-eu shop/web app uid 65532 (mirror)\nthe command has ended already, with exit status 127\n"},
		"no time to run": {change: func(r *SessionRequest) { r.TTL, r.TTLGiven = 0, true }, usage: "--detach with --ttl=0"},
		"no time to run by itself": {change: func(r *SessionRequest) {
			r.Profile = profiles.Request{Profile: profiles.General}
		}, usage: "a session with more than its target's privileges"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w, r := &world{pod: nonRoot().Build(), run: test.run}, aRequest()
				r.Command, r.Stdin = []string{"tcpdump"}, false
				if test.change != nil {
					test.change(&r)
				}
				var stderr bytes.Buffer
				got, err := Detach(t.Context(), w, w, &shelf{}, Streams{In: strings.NewReader(""), Out: io.Discard, Err: &stderr}, r)
				var usage *fault.Usage
				if test.usage != "" {
					if !errors.As(err, &usage) || !strings.HasPrefix(usage.Reason, test.usage) || len(w.execs) > 0 || len(w.pod.Spec.EphemeralContainers) > 0 {
						t.Errorf("error %v, execs %q, want a refusal before anything is written", err, w.execs)
					}
					return
				}
				if err != nil || got != (Detached{Pod: "web", Session: w.execs[0], Status: test.status}) {
					t.Fatalf("Detach = %+v, %v", got, err)
				}
				id := strings.Split(w.sessions[0], ":")[1]
				if said := strings.NewReplacer(w.execs[0], "NEW", id, "ID").Replace(stderr.String()); said != test.said {
					t.Errorf("it said %q, want %q", said, test.said)
				}
				if w.graces[0] != "1800" {
					t.Errorf("it is left for %s s, want %s", w.graces[0], 30*time.Minute)
				}
			})
		})
	}
}
