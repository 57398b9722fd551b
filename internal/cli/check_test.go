package cli

import (
	"bytes"
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/internal/app"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/preflight"
	"github.com/mindebug/kubectl-mindebug/internal/resolve"
	"github.com/mindebug/kubectl-mindebug/pkg/profiles"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

func TestCheckRequest(t *testing.T) {
	t.Parallel()
	fleet := func(change func(*checkRequest)) checkRequest {
		r := checkRequest{fleet: true, SessionRequest: app.SessionRequest{Image: "env:1", ImageOrigin: "MINDEBUG_IMAGE", TTL: defaultTTL}}
		change(&r)
		return r
	}
	for _, test := range []struct {
		line  string
		want  checkRequest
		fails string
	}{
		{line: "", want: fleet(func(*checkRequest) {})},
		{line: "-A", want: fleet(func(r *checkRequest) { r.all = true })},
		{line: "-A -o json", want: fleet(func(r *checkRequest) { r.all, r.output = true, "json" })},
		{line: "-l app=web", want: fleet(func(r *checkRequest) { r.Selector = "app=web" })},
		{line: "-c app", want: fleet(func(r *checkRequest) { r.Container = "app" })},
		{line: "--image debug:1", want: fleet(func(r *checkRequest) { r.Image, r.ImageOrigin = "debug:1", "flag" })},
		{line: "deploy/web", want: fleet(func(r *checkRequest) {
			r.fleet, r.Query = false, target.Query{Kind: "deployment", Name: "web"}
		})},
		{line: "-A pod/web", fails: `--all-namespaces is for all workloads, and "pod/web" is one`},
		{line: "pod/a pod/b", fails: `check takes one target, and here are "pod/a pod/b"`},
		{line: "a b c", fails: `check takes one target, and here are "a b c"`},
		{line: "pod web", want: fleet(func(r *checkRequest) { r.fleet, r.Query = false, target.Query{Kind: "pod", Name: "web"} })},
		{line: "--pick=ready", fails: "--pick chooses one of several pods, and all workloads are checked"},
		{line: "-l app=web pod/web", fails: "--selector selects pods by their labels"},
		{line: "-l ,,", fails: "--selector="},
		{line: "nothing/web", fails: `"nothing" is not a resource type`},
		{line: "--image -", fails: "is not the name of an image"},
	} {
		t.Run(test.line, func(t *testing.T) {
			t.Parallel()
			var f checkFlags
			set := parsed(t, &f, test.line)
			got, err := f.request(set.Args(), surroundings{
				getenv: func(string) string { return "env:1" },
				verbs:  func(string) []string { return nil },
			})
			if wantUsage(t, err, test.fails) {
				return
			}
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(checkRequest{})); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
}

// someChecked are a target that works, one that does not, and one that is not known.
func someChecked() []app.Checked {
	plan := &profiles.Plan{UID: 65532, GID: 0}
	draft := &app.Draft{
		Container: corev1.EphemeralContainer{EphemeralContainerCommon: corev1.EphemeralContainerCommon{
			Name: "mindebug-x", Image: "debug:1", SecurityContext: &corev1.SecurityContext{RunAsUser: new(int64(65532))},
		}},
		Origins: map[string]string{"name": "made", "image": "flag", "securityContext.runAsUser": "container status"},
	}
	return []app.Checked{
		{
			Namespace: "shop", Workload: resolve.Workload{Kind: "Deployment", Name: "web"}, Pods: 12, Pod: "web-7d", Container: "app",
			Plan: plan, Draft: draft,
			Findings: []preflight.Finding{
				{About: "target", Verdict: preflight.Yes, Text: `container "app" runs`},
				{About: "image", Verdict: preflight.Unknown, Aside: true, Text: "debug:1"},
			},
		},
		{
			Namespace: "shop", Workload: resolve.Workload{Kind: "Pod", Name: "\x1b[2J"}, Pods: 1, Pod: "web-7d", Container: "app",
			Findings: []preflight.Finding{
				{About: "admission", Verdict: preflight.No, Err: &fault.NoIdentity{Pod: web, Container: "app", Missing: "uid"}},
				{About: "permission", Verdict: preflight.No, Err: &fault.Forbidden{Namespace: "shop", Call: "get pods", User: "dana"}},
				{About: "permission", Verdict: preflight.No, Err: &fault.Forbidden{Namespace: "shop", Call: "create pods/exec", User: "dana"}},
			},
		},
		{
			Namespace: "shop", Workload: resolve.Workload{Kind: "CronJob", Name: "night"}, Pods: 2, Pod: "night-1-x", Container: "app",
			Findings: []preflight.Finding{{About: "target", Verdict: preflight.Unknown, Text: "no pod of it runs now"}},
		},
	}
}

// written is what the report of a request looks like.
func written(t *testing.T, r checkRequest, checked []app.Checked) (stdout, stderr string) {
	t.Helper()
	var out, errOut bytes.Buffer
	f := &factory{program: Program{Out: &out, Err: &errOut}}
	if err := f.writeCheck(newCheckReport(r, checked), r); err != nil {
		t.Fatal(err)
	}
	return out.String(), errOut.String()
}

func TestCheckTable(t *testing.T) {
	t.Parallel()
	noIdentity := explain(&fault.NoIdentity{Pod: web, Container: "app", Missing: "uid"})
	stdout, stderr := written(t, checkRequest{fleet: true}, someChecked())
	want := `NAMESPACE   WORKLOAD         CONTAINER   WORKS     AS                 WHY
shop        deployment/web   app         yes       65532:0 (mirror)   
shop        pod/\x1b[2J      app         no        unknown            ` + noIdentity.text + `
shop        cronjob/night    app         unknown   unknown            no pod of it runs now
`
	if diff := cmp.Diff(want, stdout); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
	if want := "of 3 workloads a session works in 1, not in 1; not known of 1\n"; stderr != want {
		t.Errorf("standard error %q; want %q", stderr, want)
	}
	wide, _ := written(t, checkRequest{fleet: true, output: formatWide}, someChecked())
	for _, text := range []string{"PODS", "POD", "FIX", "12", "web-7d", noIdentity.hint} {
		if !strings.Contains(wide, text) {
			t.Errorf("the wide table lacks %q:\n%s", text, wide)
		}
	}
	names, _ := written(t, checkRequest{fleet: true, output: formatName}, someChecked())
	if want := "deployment/web\npod/\\x1b[2J\ncronjob/night\n"; names != want {
		t.Errorf("names %q; want %q", names, want)
	}
	names, _ = written(t, checkRequest{fleet: true, all: true, output: formatName}, someChecked())
	if want := "-n shop deployment/web\n-n shop pod/\\x1b[2J\n-n shop cronjob/night\n"; names != want {
		t.Errorf("names of all namespaces %q; want %q", names, want)
	}
}

// TestCheckOfOne: the verdict, a line for each finding, each way to mend it once, and the plan.
func TestCheckOfOne(t *testing.T) {
	t.Parallel()
	works, _ := written(t, checkRequest{}, someChecked()[:1])
	want := `yes: a session works in container "app" of pod/web-7d in namespace "shop", as 65532:0 (mirror)

ABOUT    OK        FOUND
target   yes       container "app" runs
image    unknown   debug:1

VALUE                       IS        FROM
image                       debug:1   flag
securityContext.runAsUser   65532     container status
`
	if diff := cmp.Diff(want, works); diff != "" {
		t.Errorf("of one that works (-want +got):\n%s", diff)
	}
	not, _ := written(t, checkRequest{}, someChecked()[1:2])
	begin, rest, _ := strings.Cut(not, "\n")
	if begin != `no: a session does not work in container "app" of pod/web-7d in namespace "shop"` {
		t.Errorf("it begins with %q", begin)
	}
	if n := strings.Count(rest, "hint: ask someone who may: kubectl mindebug policy roles -n shop --user dana"); n != 1 {
		t.Errorf("the same hint is given %d times:\n%s", n, rest)
	}
	unknown, _ := written(t, checkRequest{}, someChecked()[2:])
	if !strings.HasPrefix(unknown, "unknown: whether a session works in ") {
		t.Errorf("of one that is not known:\n%s", unknown)
	}
}

func TestCheckReportAsJSON(t *testing.T) {
	t.Parallel()
	r := checkRequest{output: formatJSON}
	r.Context = "prod-eu"
	got, said := written(t, r, someChecked()[:1])
	want := `{
    "apiVersion": "mindebug/v1alpha1",
    "kind": "CheckReport",
    "context": "prod-eu",
    "summary": {
        "yes": 1,
        "no": 0,
        "unknown": 0
    },
    "items": [
        {
            "namespace": "shop",
            "workload": {
                "kind": "Deployment",
                "name": "web",
                "pods": 12
            },
            "pod": "web-7d",
            "container": "app",
            "works": "yes",
            "as": {
                "uid": 65532,
                "gid": 0,
                "profile": "mirror"
            },
            "findings": [
                {
                    "about": "target",
                    "verdict": "yes",
                    "text": "container \"app\" runs"
                },
                {
                    "about": "image",
                    "verdict": "unknown",
                    "text": "debug:1"
                }
            ],
            "plan": [
                {
                    "field": "image",
                    "value": "debug:1",
                    "origin": "flag"
                },
                {
                    "field": "securityContext.runAsUser",
                    "value": 65532,
                    "origin": "container status"
                }
            ]
        }
    ]
}
`
	if diff := cmp.Diff(want, got); diff != "" || said != "" {
		t.Errorf("report (-want +got):\n%s\nstandard error %q", diff, said)
	}
	yaml, _ := written(t, checkRequest{output: formatYAML, fleet: true}, nil)
	if want := "apiVersion: mindebug/v1alpha1\nitems: []\nkind: CheckReport\nsummary:\n  \"no\": 0\n  unknown: 0\n  \"yes\": 0\n"; yaml != want {
		t.Errorf("as YAML:\n%s\nwant:\n%s", yaml, want)
	}
}

// TestCheckOfWhatMayNotBeRead: the workload has the kind of manifests, and no number of pods, since none was read.
func TestCheckOfWhatMayNotBeRead(t *testing.T) {
	t.Parallel()
	r := checkRequest{output: formatJSON}
	r.Query = target.Query{Kind: "deployment", Name: "web"}
	got, _ := written(t, r, []app.Checked{{Namespace: "shop", Findings: []preflight.Finding{
		{About: "target", Verdict: preflight.No, Err: &fault.Forbidden{Namespace: "shop", Call: "get deployments.apps"}},
	}}})
	if !strings.Contains(got, `"kind": "Deployment"`) || strings.Contains(got, `"pods"`) {
		t.Errorf("report:\n%s", got)
	}
}

// full is an output that takes nothing any more.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// TestCheckCannotBeWritten: a report that nobody got is an error, in each form.
func TestCheckCannotBeWritten(t *testing.T) {
	t.Parallel()
	for _, r := range []checkRequest{{}, {fleet: true}, {fleet: true, output: formatName}, {output: formatJSON}, {output: formatYAML}} {
		f := &factory{program: Program{Out: full{}, Err: full{}}}
		if err := f.writeCheck(newCheckReport(r, someChecked()), r); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("fleet %t, output %q: error %v; want that there is no space", r.fleet, r.output, err)
		}
	}
}
