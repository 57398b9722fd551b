package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/pkg/profiles"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// example is a target and what is asked beside it.
type example struct {
	title   string
	facts   target.Facts
	request profiles.Request
}

// examples are a target of each kind, then what can be asked beside the first.
func examples() []example {
	nonRoot := target.Facts{
		UID: from(target.FromStatus, int64(65532)), GID: from(target.FromStatus, int64(65532)),
		Seccomp:      from(target.FromPod, corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}),
		Capabilities: from(target.FromContainer, corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}),
	}
	root := target.Facts{UID: from(target.FromStatus, int64(0)), GID: from(target.FromStatus, int64(0))}
	adds, privileged := root, root
	adds.Capabilities = from(target.FromContainer, corev1.Capabilities{
		Add: []corev1.Capability{"NET_ADMIN"}, Drop: []corev1.Capability{"CHOWN"},
	})
	privileged.Privileged = true
	all := []example{
		{"A target that is not root", nonRoot, profiles.Request{}},
		{"A target that is root", root, profiles.Request{}},
		{"A target that is root and changes its capabilities", adds, profiles.Request{}},
		{"A privileged target", privileged, profiles.Request{}},
	}
	for _, p := range []profiles.Profile{profiles.General, profiles.NetAdmin, profiles.SysAdmin} {
		all = append(all, example{fmt.Sprintf("`--profile=%s` beside a target that is not root", p), nonRoot, profiles.Request{Profile: p}})
	}
	return append(
		all,
		example{"`--profile=restricted` beside a target that is root", root, profiles.Request{Profile: profiles.Restricted}},
		example{
			"`--run-as=0 --cap-add=NET_ADMIN` beside a target that is not root", nonRoot,
			profiles.Request{RunAs: &profiles.RunAs{}, AddCapabilities: []corev1.Capability{"NET_ADMIN"}},
		},
	)
}

func from[T any](origin target.Origin, value T) target.Sourced[T] {
	return target.Sourced[T]{Value: value, Origin: origin}
}

func plans() ([]byte, error) {
	var out bytes.Buffer
	for _, e := range examples() {
		plan, err := profiles.Make(e.facts, e.request)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.title, err)
		}
		values, err := fields(plan.SecurityContext)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&out, "\n%s:\n\n| field | value | from |\n| --- | --- | --- |\n", e.title)
		for _, name := range slices.Sorted(maps.Keys(values)) {
			fmt.Fprintf(&out, "| %s | `%s` | %s |\n", name, values[name], plan.Origins[name])
		}
	}
	out.WriteString("\n")
	return out.Bytes(), nil
}

// fields are those that a security context sets, as YAML has them in one line.
func fields(sc corev1.SecurityContext) (map[string]string, error) {
	text, err := json.Marshal(sc)
	if err != nil {
		return nil, err
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, err
	}
	values := map[string]string{}
	for name, value := range raw {
		values[name] = strings.NewReplacer(`"`, "", ":", ": ", ",", ", ").Replace(string(value))
	}
	return values, nil
}
