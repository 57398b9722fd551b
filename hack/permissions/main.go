// Command permissions writes the generated part of docs/permissions.md: the Role and the tables of what each permission is
// for, from internal/access and internal/policy. `make generate` runs it.
package main

//go:generate go run . ../../docs/permissions.md

import (
	"bytes"
	"fmt"
	"os"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/mindebug/kubectl-mindebug/internal/access"
	"github.com/mindebug/kubectl-mindebug/internal/policy"
)

// What stands between these lines is generated.
const (
	begin = "<!-- begin: written by `make generate` -->\n"
	end   = "<!-- end -->\n"
)

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(path string) error {
	page, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, ok := bytes.Cut(page, []byte(begin))
	_, after, closed := bytes.Cut(rest, []byte(end))
	if !ok || !closed {
		return fmt.Errorf("%s has no place for what is generated: %q, %q", path, begin, end)
	}
	part, err := generated()
	if err != nil {
		return err
	}
	return os.WriteFile(path, bytes.Join([][]byte{before, []byte(begin), part, []byte(end), after}, nil), 0o644)
}

func generated() ([]byte, error) {
	roles, err := policy.YAML(policy.Roles(policy.Grant{
		Namespace: "shop", Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: "oncall"}},
	}))
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "\n```yaml\n%s```\n\nRequired:\n\n", roles)
	table(&out, access.Required())
	out.WriteString("\nWhat follows is asked for and can be missing:\n\n")
	table(&out, access.Optional())
	out.WriteString("\nAsked for only where neither the pod's spec nor its status tells whom the target runs as. The Role above does not\n" +
		"have it; a node belongs to no namespace:\n\n")
	table(&out, access.ForIdentity())
	out.WriteString("\n")
	return out.Bytes(), nil
}

func table(out *bytes.Buffer, needs []access.Need) {
	out.WriteString("| permission | for | without it |\n| --- | --- | --- |\n")
	for _, need := range needs {
		fmt.Fprintf(out, "| %s | %s | %s |\n", need, need.For, need.Without)
	}
}
