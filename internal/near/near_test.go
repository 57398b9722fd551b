package near_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mindebug/kubectl-mindebug/internal/near"
)

func TestNames(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, want  string
		names, near []string
	}{
		{name: "none", want: "web"},
		{name: "nothing alike", want: "web-7d", names: []string{"database-0", "zzz"}},
		{
			name: "what contains it first, then the fewest letters", want: "web-7d",
			names: []string{"database-0", "wob-7d", "web-7e", "web-7d-x", "a-web-7d", "web"},
			near:  []string{"a-web-7d", "web", "web-7d-x", "web-7e", "wob-7d"},
		},
		{
			name: "five at most", want: "web", names: []string{"web-1", "web-2", "web-3", "web-4", "web-5", "web-6"},
			near: []string{"web-1", "web-2", "web-3", "web-4", "web-5"},
		},
		{name: "one letter is in too many", want: "a", names: []string{"app", "b"}},
		{name: "not all letters", want: "db", names: []string{"web", "do"}, near: []string{"do"}},
		{name: "two letters, however short it is", want: "ap", names: []string{"app", "log", "proxy"}, near: []string{"app"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.near, near.Names(test.want, test.names)); diff != "" {
				t.Errorf("names (-want +got):\n%s", diff)
			}
		})
	}
}
