// Package access is the table of API calls that each use case makes, in RBAC's terms. Preflight checks, Roles and the
// documentation are made from it, so that they cannot disagree.
package access

// Call is a verb on a resource of the core API group.
type Call struct {
	Verb, Resource, Subresource string
}

// String returns the call in the words of RBAC: "patch pods/ephemeralcontainers".
func (c Call) String() string {
	s := c.Verb + " " + c.Resource
	if c.Subresource != "" {
		s += "/" + c.Subresource
	}
	return s
}

// The calls of a session. Websockets need ExecGet besides Exec (since Kubernetes 1.35; before, instead of it); without
// it the session goes over SPDY.
var (
	GetPod       = Call{Verb: "get", Resource: "pods"}
	AddContainer = Call{Verb: "patch", Resource: "pods", Subresource: "ephemeralcontainers"}
	Exec         = Call{Verb: "create", Resource: "pods", Subresource: "exec"}
	ExecGet      = Call{Verb: "get", Resource: "pods", Subresource: "exec"}
)

// Session returns the calls that a user must be allowed for a session in a pod that has none yet. Whatever else a session
// asks for (to watch pods and Events, to list pods for an error) it can do without.
func Session() []Call { return []Call{GetPod, AddContainer, Exec, ExecGet} }
