package target_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

func TestParseQuery(t *testing.T) {
	t.Parallel()
	web := target.Query{Kind: "pod", Name: "web-7d"}
	tests := []struct {
		words string
		want  target.Query
		// fails is a part of the error, where there is to be one.
		fails string
	}{
		{words: "web-7d", want: web},
		{words: "pod/web-7d", want: web},
		{words: "pods/web-7d", want: web},
		{words: "po/web-7d", want: web},
		{words: "POD/web-7d", want: web},
		{words: "pod web-7d", want: web},
		{words: "Pods web-7d", want: web},
		{words: "pod", want: target.Query{Kind: "pod", Name: "pod"}},
		{words: "pods.v1./web-7d", want: web},
		{words: "deploy/web", want: target.Query{Kind: "deployment", Name: "web"}},
		{words: "deployment.apps/web", want: target.Query{Kind: "deployment", Name: "web"}},
		{words: "Deployments.v1.apps web", want: target.Query{Kind: "deployment", Name: "web"}},
		{words: "svc web", want: target.Query{Kind: "service", Name: "web"}},
		{words: "", fails: "no target given"},
		{words: "pod/", fails: "the name is missing"},
		{words: "deployment.batch/web", fails: `"deployment.batch" is not a resource type`},
		{words: "pods./web", fails: `"pods." is not a resource type`},
		{words: "pods.v1/web", fails: `"pods.v1" is not a resource type`},
		{words: "deploy/", fails: "the name is missing"},
		{words: "/web", fails: "the type is missing"},
		{words: "pod/a/b", fails: "a name has no slash"},
		{words: "pod a/b", fails: "a name has no slash"},
		{words: "node/n", fails: `"node" is not a resource type that has containers`},
		{words: "secret s", fails: `"secret" is not a resource type that has containers`},
		{words: "pod/a pod/b", fails: "more than one target"},
		{words: "pod/a ls", fails: "more than one target"},
		{words: "pod a b", fails: "more than one target"},
	}
	for _, test := range tests {
		t.Run(test.words, func(t *testing.T) {
			t.Parallel()
			words := strings.Fields(test.words)
			got, err := target.ParseQuery(words)
			if test.fails == "" {
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("query (-want +got):\n%s", diff)
				}
				if again, err := target.ParseQuery([]string{got.String()}); err != nil || again != got {
					t.Errorf("ParseQuery(%q) = %v, %v; want the same again", got.String(), again, err)
				}
				return
			}
			var wrong *target.QueryError
			if !errors.As(err, &wrong) {
				t.Fatalf("error %v (%T) is no *QueryError", err, err)
			}
			if diff := cmp.Diff(words, wrong.Words); diff != "" {
				t.Errorf("words (-want +got):\n%s", diff)
			}
			if !strings.Contains(wrong.Error(), test.fails) {
				t.Errorf("error %q does not say %q", wrong, test.fails)
			}
			if wrong.Kind != "" != strings.Contains(wrong.Reason, "not a resource type") || !strings.Contains(wrong.Reason, wrong.Kind) {
				t.Errorf("error %q is about the type %q", wrong, wrong.Kind)
			}
		})
	}
}

func FuzzParseQuery(f *testing.F) {
	for _, seed := range []string{"web", "pod/web", "pod web", "a/b/c", "/", "pod /", "svc/x y z", "deploy.v1.apps/web", "cj a", "pods.v1./x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		query, err := target.ParseQuery(strings.Split(text, " "))
		if err != nil {
			return
		}
		if query.Kind == "" || query.Name == "" || strings.Contains(query.Name, "/") {
			t.Errorf("ParseQuery(%q) = %+v", text, query)
		}
		if kind, ok := target.KindOf(query.Kind); !ok || kind.Name != query.Kind {
			t.Errorf("ParseQuery(%q) = %+v, of a kind that there is not", text, query)
		}
		if again, err := target.ParseQuery([]string{query.String()}); err != nil || again != query {
			t.Errorf("ParseQuery(%q) = %v, %v; want the same again", query.String(), again, err)
		}
	})
}

func TestSourced(t *testing.T) {
	t.Parallel()
	if (target.Sourced[int64]{Value: 7}).Known() {
		t.Error("a value without an origin is taken for known")
	}
	if !(target.Sourced[int64]{Origin: target.FromPod}).Known() {
		t.Error("a zero that was read is taken for unknown")
	}
}
