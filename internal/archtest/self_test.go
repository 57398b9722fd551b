package archtest

import (
	"strings"
	"testing"
	"testing/fstest"
)

// TestRules proves the rules themselves on made-up modules: each fault must be
// reported, and what is allowed must not be.
func TestRules(t *testing.T) {
	t.Parallel()
	const ours = `"` + modulePath + `/`
	tests := []struct {
		name  string
		rule  func(module) []string
		files map[string]string
		want  []string // one part of each report, in order; none where all is allowed
	}{
		{
			name: "down", rule: checkTiers,
			files: map[string]string{
				"internal/app/a.go":     `package app; import _ ` + ours + `internal/session"`,
				"internal/session/a.go": `package session; import (_ ` + ours + `pkg/target"; _ "strings")`,
				"pkg/target/a.go":       `package target`,
			},
		},
		{
			name: "sideways", rule: checkTiers,
			files: map[string]string{"internal/session/a.go": `package session; import _ ` + ours + `internal/resolve"`},
			want:  []string{"internal/session/a.go imports internal/resolve: both stand in tier 3"},
		},
		{
			name: "sideways, on one platform only", rule: checkTiers,
			files: map[string]string{"internal/cluster/a_windows.go": `package cluster; import _ ` + ours + `pkg/profiles"`},
			want:  []string{"internal/cluster/a_windows.go imports pkg/profiles: both stand in tier 1"},
		},
		{
			name: "the profiles and what judges them are apart", rule: checkTiers,
			files: map[string]string{"pkg/profiles/exceed/a.go": `package exceed; import _ ` + ours + `pkg/profiles"`},
			want:  []string{"both stand in tier 1"},
		},
		{
			name: "up", rule: checkTiers,
			files: map[string]string{"internal/ui/a.go": `package ui; import _ ` + ours + `internal/cli"`},
			want:  []string{"tier 0 may not import tier 5"},
		},
		{
			name: "sideways and meant", rule: checkTiers,
			files: map[string]string{"pkg/attach/attachtest/a.go": `package attachtest; import _ ` + ours + `pkg/attach"`},
		},
		{
			name: "tests see their own tier and what is for tests", rule: checkTiers,
			files: map[string]string{"pkg/profiles/a_test.go": `package profiles_test; import (_ ` + ours + `pkg/profiles/exceed"; _ ` + ours + `pkg/profiles"; _ ` + ours + `internal/kubetest")`},
		},
		{
			name: "tests see nothing above", rule: checkTiers,
			files: map[string]string{"pkg/target/a_test.go": `package target; import _ ` + ours + `internal/facts"`},
			want:  []string{"tier 0 may not import tier 3"},
		},
		{
			name: "test helpers stay in tests", rule: checkTiers,
			files: map[string]string{
				"internal/app/a.go":      `package app; import (_ ` + ours + `internal/kubetest"; _ ` + ours + `pkg/attach/attachtest")`,
				"internal/kubetest/a.go": `package kubetest; import _ ` + ours + `pkg/target"`,
			},
			want: []string{"internal/kubetest: it is for test files only", "attachtest: it is for test files only"},
		},
		{
			name: "a new package", rule: checkTiers,
			files: map[string]string{
				"internal/news/a.go": `package news; import _ ` + ours + `internal/session"`,
				"internal/app/a.go":  `package app; import (_ ` + ours + `internal/news"; _ ` + ours + `test/e2e")`,
				"test/e2e/a.go":      `package e2e; import _ ` + ours + `internal/cli"`,
				"hack/x/a.go":        `package main`,
			},
			want: []string{
				"internal/app/a.go imports internal/news: it stands in no tier",
				"internal/app/a.go imports test/e2e: it stands in no tier",
				"package internal/news stands in no tier: add it to the table in internal/archtest/tiers_test.go, in tier 4 or above",
			},
		},
		{
			name: "pure", rule: checkPure,
			files: map[string]string{
				"pkg/target/a.go":      `package target; import ("net/netip"; "time"); const D = 3 * time.Second; var A netip.Addr`,
				"pkg/target/a_test.go": `package target; import ("net/http"; "time"); var T = time.Now()`,
			},
		},
		{
			name: "network and clock", rule: checkPure,
			files: map[string]string{
				"pkg/target/a.go":     `package target; import ("net/http"; clock "time"); var T = clock.Now()`,
				"internal/fault/a.go": `package fault; import . "time"`,
			},
			want: []string{
				"internal/fault is pure, but internal/fault/a.go imports time into its own names",
				"pkg/target is pure, but pkg/target/a.go imports net/http",
				"pkg/target is pure, but pkg/target/a.go uses time.Now",
			},
		},
		{
			name: "through another package", rule: checkPure,
			files: map[string]string{
				"pkg/profiles/a.go": `package profiles; import _ ` + ours + `internal/ui"`,
				"internal/ui/a.go":  `package ui; import (_ "os/exec"; _ "k8s.io/client-go/rest")`,
			},
			want: []string{
				"pkg/profiles is pure, but internal/ui/a.go imports os/exec",
				"pkg/profiles is pure, but internal/ui/a.go imports k8s.io/client-go/rest",
			},
		},
		{
			name: "a pure part of a package", rule: checkPure,
			files: map[string]string{
				"internal/imagekind/verdict.go": `package imagekind; import "os/exec"`,
				"internal/imagekind/sources.go": `package imagekind; import "net/http"`,
			},
			want: []string{"internal/imagekind is pure, but internal/imagekind/verdict.go imports os/exec"},
		},
		{
			name: "the pure part is missing", rule: checkPure,
			files: map[string]string{"internal/imagekind/sources.go": `package imagekind`},
			want:  []string{"package internal/imagekind has no file named verdict*.go"},
		},
		{
			name: "exports", rule: checkExports,
			files: map[string]string{
				"pkg/attach/ok.go": `package attach; import "` + modulePath + `/internal/fault"
					type T struct { hidden fault.Error }
					type I interface { hidden() fault.Error }
					func (t T) hide() fault.Error { return t.hidden }
					func (h helper) Show() fault.Error { return h.e }
					type helper struct { e fault.Error }
					var F = func() error { return fault.New() }`,
				"pkg/attach/bad.go": `package attach; import f "` + modulePath + `/internal/fault"
					func A(e *f.Error) {}
					func (t *T) B() (_ []f.Error) { return nil }
					type C = f.Error
					type D struct { E f.Error; f.Option }
					type G[P f.Set] int
					type H interface { J() f.Error }
					var K = f.New()
					var L func(f.Error)`,
			},
			want: []string{
				"A shows", "B shows", "C shows", "fault.Error", "fault.Option",
				"G shows", "H shows", "K shows", "L shows",
			},
		},
		{
			name: "prints and exits", rule: checkQuiet,
			files: map[string]string{
				"pkg/attach/a.go":      `package attach; import ("fmt"; "os"; _ "log"); func a() { fmt.Println(); os.Exit(1); println(); _ = fmt.Sprint(os.Stdin) }`,
				"pkg/attach/a_test.go": `package attach; import "fmt"; func b() { fmt.Println() }`,
				"internal/ui/a.go":     `package ui; import "fmt"; func a() { fmt.Println() }`,
			},
			want: []string{"uses fmt.Println", "uses os.Exit", "imports log", "calls println"},
		},
		{
			name: "what is not the module's", rule: checkTiers,
			files: map[string]string{
				"other/go.mod":              `module other`,
				"other/a.go":                `package other`,
				"internal/ui/testdata/a.go": `not go`,
				"internal/ui/gen.go":        "//go:build ignore\n\npackage main",
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			tree := fstest.MapFS{}
			for name, source := range test.files {
				tree[name] = &fstest.MapFile{Data: []byte(source)}
			}
			m, err := load(tree)
			if err != nil {
				t.Fatal(err)
			}
			got := test.rule(m)
			if len(got) != len(test.want) {
				t.Fatalf("got %d reports, want %d:\n%s", len(got), len(test.want), strings.Join(got, "\n"))
			}
			for i, want := range test.want {
				if !strings.Contains(got[i], want) {
					t.Errorf("report %d is %q, want it to hold %q", i, got[i], want)
				}
			}
		})
	}
}
