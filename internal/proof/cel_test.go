package proof

import (
	"fmt"
	"slices"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/ext"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/mindebug/kubectl-mindebug/internal/policy/policytest"
)

// admission is a ValidatingAdmissionPolicy as an API server runs it.
type admission struct {
	variables   []expression
	validations []expression
}

// expression is one of a policy; of a validation, words make the message.
type expression struct {
	name           string
	program, words cel.Program
}

// printed is what `policy generate` prints for the cases.
func printed() admissionregistrationv1.ValidatingAdmissionPolicySpec {
	return policytest.Policy().Manifests()[0].Object.(*admissionregistrationv1.ValidatingAdmissionPolicy).Spec
}

// environment is what Kubernetes 1.30 gives expressions, of which these use this (baseOpts in
// k8s.io/apiserver/pkg/cel/environment).
var environment = sync.OnceValues(func() (*cel.Env, error) {
	return cel.NewEnv(cel.HomogeneousAggregateLiterals(), cel.OptionalTypes(), ext.Strings(ext.StringsVersion(2)),
		cel.Variable("object", cel.DynType), cel.Variable("oldObject", cel.DynType),
		cel.Variable("request", cel.DynType), cel.Variable("variables", cel.DynType))
})

// programs are the expressions that were compiled, by their text: most mutants change one.
var programs sync.Map

func compile(text string) (cel.Program, error) {
	if known, ok := programs.Load(text); ok {
		return known.(cel.Program), nil
	}
	env, err := environment()
	if err != nil {
		return nil, err
	}
	ast, issues := env.Compile(text)
	if issues.Err() != nil {
		return nil, fmt.Errorf("compiling %s: %w", text, issues.Err())
	}
	program, err := env.Program(ast, cel.EvalOptions(cel.OptOptimize, cel.OptTrackCost))
	if err == nil {
		programs.Store(text, program)
	}
	return program, err
}

func newAdmission(spec admissionregistrationv1.ValidatingAdmissionPolicySpec) (*admission, error) {
	var out admission
	for _, v := range spec.Variables {
		program, err := compile(v.Expression)
		if err != nil {
			return nil, err
		}
		out.variables = append(out.variables, expression{name: v.Name, program: program})
	}
	for _, v := range spec.Validations {
		program, err := compile(v.Expression)
		if err != nil {
			return nil, err
		}
		words, err := compile(v.MessageExpression)
		if err != nil {
			return nil, err
		}
		out.validations = append(out.validations, expression{v.Expression, program, words})
	}
	return &out, nil
}

// answer is what a policy makes of a request.
type answer struct {
	// refused is in what words it was, or "".
	refused string
	// costs are those of each expression, in the units of an API server's limits.
	costs map[string]uint64
}

// ask adds containers to a pod, in front of those that are there, as a plain patch does.
func (a *admission) ask(pod *corev1.Pod, groups []string, add ...corev1.EphemeralContainer) (answer, error) {
	with := *pod
	with.Spec.EphemeralContainers = slices.Concat(add, pod.Spec.EphemeralContainers)
	before, err := runtime.DefaultUnstructuredConverter.ToUnstructured(pod)
	if err != nil {
		return answer{}, err
	}
	after, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&with)
	if err != nil {
		return answer{}, err
	}
	variables := map[string]any{}
	input := map[string]any{
		"object": after, "oldObject": before, "variables": variables,
		"request": map[string]any{"userInfo": map[string]any{"username": policytest.User, "groups": groups}},
	}
	out := answer{costs: map[string]uint64{}}
	for _, v := range a.variables {
		value, details, err := v.program.Eval(input)
		if err != nil {
			return out, fmt.Errorf("variable %s: %w", v.name, err)
		}
		variables[v.name], out.costs[v.name] = value, *details.ActualCost()
	}
	for _, v := range a.validations {
		holds, details, err := v.program.Eval(input)
		if err != nil {
			return out, fmt.Errorf("%s: %w", v.name, err)
		}
		out.costs[v.name] = *details.ActualCost()
		if holds.Value() == true || out.refused != "" {
			continue
		}
		words, _, err := v.words.Eval(input)
		if err != nil {
			return out, fmt.Errorf("the message of %s: %w", v.name, err)
		}
		out.refused = words.Value().(string)
	}
	return out, nil
}
