package cli

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/policy"
)

func TestRolesGrant(t *testing.T) {
	t.Parallel()
	user := func(name string) rbacv1.Subject {
		return rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: "User", Name: name}
	}
	for _, test := range []struct {
		line  string
		want  policy.Grant
		fails string
	}{
		{line: "", want: policy.Grant{Namespace: "shop"}},
		{line: "-A", want: policy.Grant{Namespace: "shop", Cluster: true}},
		{line: "--user dana --user kim", want: policy.Grant{Namespace: "shop", Subjects: []rbacv1.Subject{user("dana"), user("kim")}}},
		{line: "--group=oncall", want: policy.Grant{Namespace: "shop", Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "Group", Name: "oncall"}}}},
		{line: "--serviceaccount=ci:checker", want: policy.Grant{Namespace: "shop", Subjects: []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: "ci", Name: "checker"}}}},
		{line: "--serviceaccount=checker", fails: `--serviceaccount="checker" is not NAMESPACE:NAME`},
		{line: "--serviceaccount=:checker", fails: `--serviceaccount=":checker" is not NAMESPACE:NAME`},
		{line: "--serviceaccount=system:serviceaccount:ci:checker", fails: "is not NAMESPACE:NAME"},
		{line: "--user=", fails: "the name of a user is empty"},
	} {
		t.Run(test.line, func(t *testing.T) {
			t.Parallel()
			var f rolesFlags
			set := pflag.NewFlagSet("test", pflag.ContinueOnError)
			f.add(set)
			if err := set.Parse(strings.Fields(test.line)); err != nil {
				t.Fatal(err)
			}
			got, err := f.grant("shop")
			var usage *fault.Usage
			if test.fails != "" {
				if !errors.As(err, &usage) || !strings.Contains(usage.Reason, test.fails) {
					t.Errorf("error %v; want %q", err, test.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("grant (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRolesOfNoNamespace(t *testing.T) {
	t.Parallel()
	for _, namespace := range []string{"BAD ns", "", "a/b"} {
		var usage *fault.Usage
		if _, err := (&rolesFlags{}).grant(namespace); !errors.As(err, &usage) || !strings.Contains(usage.Reason, "is not the name of a namespace") {
			t.Errorf("grant in %q: %v; want wrong usage", namespace, err)
		}
	}
}
