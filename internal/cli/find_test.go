package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/mindebug/kubectl-mindebug/internal/app"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/imagekind"
	"github.com/mindebug/kubectl-mindebug/internal/resolve"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

func TestFindRequest(t *testing.T) {
	t.Parallel()
	shellless := []imagekind.Kind{imagekind.Scratch, imagekind.Distroless, imagekind.Wolfi, imagekind.NoShell}
	request := func(change func(*findRequest)) findRequest {
		r := findRequest{FindRequest: app.FindRequest{Kinds: shellless, MaxBytes: 100 << 20}}
		change(&r)
		return r
	}
	for _, test := range []struct {
		line  string
		want  findRequest
		fails string
	}{
		{line: "", want: request(func(*findRequest) {})},
		{line: "-A -q -o json", want: request(func(r *findRequest) { r.all, r.quiet, r.output = true, true, "json" })},
		{line: "-l app=web", want: request(func(r *findRequest) { r.Selector = "app=web" })},
		{line: "--kind shell,unknown --kind wolfi", want: request(func(r *findRequest) {
			r.Kinds = []imagekind.Kind{imagekind.WithShell, imagekind.Unknown, imagekind.Wolfi}
		})},
		{line: "--kind all", want: request(func(r *findRequest) { r.Kinds = imagekind.Kinds() })},
		{line: "--registry --max-bytes 1k --use-pull-secrets", want: request(func(r *findRequest) {
			r.Registry, r.MaxBytes, r.UsePullSecrets = true, 1000, true
		})},
		{line: "--probe", want: request(func(r *findRequest) { r.Probe = true })},
		{line: "web", fails: `find lists the containers of all pods, and "web" names something`},
		{line: "-l ,,", fails: "--selector="},
		{line: "--kind shells", fails: `--kind="shells" is none that there is`},
		{line: "--max-bytes 1k", fails: "--max-bytes is about what is read from registries, and none is asked"},
		{line: "--use-pull-secrets", fails: "--use-pull-secrets is about what is read from registries, and none is asked"},
		{line: "--registry --max-bytes 0", fails: `--max-bytes="0" is no size above 0`},
		{line: "--registry --max-bytes much", fails: `--max-bytes="much" is no size above 0`},
	} {
		t.Run(test.line, func(t *testing.T) {
			t.Parallel()
			var f findFlags
			set := parsed(t, &f, test.line)
			got, err := f.request(set.Args(), set.Changed)
			var usage *fault.Usage
			if test.fails != "" {
				if !errors.As(err, &usage) || !strings.HasPrefix(usage.Reason, test.fails) {
					t.Errorf("error %v; want %q", err, test.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(findRequest{})); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
}

// twoPages are what a search finds, and what it comes to.
func twoPages() ([][]app.Found, app.FindSummary) {
	first := app.Found{
		Namespace: "shop", Pod: "web-7d", Workload: resolve.Workload{Kind: "Deployment", Name: "web"}, Container: "app", Type: "container",
		State: "running", Image: "x.test/web:1", Digest: "sha256:00",
		Verdict: imagekind.Verdict{Kind: imagekind.Distroless, Evidence: "a name", Certainty: imagekind.Likely},
		UID:     target.Sourced[int64]{Value: 65532, Origin: target.FromStatus}, Level: "restricted", Session: "mindebug-x",
	}
	second := app.Found{
		Namespace: "shop", Pod: "a-longer-name", Workload: resolve.Workload{Kind: "Pod", Name: "a-longer-name"}, Container: "app", Type: "init",
		State: "waiting", Image: "x.test/y:1", Verdict: imagekind.Verdict{Kind: imagekind.Scratch, Evidence: "\x1b[2Jno\nshell", Certainty: imagekind.Certain},
	}
	return [][]app.Found{{first}, {second}}, app.FindSummary{
		Pods: 3, Shown: 2, Kinds: map[imagekind.Kind]int{imagekind.Distroless: 1, imagekind.Scratch: 1, imagekind.Unknown: 4},
		Unseen: []app.Unseen{{About: app.UnseenMoment}},
	}
}

// foundAs is what a form of --output makes of them, or of nothing.
func foundAs(t *testing.T, r findRequest, pages [][]app.Found, summary app.FindSummary) string {
	t.Helper()
	var out bytes.Buffer
	w := newFindWriter(&out, r, "prod\x1b")
	for _, page := range pages {
		if err := w.write(page); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.end(summary); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestFindTable(t *testing.T) {
	t.Parallel()
	pages, summary := twoPages()
	want := `NAMESPACE   POD      WORKLOAD         CONTAINER   KIND         SURE     EVIDENCE   UID     POD SECURITY   SESSION
shop        web-7d   deployment/web   app         distroless   likely   a name     65532   restricted     mindebug-x
shop        a-longer-name   pod/a-longer-name   app         scratch      certain   \x1b[2Jno shell   -       -              -
`
	if diff := cmp.Diff(want, foundAs(t, findRequest{}, pages, summary)); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
	wide := foundAs(t, findRequest{output: formatWide}, pages, summary)
	if lines := strings.Split(wide, "\n"); !strings.HasSuffix(lines[0], "TYPE        STATE     IMAGE") || !strings.HasSuffix(lines[2], "init        waiting   x.test/y:1") {
		t.Errorf("wide:\n%s", wide)
	}
	if got := foundAs(t, findRequest{}, nil, summary); got != "" {
		t.Errorf("of nothing: %q", got)
	}
	if got := foundAs(t, findRequest{output: formatName}, pages, summary); got != "pod/web-7d -c app\npod/a-longer-name -c app\n" {
		t.Errorf("names: %q", got)
	}
	if got := foundAs(t, findRequest{output: formatName, all: true}, pages[:1], summary); got != "-n shop pod/web-7d -c app\n" {
		t.Errorf("names of all namespaces: %q", got)
	}
}

// TestFindObjects: JSON and YAML are one object, the same one, however many pages it came in; and harmless.
func TestFindObjects(t *testing.T) {
	t.Parallel()
	pages, summary := twoPages()
	for n, want := range []int{0, 1, 2} {
		var objects []map[string]any
		for _, output := range []string{formatJSON, formatYAML} {
			text := foundAs(t, findRequest{output: output}, pages[:n], summary)
			if strings.ContainsRune(text, '\x1b') {
				t.Errorf("%s has an escape character", output)
			}
			var object map[string]any
			err := yaml.UnmarshalStrict([]byte(text), &object)
			if output == formatJSON {
				object = nil
				err = json.Unmarshal([]byte(text), &object)
			}
			if err != nil {
				t.Fatalf("%v in:\n%s", err, text)
			}
			objects = append(objects, object)
		}
		if diff := cmp.Diff(objects[0], objects[1]); diff != "" {
			t.Errorf("JSON and YAML differ:\n%s", diff)
		}
		object := objects[0]
		items := object["items"].([]any)
		if object["kind"] != findReport || object["apiVersion"] != apiVersion || object["context"] != "prod\x1b" || len(items) != want {
			t.Errorf("object %v with %d items; want %d", object, len(items), want)
		}
		if got := fmt.Sprint(object["summary"]); got != "map[items:2 kinds:map[distroless:1 no-shell:0 scratch:1 shell:0 unknown:4 wolfi:0] pods:3]" {
			t.Errorf("summary %s", got)
		}
		if got := object["unseen"].([]any); len(got) != 1 || got[0].(map[string]any)["about"] != "moment" {
			t.Errorf("unseen %v", got)
		}
		if n == 2 {
			first, second := items[0].(map[string]any), items[1].(map[string]any)
			if first["uid"] != float64(65532) || first["session"] != "mindebug-x" || second["uid"] != nil || second["evidence"] != "\x1b[2Jno\nshell" {
				t.Errorf("items %v", items)
			}
		}
	}
}

func TestFindNotices(t *testing.T) {
	t.Parallel()
	_, summary := twoPages()
	const counts = "6 containers in 3 pods: 1 scratch, 1 distroless, 4 unknown"
	const moment = "not seen: all pods at one moment: listing them took longer than the API server remembers; who came or went since may be missing"
	const hint = "unknown is what neither the pod nor the image's name tells; --registry asks the registries"
	for name, test := range map[string]struct {
		request findRequest
		want    []string
	}{
		"plain":    {findRequest{}, []string{counts, moment, hint}},
		"registry": {findRequest{FindRequest: app.FindRequest{Registry: true}}, []string{counts, moment}},
		"names":    {findRequest{output: formatName}, []string{moment}},
	} {
		if diff := cmp.Diff(test.want, findNotices(test.request, summary)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if got := findNotices(findRequest{}, app.FindSummary{Pods: 1}); len(got) != 1 || got[0] != "0 containers in 1 pod" {
		t.Errorf("of nothing: %q", got)
	}
}

func TestUnseenWords(t *testing.T) {
	t.Parallel()
	forbidden := &fault.Forbidden{Call: "list pods"}
	cause := &fault.Registry{Image: "x.test/a", Cause: errors.New("401")}
	for want, u := range map[string]app.Unseen{
		`the pods of namespaces a, b: you may not list pods in all namespaces`:                             {About: app.UnseenNamespaces, Names: []string{"a", "b"}, Err: forbidden},
		`the pods of namespace a: you may not list pods in all namespaces`:                                 {About: app.UnseenNamespaces, Names: []string{"a"}, Err: forbidden},
		`the pods of namespaces 1, 2, 3, 4, 5 and 2 more: you may not list pods in all namespaces`:         {About: app.UnseenNamespaces, Names: strings.Split("1234567", ""), Err: forbidden},
		`the pods of all namespaces but "a": you may not list pods in all namespaces, nor list namespaces`: {About: app.UnseenOthers, Names: []string{"a"}, Err: forbidden},
		`the Pod Security levels of namespaces: x`:                                                         {About: app.UnseenLevels, Err: errors.New("x")},
		`2 images of registry x.test: image x.test/a: 401`:                                                 {About: app.UnseenImages, Names: []string{"x.test"}, Count: 2, Err: cause},
		`1 container in which nothing could be run: x`:                                                     {About: app.UnseenProbes, Count: 1, Err: errors.New("x")},
	} {
		if got := unseenWords(u); got != want {
			t.Errorf("%s: %q; want %q", u.About, got, want)
		}
	}
}

func TestFindProgress(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]app.FindProgress{
		"500 pods":         {Pods: 500},
		"500 of 1200 pods": {Pods: 500, Left: 700},
		"500 of 501 pods, asked about 3 of 40 images": {Pods: 500, Left: 1, Images: 40, Asked: 3},
	} {
		if got := findProgress(p); got != want {
			t.Errorf("%+v: %q; want %q", p, got, want)
		}
	}
}
