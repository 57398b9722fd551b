package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mindebug/kubectl-mindebug/internal/app"
	"github.com/mindebug/kubectl-mindebug/internal/session"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

func TestSessionsRequest(t *testing.T) {
	t.Parallel()
	for line, test := range map[string]struct {
		want  sessionsRequest
		fails string
	}{
		"":           {want: sessionsRequest{fleet: true}},
		"-A -o json": {want: sessionsRequest{fleet: true, all: true, output: "json"}},
		"-A -l app=web": {want: sessionsRequest{
			fleet: true, all: true, TargetRequest: app.TargetRequest{Selector: "app=web"},
		}},
		"deploy/web": {want: sessionsRequest{TargetRequest: app.TargetRequest{Query: target.Query{Kind: "deployment", Name: "web"}}}},
		"-A pod/x":   {fails: `--all-namespaces is for all pods, and "pod/x" names some`},
		"-l ,,":      {fails: "--selector="},
		"pod/x ls":   {fails: `"ls" stands after the target`},
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			var f sessionsFlags
			set := parsed(t, &f, line)
			got, err := f.request(set.Args(), likeVerbs)
			if wantUsage(t, err, test.fails) {
				return
			}
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(sessionsRequest{})); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStopRequest(t *testing.T) {
	t.Parallel()
	pod := app.TargetRequest{Query: target.Query{Kind: "pod", Name: "x"}}
	for line, test := range map[string]struct {
		want  app.StopRequest
		fails string
	}{
		"pod/x":                              {want: app.StopRequest{TargetRequest: pod, Timeout: time.Minute}},
		"pod x":                              {want: app.StopRequest{TargetRequest: pod, Timeout: time.Minute}},
		"x mindebug-a":                       {want: app.StopRequest{TargetRequest: pod, Session: "mindebug-a", Timeout: time.Minute}},
		"pod x mindebug-a":                   {want: app.StopRequest{TargetRequest: pod, Session: "mindebug-a", Timeout: time.Minute}},
		"pod/x any --force -q --timeout=10s": {want: app.StopRequest{TargetRequest: pod, Session: "any", Force: true, Quiet: true, Timeout: 10 * time.Second}},
		"":                                   {fails: "no target given"},
		"pod/x --timeout=0":                  {fails: "--timeout=0s leaves no time"},
		"pod/x mindebug-a mindebug-b":        {fails: `stands after the target`},
		"nothing/x":                          {fails: `"nothing" is not a resource type`},
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			var f stopFlags
			set := parsed(t, &f, line)
			got, err := f.request(set.Args(), likeVerbs)
			if wantUsage(t, err, test.fails) {
				return
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWriteSessions(t *testing.T) {
	t.Parallel()
	at := time.Unix(1700000000, 0)
	uid, gid := int64(65532), int64(0)
	list := newSessionList("prod-eu", []app.ListedSession{
		{
			Namespace: "shop", Pod: "web", InUse: []session.Use{{ID: "abc", Reason: "INC-7", For: time.Minute}}, Listed: session.Listed{
				Name: "mindebug-a", Target: "app", Image: "debug:1", User: "dana\x1b[2J", Reason: "INC-7", Version: "v1", UID: &uid, GID: &gid,
				TTL: 30 * time.Minute, State: session.Running, Started: at,
			},
		},
		{Namespace: "shop", Pod: "web", Listed: session.Listed{
			Name: "mindebug-b", Target: "app", Image: "debug:1", Profile: "--profile=general", State: session.Ended, Started: at, Ended: at, Why: "stopped",
		}},
		{Namespace: "shop", Pod: "web", InUse: []session.Use{{ID: "def", For: time.Minute, Detached: true, Limit: time.Hour}, {For: time.Minute}}, Listed: session.Listed{
			Name: "mindebug-d", Target: "app", Image: "debug:1", State: session.Running, Started: at,
		}},
		{Namespace: "shop", Pod: "web", Listed: session.Listed{Name: "mindebug-c", Target: "app", Image: "debug:1", State: session.Starting}},
	})
	for output, want := range map[string]string{
		"": `NAMESPACE   POD   CONTAINER   SESSION CONTAINER   MADE BY       AS                        AGE       STATE            IN USE           REASON
shop        web   app         mindebug-a          dana\x1b[2J   65532:0 (mirror)          5m        running          1                INC-7
shop        web   app         mindebug-b          unknown       ?:? (--profile=general)   5m        ended: stopped   0
shop        web   app         mindebug-d          unknown       ?:? (mirror)              5m        running          2 (1 detached)
shop        web   app         mindebug-c          unknown       ?:? (mirror)              unknown   starting         unknown
`,
		"name": "pod/web mindebug-a\npod/web mindebug-b\npod/web mindebug-d\npod/web mindebug-c\n",
	} {
		var out bytes.Buffer
		if err := writeSessions(&out, list, sessionsRequest{output: output}, at.Add(5*time.Minute)); err != nil {
			t.Fatal(err)
		}
		got := ""
		for line := range strings.Lines(out.String()) {
			got += strings.TrimRight(line, " \n") + "\n"
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-o %q (-want +got):\n%s", output, diff)
		}
	}
	for output, parts := range map[string][]string{
		"json": {`"kind": "SessionList"`, `"madeBy": "dana\u001b[2J"`, `"startedAt": "2023-11-14T22:13:20Z"`, `"session": "abc"`, `"seconds": 60`, `"detached": true`, `"secondsLeft": 3540`, `"inUse": null`, `"inUse": []`},
		"yaml": {"kind: SessionList\n", "why: stopped\n", "inUse: null\n"},
		"wide": {"IMAGE", "VERSION", "TTL", "debug:1"},
	} {
		var out bytes.Buffer
		if err := writeSessions(&out, list, sessionsRequest{output: output}, at); err != nil {
			t.Fatal(err)
		}
		for _, part := range parts {
			if !strings.Contains(out.String(), part) {
				t.Errorf("-o %s lacks %q:\n%s", output, part, &out)
			}
		}
	}
}
