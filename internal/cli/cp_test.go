package cli

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mindebug/kubectl-mindebug/internal/app"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/transfer"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

func TestCopyRequest(t *testing.T) {
	t.Parallel()
	out := transfer.Copy{Target: "deploy/web", Out: true, RemoteFrom: []transfer.Remote{"/etc"}, LocalTo: "."}
	for _, test := range []struct {
		line    string
		words   transfer.Copy
		options transfer.Options
		fails   string
	}{
		{line: "deploy/web:/etc .", words: out, options: transfer.Options{Retries: 5}},
		{line: "deploy/web:/etc . -L --retries=0 --max-bytes=7", words: out, options: transfer.Options{Follow: true, MaxBytes: 7}},
		{line: "deploy/web:/etc . --retries=-1", fails: "--retries=-1 is negative"},
		{line: "deploy/web:/etc . --max-bytes=-1", fails: "--max-bytes=-1 is negative"},
		{line: "deploy/web:/etc - -o json", fails: "--output prints a summary where the archive goes"},
		{line: "deploy/web:/etc", fails: "a copy is from somewhere to somewhere"},
		{line: "a b", fails: `"a" and "b" are both on this machine`},
	} {
		t.Run(test.line, func(t *testing.T) {
			t.Parallel()
			var f copyFlags
			set := parsed(t, &f, test.line)
			got, words, err := f.request(set.Args(), surroundings{
				getenv: func(string) string { return "env:1" },
				verbs:  func(string) []string { return nil },
			})
			var usage *fault.Usage
			if test.fails != "" {
				if !errors.As(err, &usage) || !strings.Contains(usage.Reason, test.fails) {
					t.Errorf("the error is %v, want %q", err, test.fails)
				}
				return
			}
			want := app.SessionRequest{
				TargetRequest: app.TargetRequest{Query: target.Query{Kind: "deployment", Name: "web"}},
				Image:         "env:1", ImageOrigin: "MINDEBUG_IMAGE", TTL: defaultTTL, Timeout: time.Minute,
			}
			if diff := cmp.Diff(want, got) + cmp.Diff(test.words, words) + cmp.Diff(test.options, f.Options, cmp.AllowUnexported()); diff != "" || err != nil {
				t.Errorf("error %v; (-want +got):\n%s", err, diff)
			}
		})
	}
}
