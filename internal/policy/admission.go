package policy

import (
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AdmissionName is what the policies and their bindings are called unless another name is given.
const AdmissionName = "mindebug"

// Admission is what debug containers may be, whatever tool adds them.
type Admission struct {
	Name string
	// Images are those that one may be made from: a registry's host, a repository or folder in one, a repository with a tag,
	// or with a digest. The next part of a reference must begin where one ends.
	Images []string
	// Digests are those of images that may come from any registry: "sha256:…".
	Digests []string
	// StepUpGroups are the groups whose members may go beyond the target; with ReasonForStepUps only with a reason.
	StepUpGroups     []string
	ReasonForStepUps bool
	// Namespaces says by their labels where it holds; nil is everywhere.
	Namespaces *metav1.LabelSelector
	// WarnOnly warns and writes to the audit log what would be refused, and refuses nothing.
	WarnOnly bool
	// StampUser is the version of the API by which the name of whoever adds a container is written into it, "" for none.
	StampUser string
}

// StampVersions are the versions of the API that Admission.StampUser can name: MutatingAdmissionPolicy is v1 from
// Kubernetes 1.36 on, and in 1.34 and 1.35 v1beta1 where that was switched on (KEP-3962).
func StampVersions() []string { return []string{"v1", "v1beta1"} }

// Manifests returns a ValidatingAdmissionPolicy and its binding, with StampUser a MutatingAdmissionPolicy and its own,
// too.
func (a Admission) Manifests() []Manifest {
	api := admissionregistrationv1.SchemeGroupVersion.String()
	meta := metav1.ObjectMeta{Name: a.Name}
	actions := []admissionregistrationv1.ValidationAction{admissionregistrationv1.Deny}
	if a.WarnOnly {
		actions = []admissionregistrationv1.ValidationAction{admissionregistrationv1.Warn, admissionregistrationv1.Audit}
	}
	manifests := []Manifest{
		{Object: &admissionregistrationv1.ValidatingAdmissionPolicy{
			TypeMeta: metav1.TypeMeta{APIVersion: api, Kind: "ValidatingAdmissionPolicy"}, ObjectMeta: meta,
			Spec: admissionregistrationv1.ValidatingAdmissionPolicySpec{
				// What cannot be judged is refused: a policy with a fault must not be an open door.
				FailurePolicy:    new(admissionregistrationv1.Fail),
				MatchConstraints: debugContainers(),
				Variables:        a.variables(),
				Validations:      a.validations(),
			},
		}},
		{Object: &admissionregistrationv1.ValidatingAdmissionPolicyBinding{
			TypeMeta: metav1.TypeMeta{APIVersion: api, Kind: "ValidatingAdmissionPolicyBinding"}, ObjectMeta: meta,
			Spec: admissionregistrationv1.ValidatingAdmissionPolicyBindingSpec{
				PolicyName: a.Name, ValidationActions: actions, MatchResources: a.where(),
			},
		}},
	}
	if a.StampUser != "" {
		manifests = append(manifests, a.stamp()...)
	}
	return manifests
}

// stamp returns the policy that writes MINDEBUG_USER. It merges by the names of containers and variables, as
// server-side apply does, so that an entry's place does not matter and a name that the client wrote is replaced.
func (a Admission) stamp() []Manifest {
	api := admissionregistrationv1.GroupName + "/" + a.StampUser
	meta := metav1.ObjectMeta{Name: a.Name}
	return []Manifest{
		{Object: &admissionregistrationv1.MutatingAdmissionPolicy{
			TypeMeta: metav1.TypeMeta{APIVersion: api, Kind: "MutatingAdmissionPolicy"}, ObjectMeta: meta,
			Spec: admissionregistrationv1.MutatingAdmissionPolicySpec{
				FailurePolicy:      new(admissionregistrationv1.Fail),
				MatchConstraints:   debugContainers(),
				ReinvocationPolicy: admissionregistrationv1.NeverReinvocationPolicy,
				Variables:          []admissionregistrationv1.Variable{podVariable, addedVariable},
				Mutations: []admissionregistrationv1.Mutation{{
					PatchType:          admissionregistrationv1.PatchTypeApplyConfiguration,
					ApplyConfiguration: &admissionregistrationv1.ApplyConfiguration{Expression: stampExpression},
				}},
			},
		}},
		{Object: &admissionregistrationv1.MutatingAdmissionPolicyBinding{
			TypeMeta: metav1.TypeMeta{APIVersion: api, Kind: "MutatingAdmissionPolicyBinding"}, ObjectMeta: meta,
			Spec: admissionregistrationv1.MutatingAdmissionPolicyBindingSpec{PolicyName: a.Name, MatchResources: a.where()},
		}},
	}
}

// debugContainers are the requests that add ephemeral containers: every patch of the subresource is an UPDATE, and the API
// takes none of them in a new pod.
func debugContainers() *admissionregistrationv1.MatchResources {
	return &admissionregistrationv1.MatchResources{ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{{
		RuleWithOperations: admissionregistrationv1.RuleWithOperations{
			Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Update},
			Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods/ephemeralcontainers"}},
		},
	}}}
}

func (a Admission) where() *admissionregistrationv1.MatchResources {
	if a.Namespaces == nil {
		return nil
	}
	return &admissionregistrationv1.MatchResources{NamespaceSelector: a.Namespaces}
}

// beginnings are what a reference must begin with to be of one of the images, when "@" is written behind it. So that no
// other registry or repository has a name that only begins alike, each is one to the end of a part.
func beginnings(images []string) (out []string) {
	for _, image := range images {
		image = strings.TrimSuffix(image, "/")
		path := image[strings.LastIndex(image, "/")+1:]
		switch {
		case path == image: // a host, after which ":" would be another port
			out = append(out, image+"/")
		case strings.ContainsAny(path, ":@"):
			out = append(out, image+"@")
		default:
			out = append(out, image+"/", image+":", image+"@")
		}
	}
	return out
}
