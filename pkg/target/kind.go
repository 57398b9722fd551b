package target

import (
	"slices"
	"strings"
)

// Kind is a resource type whose objects can be named as targets: a pod, or what stands for pods.
type Kind struct {
	// Name is the singular in lower case, as in TYPE/NAME: "deployment".
	Name string
	// API is the name of the type in manifests: "Deployment".
	API string
	// Plural is the name of the resource in paths of the API and in RBAC: "deployments".
	Plural string
	// Short are kubectl's short names.
	Short []string
	// Group is the API group, empty for the core group. The version is v1 in each.
	Group string
}

// kinds are in the order in which they are told to a user.
var kinds = []Kind{
	{Name: "pod", API: "Pod", Plural: "pods", Short: []string{"po"}},
	{Name: "deployment", API: "Deployment", Plural: "deployments", Short: []string{"deploy"}, Group: "apps"},
	{Name: "statefulset", API: "StatefulSet", Plural: "statefulsets", Short: []string{"sts"}, Group: "apps"},
	{Name: "daemonset", API: "DaemonSet", Plural: "daemonsets", Short: []string{"ds"}, Group: "apps"},
	{Name: "replicaset", API: "ReplicaSet", Plural: "replicasets", Short: []string{"rs"}, Group: "apps"},
	{Name: "cronjob", API: "CronJob", Plural: "cronjobs", Short: []string{"cj"}, Group: "batch"},
	{Name: "job", API: "Job", Plural: "jobs", Group: "batch"},
	{Name: "service", API: "Service", Plural: "services", Short: []string{"svc"}},
}

// Pods is the kind of pods themselves.
const Pods = "pod"

// Kinds returns every kind that can be a target, pods first. It is the one list of them.
func Kinds() []Kind { return slices.Clone(kinds) }

// KindOf returns the kind that a word means, and whether there is one: the name, plural or short name in any case, alone
// or followed by group, or version and group, as kubectl reads them (schema.ParseResourceArg of k8s.io/apimachinery):
// "deploy", "deployments.apps", "deployment.v1.apps", "pods.v1.".
func KindOf(word string) (Kind, bool) {
	name, rest, dotted := strings.Cut(strings.ToLower(word), ".")
	for _, k := range kinds {
		if name != k.Name && name != k.Plural && !slices.Contains(k.Short, name) {
			continue
		}
		if dotted && rest != "v1."+k.Group && (rest != k.Group || rest == "") {
			continue
		}
		return k, true
	}
	return Kind{}, false
}

// Words returns the words for the kind that stand without a group: its name, plural and short names.
func (k Kind) Words() []string { return append([]string{k.Name, k.Plural}, k.Short...) }
