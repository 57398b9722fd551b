package cli

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mindebug/kubectl-mindebug/internal/app"
	"github.com/mindebug/kubectl-mindebug/pkg/profiles"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

func TestStartRequest(t *testing.T) {
	t.Parallel()
	start := func(change func(*app.SessionRequest)) app.SessionRequest {
		r := app.SessionRequest{
			TargetRequest: app.TargetRequest{Query: target.Query{Kind: "deployment", Name: "web"}},
			Image:         "env:1", ImageOrigin: "MINDEBUG_IMAGE", TTL: defaultTTL, Timeout: time.Minute,
		}
		change(&r)
		return r
	}
	for _, test := range []struct {
		line  string
		want  app.SessionRequest
		fails string
	}{
		{line: "deploy/web", want: start(func(*app.SessionRequest) {})},
		{line: "deploy/web --pick=newest -c app", want: start(func(r *app.SessionRequest) { r.Pick, r.Container = "newest", "app" })},
		{line: "deploy/web --ttl=5m --timeout=2m --new -q", want: start(func(r *app.SessionRequest) {
			r.TTL, r.Timeout, r.New, r.Quiet = 5*time.Minute, 2*time.Minute, true, true
		})},
		{line: "", fails: "no target given"},
		{line: "deploy/web ls", fails: `"ls" stands after the target`},
		{line: "deploy/web --ttl=-1s", fails: "--ttl=-1s is negative"},
		{line: "deploy/web --timeout=0", fails: "--timeout=0s leaves no time"},
		{line: "deploy/web --image=-", fails: "is not the name of an image"},
		{line: "deploy/web --profile=god", fails: "there is no --profile=god"},
	} {
		t.Run(test.line, func(t *testing.T) {
			t.Parallel()
			var f readyFlags
			set := parsed(t, &f, test.line)
			got, err := f.request(set.Args(), surroundings{
				getenv: func(string) string { return "env:1" },
				verbs:  func(string) []string { return nil },
			})
			if wantUsage(t, err, test.fails) {
				return
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWriteStarted(t *testing.T) {
	t.Parallel()
	started := app.Started{
		Namespace: "shop", Pod: "web-7d", Container: "app", Session: "mindebug-x", Reused: true,
		Plan: profiles.Plan{UID: 65532, GID: 0}, TTL: 30 * time.Minute,
	}
	for output, want := range map[string]string{
		"":     "pod/web-7d\n",
		"name": "pod/web-7d\n",
		"json": `{
    "apiVersion": "mindebug/v1alpha1",
    "kind": "StartReport",
    "context": "prod-eu",
    "namespace": "shop",
    "pod": "web-7d",
    "container": "app",
    "sessionContainer": "mindebug-x",
    "reused": true,
    "as": {
        "uid": 65532,
        "gid": 0,
        "profile": "mirror"
    },
    "ttlSeconds": 1800
}
`,
		"yaml": "apiVersion: mindebug/v1alpha1\nas:\n  gid: 0\n  profile: mirror\n  uid: 65532\ncontainer: app\ncontext: prod-eu\n" +
			"kind: StartReport\nnamespace: shop\npod: web-7d\nreused: true\nsessionContainer: mindebug-x\nttlSeconds: 1800\n",
	} {
		var out bytes.Buffer
		if err := writeStarted(&out, started, app.SessionRequest{TargetRequest: app.TargetRequest{Context: "prod-eu"}}, output); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Errorf("-o %s (-want +got):\n%s", output, diff)
		}
	}
}
