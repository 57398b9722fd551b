package main

import (
	"bytes"
	"fmt"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/mindebug/kubectl-mindebug/internal/access"
	"github.com/mindebug/kubectl-mindebug/internal/policy"
)

// permissions are the Role and the tables of what each permission is for, from internal/access and internal/policy.
func permissions() ([]byte, error) {
	roles, err := policy.YAML(policy.Roles(policy.Grant{
		Namespace: "shop", Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: "oncall"}},
	}))
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "\n```yaml\n%s```\n\nRequired:\n\n", roles)
	table(&out, access.Required())
	out.WriteString("\nWith `--via=attach`, for which `policy roles --via=attach` prints the Role, these in place of those:\n\n")
	table(&out, access.RequiredToAttach())
	out.WriteString("\nWhat follows is asked for and can be missing:\n\n")
	table(&out, access.Optional())
	out.WriteString("\nAsked for only where neither the pod's spec nor its status tells whom the target runs as, `check` finds no pod, or `inspect`\n" +
		"looks at an image. The Role above does not have it; a node belongs to no namespace:\n\n")
	table(&out, access.Seldom())
	out.WriteString("\nFor the [cluster's configuration](config.md#the-clusters-configmap). `policy roles --cluster-config` prints a Role in that namespace:\n\n")
	table(&out, access.ClusterConfig())
	out.WriteString("\nNeeded for [`--copy-to`](copy.md), which does without `patch pods/ephemeralcontainers`. The Role has it with `policy roles --copies`:\n\n")
	table(&out, access.Copies())
	out.WriteString("\n")
	return out.Bytes(), nil
}

func table(out *bytes.Buffer, needs []access.Need) {
	out.WriteString("| permission | for | without it |\n| --- | --- | --- |\n")
	for _, need := range needs {
		fmt.Fprintf(out, "| %s | %s | %s |\n", need, need.For, need.Without)
	}
}
