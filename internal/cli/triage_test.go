package cli

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/mindebug/kubectl-mindebug/internal/app"
	"github.com/mindebug/kubectl-mindebug/internal/triage"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

func TestTriageRequest(t *testing.T) {
	t.Parallel()
	web := func(change func(*app.TriageRequest)) app.TriageRequest {
		r := app.TriageRequest{SessionRequest: app.SessionRequest{
			TargetRequest: app.TargetRequest{Query: target.Query{Kind: "pod", Name: "web"}},
			Image:         "env:1", ImageOrigin: "MINDEBUG_IMAGE", TTL: defaultTTL, Timeout: time.Minute,
		}}
		if change != nil {
			change(&r)
		}
		return r
	}
	topics := func(names ...string) func(*app.TriageRequest) {
		return func(r *app.TriageRequest) { r.Topics = names }
	}
	selected := func(names ...string) app.TriageRequest {
		return web(func(r *app.TriageRequest) { r.Query, r.Selector, r.Topics = target.Query{}, "app=web", names })
	}
	for line, test := range map[string]struct {
		want  app.TriageRequest
		fails string
	}{
		"pod/web":                         {want: web(nil)},
		"web":                             {want: web(nil)},
		"pod web":                         {want: web(nil)},
		"pod/web memory cpu":              {want: web(topics("memory", "cpu"))},
		"pod web memory":                  {want: web(topics("memory"))},
		"web memory":                      {want: web(topics("memory"))},
		"-l app=web":                      {want: selected()},
		"-l app=web memory":               {want: selected("memory")},
		"-l app=web pods memory":          {want: selected("memory")},
		"pod/web --host orders.shop:9000": {want: web(func(r *app.TriageRequest) { r.Host = "orders.shop:9000" })},
		"pod/web --host [fd00::1]:443 -q": {want: web(func(r *app.TriageRequest) { r.Host, r.Quiet = "[fd00::1]:443", true })},
		"pod/web tls --host orders":       {want: web(func(r *app.TriageRequest) { r.Host, r.Topics = "orders:443", []string{"tls"} })},
		"pod/web tls --host [fd00::1]":    {want: web(func(r *app.TriageRequest) { r.Host, r.Topics = "[fd00::1]:443", []string{"tls"} })},
		"pod/web tls net --host a:8443":   {want: web(func(r *app.TriageRequest) { r.Host, r.Topics = "a:8443", []string{"tls", "net"} })},
		"pod/web java --touch-target":     {want: web(topics("java"))},
		"pod/web go memory --port 6060 --touch-target": {want: web(func(r *app.TriageRequest) {
			r.Topics, r.Port = []string{"go", "memory"}, 6060
		})},
		"pod/web java":                            {fails: "the topic java does more than look: it has the JVM write a thread dump, by a signal"},
		"pod/web memory node":                     {fails: "the topic node does more than look"},
		"pod/web go --port 6060":                  {fails: "the topic go does more than look"},
		"pod/web go --touch-target":               {fails: "the topic go needs --port"},
		"pod/web node --touch-target --port 6060": {fails: "--port is for the topic go"},
		"pod/web --touch-target":                  {fails: "--touch-target is for topics that do more than look, and none is named"},
		"pod/web memory --touch-target":           {fails: "--touch-target is for topics that do more than look, and none is named"},
		"pod/web tls":                             {fails: "the topic tls needs --host"},
		"pod/web tls --host a;b":                  {fails: `--host="a;b:443" is not HOST:PORT`},
		"":                                        {fails: "no target given"},
		"pod/web memmory":                         {fails: `there is no topic "memmory"`},
		"pod/web pod/other":                       {fails: `there is no topic "pod/other"`},
		"pod/web --host orders":                   {fails: `--host="orders" is not HOST:PORT`},
		"pod/web --host :80":                      {fails: `--host=":80" is not HOST:PORT`},
		"pod/web --host a:http":                   {fails: `--host="a:http" is not HOST:PORT`},
		"pod/web --host a:0":                      {fails: `--host="a:0" is not HOST:PORT`},
		"pod/web --host -e:80":                    {fails: `--host="-e:80" is not HOST:PORT`},
		"pod/web --host http://a:80":              {fails: `--host="http://a:80" is not HOST:PORT`},
		"pod/web --host a;b:80":                   {fails: `--host="a;b:80" is not HOST:PORT`},
		"pod/web --timeout=0":                     {fails: "leaves no time"},
		"pod/web --image=-":                       {fails: "is not the name of an image"},
		"pod/web --profile=nobody":                {fails: "there is no --profile=nobody"},
		"pod/web -c a --target b":                 {fails: "name two containers"},
		"deploy/web memory --pick=nothing":        {fails: "--pick="},
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			var f triageFlags
			set := parsed(t, &f, line)
			got, err := f.request(set.Args(), surroundings{getenv: func(string) string { return "env:1" }, verbs: likeVerbs})
			if wantUsage(t, err, test.fails) {
				return
			}
			if diff := cmp.Diff(test.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
}

// aTriage is a report with text that means to be more than text.
func aTriage() triageReport {
	return newTriageReport("prod", app.Triaged{
		Namespace: "shop", Pod: "web-7d", Container: "app", Image: "shop/web:1", UID: 65532, GID: 65532,
		At: time.Date(2026, 11, 22, 3, 0, 0, 5, time.UTC),
		Report: triage.Report{
			Findings: []triage.Finding{
				{Weight: triage.Critical, Topic: "memory", Fact: "killed \x1b[31m`x` | <b>", Why: "no\nmemory", Next: "kubectl get pods"},
				{Weight: triage.Notice, Topic: "process", Fact: "zombies", Why: "none waits"},
			},
			Topics: []triage.TopicReport{
				{Name: "process", Facts: []triage.Fact{{Name: "started", Text: "1h ago"}}, Raw: triage.Raw{{Name: "x", Data: "y"}}},
				{Name: "memory", Unread: []string{"the control group"}},
				{Name: "java", Output: "\"main\" \x1b[31m\n\n\tat <x>\n"},
			},
		},
	})
}

func TestTriageText(t *testing.T) {
	t.Parallel()
	const want = `pod/web-7d app, image shop/web:1, uid 65532

critical: memory: killed \x1b[31m` + "`x`" + ` | <b>
  why: no memory
  next: kubectl get pods

notice: process: zombies
  why: none waits

process
  started              1h ago

memory
  not read             the control group

java

  "main" \x1b[31m

  	at <x>
`
	if diff := cmp.Diff(want, aTriage().text()); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
	healthy := aTriage()
	healthy.Findings = nil
	if got := healthy.text(); !strings.Contains(got, "\nnothing of what usually goes wrong was found in process, java; not all could be read in memory\n") {
		t.Errorf("of a healthy target it says:\n%s", got)
	}
}

func TestTriageMarkdown(t *testing.T) {
	t.Parallel()
	const want = `# Triage of pod/web-7d, container app

context prod, namespace shop, image shop/web:1, uid 65532, 2026-11-22T03:00:00Z

## Findings

- **critical**, memory: killed \\x1b\[31m\` + "`x\\`" + ` \| &lt;b&gt;\
  no memory

  ` + "```\n  kubectl get pods\n  ```" + `
- **notice**, process: zombies\
  none waits

## process

| what | seen |
| --- | --- |
| started | 1h ago |

## memory

| what | seen |
| --- | --- |
| not read | the control group |

## java

| what | seen |
| --- | --- |

    "main" \x1b[31m

    	at <x>
`
	if diff := cmp.Diff(want, aTriage().markdown()); diff != "" {
		t.Errorf("page (-want +got):\n%s", diff)
	}
}

// TestTriageJSON: the shape for programs is what docs/triage.md says, without what it was made of.
func TestTriageJSON(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if err := writeJSON(&out, aTriage()); err != nil {
		t.Fatal(err)
	}
	var got, want any
	const shape = `{"apiVersion": "mindebug/v1alpha1", "kind": "TriageReport", "context": "prod", "namespace": "shop", "pod": "web-7d",
		"container": "app", "image": "shop/web:1", "uid": 65532, "gid": 65532, "at": "2026-11-22T03:00:00Z", "findings": [
		{"weight": "critical", "topic": "memory", "fact": "killed \u001b[31m` + "`x`" + ` | <b>", "why": "no\nmemory", "next": "kubectl get pods"},
		{"weight": "notice", "topic": "process", "fact": "zombies", "why": "none waits"}], "topics": [
		{"name": "process", "facts": [{"name": "started", "text": "1h ago"}]}, {"name": "memory", "facts": [], "unread": ["the control group"]},
		{"name": "java", "facts": [], "output": "\"main\" \u001b[31m\n\n\tat <x>\n"}]}`
	if err := json.Unmarshal([]byte(out.String()), &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(shape), &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("shape (-want +got):\n%s", diff)
	}
}
