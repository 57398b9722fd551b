package docs_test

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mindebug/kubectl-mindebug/internal/doctest"
)

// TestBlocks: test/e2e runs each block of commands, or the page says why not and NOTRUN lists it.
func TestBlocks(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("NOTRUN")
	if err != nil {
		t.Fatal(err)
	}
	whole, listed := doctest.NotRun(string(text))
	var found []string
	run := 0
	for path, page := range pages(t) {
		path = strings.TrimPrefix(path, "../")
		if strings.HasPrefix(path, "docs/reference/") {
			continue // generated
		}
		for _, b := range doctest.Blocks(page) {
			switch {
			case whole[path]:
			case b.Run():
				run++
			case b.NotRun != "":
				found = append(found, path+": "+b.NotRun)
			case b.Commands():
				t.Errorf("%s:%d: this block of commands is not run: make it ```sh, which test/e2e runs, or put `<!-- not run: REASON -->` in the line before it and `%s: REASON` into docs/NOTRUN",
					path, b.Line, path)
			}
		}
	}
	slices.Sort(found)
	t.Logf("%d blocks are run by test/e2e; of these pages none: %q; nor these %d:\n%s",
		run, slices.Sorted(maps.Keys(whole)), len(found), strings.Join(found, "\n"))
	slices.Sort(listed)
	if diff := cmp.Diff(listed, found); diff != "" {
		t.Errorf("docs/NOTRUN does not list what is not run (-listed +found):\n%s", diff)
	}
	if run < 20 {
		t.Errorf("only %d blocks are run", run)
	}
}
