package doctest_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mindebug/kubectl-mindebug/internal/doctest"
)

func TestNotRun(t *testing.T) {
	t.Parallel()
	pages, blocks := doctest.NotRun("# A: every block: no\n\ndocs/a.md: every block: it is a's\ndocs/b.md: needs a registry\n")
	if diff := cmp.Diff(map[string]bool{"docs/a.md": true}, pages); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"docs/b.md: needs a registry"}, blocks); diff != "" {
		t.Errorf("blocks (-want +got):\n%s", diff)
	}
}

func TestBlocks(t *testing.T) {
	t.Parallel()
	const page = "# A page\n\n```sh\nkubectl x\n```\n\n" +
		"1. In a list:\n\n   <!-- exits 3: it says no -->\n   ```sh\n   a\n     b\n   ```\n" +
		"<!-- not run: needs a registry -->\n```\n$ kubectl y\nout\n```\n" +
		"<!-- not run: of an earlier line -->\n\n```\nP=$(kubectl z)\n```\n```\nlisten = 8080\n```\n```json\nkubectl\n```\n"
	want := []doctest.Block{
		{Line: 3, Language: "sh", Text: "kubectl x\n"},
		{Line: 10, Language: "sh", Text: "a\n  b\n", Exits: 3},
		{Line: 15, Text: "$ kubectl y\nout\n", NotRun: "needs a registry"},
		{Line: 21, Text: "P=$(kubectl z)\n"},
		{Line: 24, Text: "listen = 8080\n"},
		{Line: 27, Language: "json", Text: "kubectl\n"},
	}
	got := doctest.Blocks(page)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("blocks (-want +got):\n%s", diff)
	}
	for i, is := range []struct{ run, commands bool }{{true, true}, {true, true}, {false, true}, {false, true}, {false, false}, {false, false}} {
		if got[i].Run() != is.run || got[i].Commands() != is.commands {
			t.Errorf("block of line %d: run %v, commands %v; want %v", got[i].Line, got[i].Run(), got[i].Commands(), is)
		}
	}
}
