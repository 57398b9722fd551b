// Package access is the table of API calls that each use case makes, in RBAC's terms. Preflight checks, Roles and the
// documentation are made from it, so that they cannot disagree.
package access

import (
	"fmt"

	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// Call is a verb on a resource; an empty Group is the core API group.
type Call struct {
	Verb, Group, Resource, Subresource string
}

// String returns the call in the words of RBAC: "patch pods/ephemeralcontainers", "get deployments.apps".
func (c Call) String() string { return c.Verb + " " + c.Object() }

// Object returns what the call is about, without its verb: "pods/ephemeralcontainers", "deployments.apps".
func (c Call) Object() string {
	s := c.Resource
	if c.Group != "" {
		s += "." + c.Group
	}
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
	// Attach and AttachGet are in place of these with --via=attach.
	Attach    = Call{Verb: "create", Resource: "pods", Subresource: "attach"}
	AttachGet = Call{Verb: "get", Resource: "pods", Subresource: "attach"}
)

// The calls with which a session in a copy of a pod makes and ends the copy, instead of AddContainer.
var (
	CreatePod = Call{Verb: "create", Resource: "pods"}
	DeletePod = Call{Verb: "delete", Resource: "pods"}
)

// Calls that a session can do without.
var (
	ListPods    = Call{Verb: "list", Resource: "pods"}
	ListJobs    = Call{Verb: "list", Group: "batch", Resource: "jobs"}
	WatchPods   = Call{Verb: "watch", Resource: "pods"}
	WatchEvents = Call{Verb: "watch", Resource: "events"}
	AddEvent    = Call{Verb: "create", Resource: "events"}
)

// Need is a call with what it is for.
type Need struct {
	Call
	// For is what it is for; Without is what is lost where it is not allowed.
	For, Without string
}

// Required returns what a user needs for a session in a pod that has none yet.
func Required() []Need {
	return []Need{
		{GetPod, "reading the pod", "nothing works"},
		{AddContainer, "adding a session container", "only a session container that a colleague started can be entered"},
		{Exec, "entering a session container", "no session"},
		{ExecGet, "entering over a websocket", "sessions go over SPDY"},
	}
}

// RequiredToAttach is Required for sessions that are attached to.
func RequiredToAttach() []Need {
	return []Need{
		{GetPod, "reading the pod", "nothing works"},
		{AddContainer, "adding a session container, one for each session", "no session"},
		{Attach, "connecting to the session container's own process", "no session"},
		{AttachGet, "connecting over a websocket", "sessions go over SPDY"},
	}
}

// Copies returns what a user needs besides for `--copy-to`, where AddContainer is not needed. No Role that is printed has it
// unless it is asked for: who may make pods may make any that admission takes.
func Copies() []Need {
	return []Need{
		{CreatePod, "`--copy-to`: making the copy", "no `--copy-to`"},
		{DeletePod, "`--copy-to`: ending the copy", "no `--copy-to`"},
	}
}

// GetClusterConfig is the call that reads the cluster's configuration, of one ConfigMap in one namespace.
var GetClusterConfig = Call{Verb: "get", Resource: "configmaps"}

// ClusterConfig returns what a user needs to have what the platform team set for all. No Role that is printed has it unless it
// is asked for, since it is of another namespace.
func ClusterConfig() []Need {
	return []Need{{GetClusterConfig, "the cluster's configuration, ConfigMap `mindebug` in namespace `kube-public`", "what the user's own configuration leaves open is built-in"}}
}

// Optional returns what is asked for and can be missing.
func Optional() []Need {
	needs := []Need{
		{ListPods, "finding the pods of a Deployment or of another owner, offering names that are alike, `find`, and `check` and `sessions` of a namespace", "only a pod can be named, a wrong name is not offered its neighbours, and only single pods can be checked and their sessions listed; no `find`"},
		{WatchPods, "noticing a start at once", "the start is noticed by reading the pod each second"},
		{WatchEvents, "the kubelet's own words about a start", "the moment of the start: up to four tries to enter may fail before, and are in the audit log. Some causes why a container does not start are told later or not at all"},
		{AddEvent, "an Event on the pod that says who added a session container, and what for", "no Event; the server refuses it once for each new session container, which its audit log has"},
	}
	known := map[Call]bool{GetPod: true, ListPods: true}
	for _, k := range target.Kinds() {
		for _, call := range Target(k) {
			if !known[call] {
				known[call] = true
				needs = append(needs, Need{call, fmt.Sprintf("finding the pods of `%s/NAME`", k.Name), fmt.Sprintf("no `%s/NAME`", k.Name)})
			}
		}
	}
	return needs
}

// Calls that only a pod which does not tell whom its target runs as is a reason for.
var (
	GetPullSecret = Call{Verb: "get", Resource: "secrets"}
	GetNode       = Call{Verb: "get", Resource: "nodes"}
)

// GetNamespace is the call that tells an empty namespace from one that there is not, and ListNamespaces which there are.
var (
	GetNamespace   = Call{Verb: "get", Resource: "namespaces"}
	ListNamespaces = Call{Verb: "list", Resource: "namespaces"}
)

// Seldom returns what is asked for in few cases, and can be missing. No Role that is printed has it.
func Seldom() []Need {
	return []Need{
		{GetPullSecret, "`--use-pull-secrets`: reading the target's image as the pod does, for `inspect`, too", "that flag is an error; the image is read with the user's own credentials"},
		{GetNode, "telling which platform of the target's image runs; of `inspect`, whether the image is for the node", "an image whose platforms run as different users does not tell; `inspect` does not say that an image is for another processor than the node's"},
		{GetNamespace, "`check` and `find` of a namespace in which they find no pod; the Pod Security level in `find`", "whether the namespace is empty or does not exist is not told; the level is `unknown`"},
		{ListNamespaces, "`find -A`: the Pod Security levels, and the namespaces one by one where the pods of all may not be listed", "the levels are `unknown`; who may not list all pods either gets those of his own namespace"},
	}
}

// Session returns the calls that a user must be allowed for a session in a pod that has none yet. Whatever else a session
// asks for it can do without.
func Session() []Call { return calls(Required()) }

// AttachedSession is Session for one that is attached to.
func AttachedSession() []Call { return calls(RequiredToAttach()) }

func calls(needs []Need) (calls []Call) {
	for _, need := range needs {
		calls = append(calls, need.Call)
	}
	return calls
}

// Get returns the call that reads an object of the kind.
func Get(k target.Kind) Call { return Call{Verb: "get", Group: k.Group, Resource: k.Plural} }

// Target returns the calls that find the pod of a target of that kind. What a session makes later comes on top.
func Target(k target.Kind) []Call {
	switch k.Name {
	case target.Pods:
		return []Call{GetPod}
	case "cronjob":
		return []Call{Get(k), ListJobs, ListPods}
	}
	return []Call{Get(k), ListPods}
}
