package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// output is what `go test -json` wrote for a package with a test that passed,
// one that was skipped, one with a skipped subtest, and a package without tests.
const output = `{"Action":"start","Package":"m/e2e"}
{"Action":"run","Package":"m/e2e","Test":"TestRuns"}
{"Action":"output","Package":"m/e2e","Test":"TestRuns","Output":"=== RUN   TestRuns\n"}
{"Action":"pass","Package":"m/e2e","Test":"TestRuns","Elapsed":0.01}
{"Action":"run","Package":"m/e2e","Test":"TestMAC"}
{"Action":"output","Package":"m/e2e","Test":"TestMAC","Output":"    mac_test.go:9: no SELinux here\n"}
{"Action":"output","Package":"m/e2e","Test":"TestMAC","Output":"--- SKIP: TestMAC (0.00s)\n"}
{"Action":"skip","Package":"m/e2e","Test":"TestMAC","Elapsed":0}
a line from elsewhere
{"Action":"skip","Package":"m/e2e","Test":"TestUser/by_status","Elapsed":0}
{"Action":"pass","Package":"m/e2e","Test":"TestUser","Elapsed":0}
{"Action":"pass","Package":"m/e2e","Elapsed":0.2}
{"Action":"output","Package":"m/none","Output":"?   \tm/none\t[no test files]\n"}
{"Action":"skip","Package":"m/none","Elapsed":0}
`

func TestRun(t *testing.T) {
	t.Parallel()
	const both = "TestMAC  no SELinux on the test machine\nTestUser/by_status @1.29,1.30  the status has no user\n"
	tests := []struct {
		name, list, output, server string
		fails                      bool
		want                       []string
	}{
		{
			name: "all accepted", list: "# head\n\n" + both, output: output, server: "v1.30.14",
			want: []string{"accepted: TestMAC was skipped: no SELinux on the test machine", "2 tests ran, 2 skips accepted"},
		},
		{
			name: "another server", list: both, output: output, server: "v1.36.3", fails: true,
			want: []string{"TestUser/by_status was skipped"},
		},
		{
			name: "no server known", list: both, output: output, fails: true,
			want: []string{"TestUser/by_status was skipped"},
		},
		{
			name: "unlisted", list: "", output: output, fails: true,
			want: []string{"TestMAC was skipped (mac_test.go:9: no SELinux here)", "TestUser/by_status was skipped"},
		},
		{
			name: "the parent's name is not the subtest's", list: "TestMAC why\nTestUser why", output: output, fails: true,
			want: []string{"TestUser/by_status was skipped", "note: TestUser is listed but was not skipped"},
		},
		{
			name: "not skipped any more", list: both + "TestRuns it used to be slow\nTestOld @1.28 elsewhere\n", output: output, server: "1.30",
			want: []string{"note: TestRuns is listed but was not skipped"},
		},
		{
			name: "without a reason", list: "TestMAC\nTestUser/by_status @1.30\n", output: output, fails: true,
			want: []string{"line 1: TestMAC stands without a reason", "line 2: TestUser/by_status stands without a reason"},
		},
		{
			name: "no version", list: "TestMAC @1.30.14 why", output: output, fails: true,
			want: []string{`"1.30.14" is no minor version`},
		},
		{
			name: "no test's name", list: "no SELinux here", output: output, fails: true,
			want: []string{`"no" is no name of a test`},
		},
		{name: "nothing ran", output: `{"Action":"skip","Package":"m/none"}` + "\n", fails: true, want: []string{"no test ran"}},
		{name: "only skips", list: both, output: `{"Action":"skip","Package":"m","Test":"TestMAC"}`, fails: true, want: []string{"no test ran"}},
		{name: "empty", fails: true, want: []string{"no test ran"}},
		{name: "cut short", output: `{"Action":"pass","Pack`, fails: true, want: []string{"no test event"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			list, results := filepath.Join(dir, "SKIPS"), filepath.Join(dir, "output.json")
			for name, content := range map[string]string{list: test.list, results: test.output} {
				if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			var out strings.Builder
			err := run([]string{"-list", list, "-server", test.server, results}, &out)
			if (err != nil) != test.fails {
				t.Fatalf("error %v, want one: %t\n%s", err, test.fails, out.String())
			}
			if err != nil {
				out.WriteString(err.Error())
			}
			for _, want := range test.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("got:\n%s\nwant it to hold %q", out.String(), want)
				}
			}
		})
	}
}

func TestMissingFiles(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{},
		{"-list", "nowhere", "nothing.json"},
		{"-list", os.DevNull, "nothing.json"},
		{"-list", os.DevNull},
	} {
		if err := run(args, &strings.Builder{}); err == nil {
			t.Errorf("run(%q) is content", args)
		}
	}
}

// TestList holds the list in the tree to its own form.
func TestList(t *testing.T) {
	t.Parallel()
	if _, err := readFile("../../test/e2e/SKIPS", parseList); err != nil {
		t.Error(err)
	}
}
