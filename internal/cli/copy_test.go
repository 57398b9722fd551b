package cli

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mindebug/kubectl-mindebug/internal/app"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/podcopy"
)

// parseCopy reads a command line with --copy-to.
func parseCopy(t *testing.T, args ...string) (app.CopyRequest, error) {
	t.Helper()
	set := pflag.NewFlagSet("", pflag.ContinueOnError)
	var f sessionFlags
	f.add(set)
	if err := set.Parse(args); err != nil {
		return app.CopyRequest{}, err
	}
	f.ttlGiven = set.Changed("ttl")
	if err := f.check(set.Args(), set); err != nil {
		return app.CopyRequest{}, err
	}
	r, err := f.request(set.Args(), nil, surroundings{getenv: func(string) string { return "" }, verbs: func(string) []string { return nil }})
	if err != nil {
		return app.CopyRequest{}, err
	}
	if !f.to.wanted {
		t.Fatalf("%q asks for no copy", args)
	}
	return f.podCopyFlags.request(r, set)
}

func TestCopyFlags(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args string
		name string
		ttl  time.Duration
		pvc  bool
		set  map[string]string
	}{
		{args: "pod/x --copy-to", ttl: 4 * time.Hour},
		{args: "pod/x --copy-to=x2 --with-pvc", name: "x2", ttl: 4 * time.Hour, pvc: true},
		{args: "--copy-to pod/x --ttl=30m", ttl: 30 * time.Minute},
		{args: "pod/x --copy-to --set-image=app=b:1,proxy=p@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", ttl: 4 * time.Hour, set: map[string]string{
			"app": "b:1", "proxy": "p@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
		}},
	} {
		r, err := parseCopy(t, strings.Fields(test.args)...)
		if err != nil {
			t.Errorf("%s: %v", test.args, err)
		}
		if r.Query.Name != "x" || r.Name != test.name || r.TTL != test.ttl || r.WithClaims != test.pvc || cmp.Diff(test.set, r.Images) != "" {
			t.Errorf("%s: %+v", test.args, r)
		}
	}
}

func TestWrongCopyFlags(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"pod/x --copy-to=":                      "it is empty",
		"pod/x --copy-to=X_Y":                   "not the name of a pod",
		"pod/x --copy-to y":                     `"y" stands after the target`,
		"pod/x --copy-to --set-image=app=A:B:C": "is not the name of an image",
		"pod/x --copy-to --ttl=0":               "leaves a copy no time",
		"pod/x --set-image=app=b":               "--set-image is for a copy of the pod",
		"pod/x --with-pvc":                      "--with-pvc is for a copy of the pod",
		"pod/x --copy-to --new":                 "--copy-to and --new exclude each other",
		"pod/x --copy-to --profile=general":     "--copy-to and --profile exclude",
		"pod/x --copy-to --cap-add=NET_RAW":     "--copy-to and --cap-add exclude",
		"pod/x --copy-to --run-as=1":            "--copy-to and --run-as exclude",
		"pod/x --copy-to --env=A=b":             "--copy-to and --env exclude",
		"pod/x --copy-to --mount-volumes":       "--copy-to and --mount-volumes exclude",
		"pod/x --copy-to --learn-user":          "--copy-to and --learn-user exclude",
	} {
		_, err := parseCopy(t, strings.Fields(args)...)
		if err == nil {
			t.Errorf("%s: no error", args)
			continue
		}
		var usage *fault.Usage
		text := err.Error()
		if errors.As(err, &usage) {
			text = usage.Reason
		}
		if !strings.Contains(text, want) {
			t.Errorf("%s: %v; want %q", args, err, want)
		}
	}
}

// TestFlagsNotForCopies: each of them is one that there is, or is to come.
func TestFlagsNotForCopies(t *testing.T) {
	t.Parallel()
	set := pflag.NewFlagSet("", pflag.ContinueOnError)
	var f sessionFlags
	f.add(set)
	for _, flag := range notForCopies {
		if set.Lookup(flag.name) == nil && flag.name != "via" {
			t.Errorf("there is no flag --%s", flag.name)
		}
	}
}

func TestWriteCopy(t *testing.T) {
	t.Parallel()
	c := podcopy.Copy{
		Pod: &corev1.Pod{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}, ObjectMeta: metav1.ObjectMeta{Name: "x"},
			Status: corev1.PodStatus{Phase: corev1.PodPending},
		},
		Changes: []podcopy.Change{{Path: "metadata.name", Why: "--copy-to\x1b"}},
	}
	for format, want := range map[string]string{
		formatYAML: "# metadata.name: --copy-to\\x1b\napiVersion: v1\nkind: Pod\nmetadata:\n  name: x\nspec:\n  containers: null\nstatus: {}\n",
		formatJSON: `{
    "apiVersion": "mindebug/v1alpha1",
    "kind": "PodCopy",
    "pod": {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {
            "name": "x"
        },
        "spec": {
            "containers": null
        },
        "status": {}
    },
    "origins": {
        "metadata.name": "--copy-to\u001b"
    }
}
`,
	} {
		var out bytes.Buffer
		f := &factory{program: Program{Out: &out}}
		if err := f.writeCopy(c, format); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", format, diff)
		}
	}
}
