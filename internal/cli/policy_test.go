package cli

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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
		{line: "--copies", want: policy.Grant{Namespace: "shop", Copies: true}},
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
			parsed(t, &f, test.line)
			got, err := f.grant("shop")
			if wantUsage(t, err, test.fails) {
				return
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

func TestGenerateAdmission(t *testing.T) {
	t.Parallel()
	const digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	allowed := policy.Admission{Name: "mindebug", Images: []string{"r.test/debug"}}
	with := func(change func(*policy.Admission)) policy.Admission {
		a := allowed
		change(&a)
		return a
	}
	for _, test := range []struct {
		line  string
		want  policy.Admission
		fails string
	}{
		{line: "--image-prefix=r.test/debug", want: allowed},
		{line: "--image-prefix=r.test:5000 --image-prefix=localhost/x/ --image-prefix=r.test/x:1@" + digest, want: with(func(a *policy.Admission) {
			a.Images = []string{"r.test:5000", "localhost/x/", "r.test/x:1@" + digest}
		})},
		{line: "--image-digest=" + digest, want: with(func(a *policy.Admission) { a.Images, a.Digests = nil, []string{digest} })},
		{line: "--image-prefix=r.test/debug --step-up-group=a --step-up-group=b --step-up-reason", want: with(func(a *policy.Admission) {
			a.StepUpGroups, a.ReasonForStepUps = []string{"a", "b"}, true
		})},
		{line: "--image-prefix=r.test/debug --warn-only --name=x.y --stamp-user=v1beta1", want: with(func(a *policy.Admission) {
			a.WarnOnly, a.Name, a.StampUser = true, "x.y", "v1beta1"
		})},
		{line: "--image-prefix=r.test/debug --namespace-selector=stage=test,!a", want: with(func(a *policy.Admission) {
			a.Namespaces = &metav1.LabelSelector{MatchLabels: map[string]string{"stage": "test"}, MatchExpressions: []metav1.LabelSelectorRequirement{
				{Key: "a", Operator: metav1.LabelSelectorOpDoesNotExist, Values: []string{}},
			}}
		})},
		{line: "", fails: "needs the images"},
		{line: "--image-prefix=", fails: `--image-prefix="" names no registry`},
		{line: "--image-prefix=busybox", fails: `--image-prefix="busybox" names no registry`},
		{line: "--image-prefix=library/busybox", fails: "names no registry"},
		{line: "--image-prefix=r.test/Debug", fails: "is no place of images: invalid reference format: repository name (Debug) must be lowercase"},
		{line: "--image-prefix=https://r.test/debug", fails: "is no place of images"},
		{line: "--image-digest=0123", fails: `--image-digest="0123" is not sha256:`},
		{line: "--image-prefix=r.test --name=A_b", fails: `--name="A_b" cannot be the name of a policy`},
		{line: "--image-prefix=r.test --step-up-group=", fails: "the name of a group is empty"},
		{line: "--image-prefix=r.test --step-up-reason", fails: "nobody may make one"},
		{line: "--image-prefix=r.test --stamp-user=v2", fails: `--stamp-user="v2" is none of v1, v1beta1`},
		{line: "--image-prefix=r.test --namespace-selector=a(b", fails: "--namespace-selector=\"a(b\": "},
	} {
		t.Run(test.line, func(t *testing.T) {
			t.Parallel()
			var f generateFlags
			parsed(t, &f, test.line)
			got, err := f.admission()
			if wantUsage(t, err, test.fails) {
				return
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("admission (-want +got):\n%s", diff)
			}
		})
	}
}
