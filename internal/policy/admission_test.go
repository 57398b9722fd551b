package policy_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mindebug/kubectl-mindebug/internal/policy"
)

// TestAdmissionManifests: what surrounds the expressions, which internal/proof and test/e2e run.
func TestAdmissionManifests(t *testing.T) {
	t.Parallel()
	a := policy.Admission{
		Name: "debug", Images: []string{"r.test"}, WarnOnly: true, StampUser: "v1beta1",
		Namespaces: &metav1.LabelSelector{MatchLabels: map[string]string{"stage": "test"}},
	}
	out, err := policy.YAML(a.Manifests())
	if err != nil {
		t.Fatal(err)
	}
	const matched = `    resourceRules:
    - apiGroups:
      - ""
      apiVersions:
      - v1
      operations:
      - UPDATE
      resources:
      - pods/ephemeralcontainers
`
	const where = "spec:\n  matchResources:\n    namespaceSelector:\n      matchLabels:\n        stage: test\n  policyName: debug\n"
	text := string(out)
	for _, want := range []string{
		"apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicy\nmetadata:\n  name: debug\nspec:\n  failurePolicy: Fail\n  matchConstraints:\n" + matched,
		"kind: ValidatingAdmissionPolicyBinding\nmetadata:\n  name: debug\n" + where + "  validationActions:\n  - Warn\n  - Audit\n",
		"apiVersion: admissionregistration.k8s.io/v1beta1\nkind: MutatingAdmissionPolicy\nmetadata:\n  name: debug\nspec:\n  failurePolicy: Fail\n  matchConstraints:\n" + matched,
		"apiVersion: admissionregistration.k8s.io/v1beta1\nkind: MutatingAdmissionPolicyBinding\nmetadata:\n  name: debug\n" + where,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the manifests lack:\n%s\nthey are:\n%s", want, text)
		}
	}
	if strings.Contains(text, "status:\n") || strings.Contains(text, "status: {}") {
		t.Errorf("the manifests have a status:\n%s", text)
	}
}

// TestAdmissionByItself: what is not asked for is not there.
func TestAdmissionByItself(t *testing.T) {
	t.Parallel()
	manifests := policy.Admission{Name: "mindebug", Images: []string{"r.test"}}.Manifests()
	if len(manifests) != 2 {
		t.Fatalf("%d manifests, want a policy and its binding", len(manifests))
	}
	want := admissionregistrationv1.ValidatingAdmissionPolicyBindingSpec{
		PolicyName: "mindebug", ValidationActions: []admissionregistrationv1.ValidationAction{admissionregistrationv1.Deny},
	}
	if diff := cmp.Diff(want, manifests[1].Object.(*admissionregistrationv1.ValidatingAdmissionPolicyBinding).Spec); diff != "" {
		t.Errorf("the binding (-want +got):\n%s", diff)
	}
}
