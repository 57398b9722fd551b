package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/mindebug/kubectl-mindebug/internal/access"
)

// TestAuditQueries runs the queries of docs/audit.md on the audit log, and finds two users' sessions by them.
func TestAuditQueries(t *testing.T) {
	t.Parallel()
	log := filepath.Join(onNode(t), "audit.log")
	pod := restrictedTarget(t)
	dana := newUser(t, pod.Namespace, "dana", access.Session()...)
	kim := newUser(t, pod.Namespace, "kim", access.Session()...)
	succeeds(t, pod, dana.as("pod/target", "--reason", "INC-7: why?", "--", "true")...)
	succeeds(t, pod, kim.as("pod/target", "--", "true")...)
	c := onlyContainer(t, pod)

	page, err := os.ReadFile("../../docs/audit.md")
	if err != nil {
		t.Fatalf("reading the page: %v", err)
	}
	queries := regexp.MustCompile("(?s)```jq\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	if len(queries) != 2 {
		t.Fatalf("the page has %d queries, want 2", len(queries))
	}
	run := func(query string) (lines [][]string) {
		out, err := exec.CommandContext(t.Context(), "jq", "-r", query, log).Output()
		if err != nil {
			t.Fatalf("jq: %v", err)
		}
		for line := range strings.Lines(string(out)) {
			if fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t"); fields[2] == pod.Namespace+"/target" {
				lines = append(lines, fields[1:])
			}
		}
		return lines
	}
	began := map[string]string{}
	for _, f := range run(queries[0][1]) {
		if f[2] != c.Name || f[3] == "" {
			t.Errorf("session %q is in another container than %s, or has no id", f, c.Name)
		}
		if f[5] == "101" {
			began[f[0]] = f[4]
		}
	}
	if reason, ok := began[dana.name]; !ok || reason != "INC-7: why?" {
		t.Errorf("the sessions are %q, want dana's with its reason", began)
	}
	if reason, ok := began[kim.name]; !ok || reason != "" {
		t.Errorf("the sessions are %q, want kim's without one", began)
	}
	added := run(queries[1][1])
	if len(added) != 1 || strings.Join(added[0], " ") != dana.name+" "+pod.Namespace+"/target "+c.Name+" 65532:0 INC-7: why? mirror" {
		t.Errorf("the containers added are %q, want dana's only", added)
	}
}
