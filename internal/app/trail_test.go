package app

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	corev1 "k8s.io/api/core/v1"
)

// TestTrail: who adds a container is asked and said, who enters one asks for nothing more; both say what for.
func TestTrail(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		running bool
		whoErr  error
		user    string
		event   string
	}{
		"a new container":                    {user: "dana", event: "dana added session container "},
		"the server does not say who one is": {whoErr: errors.New("no"), event: "someone whom the API server does not name added "},
		"one that runs":                      {running: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := &world{pod: nonRoot().Build(), whoErr: test.whoErr}
				if test.running {
					w.pod = nonRoot().Ephemeral(theirs(t, w.pod, "mindebug-theirs")).Up("mindebug-theirs", 65532, 65532).Build()
				}
				r := aRequest()
				r.Command, r.Stdin, r.Reason, r.Version = []string{"ls"}, false, "INC-7: $(x)", "v1"
				if got := open(t.Context(), w, r, nil); got.err != nil {
					t.Fatal(got.err)
				}
				if len(w.sessions) != 1 || !strings.HasPrefix(w.sessions[0], "mindebug:") || !strings.HasSuffix(w.sessions[0], ":INC-7: $(x)") {
					t.Errorf("the execs say %q, want one that says what it is for", w.sessions)
				}
				if test.running {
					if len(w.events) > 0 {
						t.Errorf("an Event says that a container was added: %v", w.events)
					}
					return
				}
				env := map[string]string{}
				for _, v := range w.pod.Spec.EphemeralContainers[0].Env {
					env[v.Name] = v.Value
				}
				if env["MINDEBUG_USER"] != test.user || env["MINDEBUG_REASON"] != "INC-7: $$(x)" || env["MINDEBUG_VERSION"] != "v1" {
					t.Errorf("the container has %q %q %q", env["MINDEBUG_USER"], env["MINDEBUG_REASON"], env["MINDEBUG_VERSION"])
				}
				if len(w.events) != 1 || !strings.HasPrefix(w.events[0].Message, test.event) || w.events[0].Type != corev1.EventTypeNormal {
					t.Errorf("Events %v, want one that begins with %q", w.events, test.event)
				}
			})
		})
	}
}
