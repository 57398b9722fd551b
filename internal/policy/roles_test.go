package policy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/mindebug/kubectl-mindebug/internal/access"
	"github.com/mindebug/kubectl-mindebug/internal/policy"
)

const roleRules = `rules:
# required: get: reading the pod
- apiGroups:
  - ""
  resources:
  - pods
  verbs:
  - get
# required: patch: adding a session container
- apiGroups:
  - ""
  resources:
  - pods/ephemeralcontainers
  verbs:
  - patch
# required: create: entering a session container; get: entering over a websocket
- apiGroups:
  - ""
  resources:
  - pods/exec
  verbs:
  - create
  - get
`

func subject(kind, namespace, name string) rbacv1.Subject {
	s := rbacv1.Subject{Kind: kind, Namespace: namespace, Name: name}
	if kind != rbacv1.ServiceAccountKind {
		s.APIGroup = rbacv1.GroupName
	}
	return s
}

func text(t *testing.T, g policy.Grant) string {
	t.Helper()
	out, err := policy.YAML(policy.Roles(g))
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestRoleOfANamespace(t *testing.T) {
	t.Parallel()
	got := text(t, policy.Grant{Namespace: "shop", Subjects: []rbacv1.Subject{subject("User", "", "dana")}})
	begin, rest, _ := strings.Cut(got, "# optional: ")
	want := "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata:\n  name: mindebug\n  namespace: shop\n" + roleRules
	if diff := cmp.Diff(want, begin); diff != "" {
		t.Errorf("the Role up to what is optional (-want +got):\n%s", diff)
	}
	_, binding, _ := strings.Cut(rest, "---\n")
	want = `apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: mindebug:user:dana
  namespace: shop
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: mindebug
subjects:
- apiGroup: rbac.authorization.k8s.io
  kind: User
  name: dana
`
	if diff := cmp.Diff(want, binding); diff != "" {
		t.Errorf("the binding (-want +got):\n%s", diff)
	}
}

func TestRoleOfACluster(t *testing.T) {
	t.Parallel()
	got := text(t, policy.Grant{Namespace: "shop", Cluster: true, Subjects: []rbacv1.Subject{
		subject("Group", "", "oncall"), subject("ServiceAccount", "ci", "checker"),
	}})
	for _, want := range []string{
		"kind: ClusterRole\nmetadata:\n  name: mindebug\n" + roleRules,
		"kind: ClusterRoleBinding\nmetadata:\n  name: mindebug:group:oncall\nroleRef:\n  apiGroup: rbac.authorization.k8s.io\n  kind: ClusterRole\n",
		"name: mindebug:serviceaccount:ci:checker\n", "- kind: ServiceAccount\n  name: checker\n  namespace: ci\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the manifests lack:\n%s\nthey are:\n%s", want, got)
		}
	}
	if strings.Contains(got, "shop") {
		t.Errorf("what holds for the cluster names a namespace:\n%s", got)
	}
}

// TestRulesAreTheTable: what the rules allow is the table of calls, not one more by a verb crossed with a resource.
func TestRulesAreTheTable(t *testing.T) {
	t.Parallel()
	role := policy.Roles(policy.Grant{Namespace: "shop"})[0]
	rules := role.Object.(*rbacv1.Role).Rules
	if len(rules) != len(role.Comments) {
		t.Fatalf("%d rules and %d comments", len(rules), len(role.Comments))
	}
	var got, want []string
	for _, rule := range rules {
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				for _, verb := range rule.Verbs {
					resource, subresource, _ := strings.Cut(resource, "/")
					got = append(got, access.Call{Verb: verb, Group: group, Resource: resource, Subresource: subresource}.String())
				}
			}
		}
	}
	for _, need := range append(access.Required(), access.Optional()...) {
		want = append(want, need.String())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

// TestRolesToAttach: who may only attach gets no exec.
func TestRolesToAttach(t *testing.T) {
	t.Parallel()
	role, ok := policy.Roles(policy.Grant{Namespace: "shop", Attach: true})[0].Object.(*rbacv1.Role)
	if !ok {
		t.Fatal("the first manifest is no Role")
	}
	has := func(resource string) bool {
		return slices.ContainsFunc(role.Rules, func(r rbacv1.PolicyRule) bool {
			return r.Resources[0] == resource && slices.Equal(r.Verbs, []string{"create", "get"})
		})
	}
	if !has("pods/attach") || has("pods/exec") {
		t.Errorf("the rules are %v; want attach in place of exec", role.Rules)
	}
}

// TestBindingsOfOneAnother: what is applied for one subject replaces nothing of another, whatever they are called.
func TestBindingsOfOneAnother(t *testing.T) {
	t.Parallel()
	manifests := policy.Roles(policy.Grant{Namespace: "shop", Subjects: []rbacv1.Subject{
		subject("User", "", "a"), subject("Group", "", "a"), subject("ServiceAccount", "a", "b"), subject("ServiceAccount", "a-b", "a"),
		subject("User", "", "https://idp/dana"), subject("User", "", "https:--idp-dana"), subject("User", "", "a%b"),
	}})
	seen := map[string]bool{}
	for _, m := range manifests[1:] {
		name := m.Object.(*rbacv1.RoleBinding).Name
		if seen[name] {
			t.Errorf("two bindings are called %q", name)
		}
		if strings.ContainsAny(name, "/%") {
			t.Errorf("%q cannot be the name of an object", name)
		}
		seen[name] = true
	}
}

// TestRolesToCopy: what --copy-to takes is in a Role that was asked for it, and in no other.
func TestRolesToCopy(t *testing.T) {
	t.Parallel()
	for _, copies := range []bool{false, true} {
		got := text(t, policy.Grant{Namespace: "shop", Copies: copies})
		if has := strings.Contains(got, "# for copies: create: `--copy-to`: making the copy; delete: `--copy-to`: ending the copy\n- apiGroups:\n  - \"\"\n  resources:\n  - pods\n"); has != copies {
			t.Errorf("copies %t: it has what they take: %t:\n%s", copies, has, got)
		}
	}
}
