package access_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mindebug/kubectl-mindebug/internal/access"
)

// TestSession holds the four calls that documentation, Roles and hints name.
func TestSession(t *testing.T) {
	t.Parallel()
	var got []string
	for _, call := range access.Session() {
		got = append(got, call.String())
	}
	want := []string{"get pods", "patch pods/ephemeralcontainers", "create pods/exec", "get pods/exec"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}
