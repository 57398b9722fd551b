package policy

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/mindebug/kubectl-mindebug/internal/access"
)

// roleName is what every Role and ClusterRole that allows mindebug is called.
const roleName = "mindebug"

// Grant is whom to allow mindebug, and where.
type Grant struct {
	// Namespace is where; with Cluster it is everywhere.
	Namespace string
	Cluster   bool
	// Attach allows sessions that are attached to, and no exec.
	Attach bool
	// Copies allows --copy-to, too.
	Copies bool
	// ClusterConfig is where the cluster's configuration is; if it has a name, that may be read, too.
	ClusterConfig struct{ Namespace, Name string }
	Subjects      []rbacv1.Subject
}

// Manifest is an object to apply and what to say about each of its rules.
type Manifest struct {
	Object runtime.Object
	// Comments are as many as the object has rules.
	Comments []string
}

// Roles returns a Role and, for each subject, a binding to it. Each has a binding of its own, under its own name: to apply
// the manifests for one takes nothing from another.
func Roles(g Grant) []Manifest {
	required := access.Required()
	if g.Attach {
		required = access.RequiredToAttach()
	}
	rules, comments := rules(required, g.Copies)
	api := rbacv1.SchemeGroupVersion.String()
	meta := metav1.ObjectMeta{Name: roleName, Namespace: g.Namespace}
	kind := "Role"
	role := runtime.Object(&rbacv1.Role{TypeMeta: metav1.TypeMeta{APIVersion: api, Kind: kind}, ObjectMeta: meta, Rules: rules})
	if g.Cluster {
		kind, meta.Namespace = "ClusterRole", ""
		role = &rbacv1.ClusterRole{TypeMeta: metav1.TypeMeta{APIVersion: api, Kind: kind}, ObjectMeta: meta, Rules: rules}
	}
	manifests := []Manifest{{Object: role, Comments: comments}}
	for _, subject := range g.Subjects {
		meta.Name = bindingName(subject)
		types := metav1.TypeMeta{APIVersion: api, Kind: kind + "Binding"}
		subjects := []rbacv1.Subject{subject}
		ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: kind, Name: roleName}
		var binding runtime.Object = &rbacv1.RoleBinding{TypeMeta: types, ObjectMeta: meta, Subjects: subjects, RoleRef: ref}
		if g.Cluster {
			binding = &rbacv1.ClusterRoleBinding{TypeMeta: types, ObjectMeta: meta, Subjects: subjects, RoleRef: ref}
		}
		manifests = append(manifests, Manifest{Object: binding})
	}
	if g.ClusterConfig.Name != "" {
		manifests = append(manifests, readConfig(g)...)
	}
	return manifests
}

// readConfig returns a Role that lets one ConfigMap be read, and a binding to it for each subject.
func readConfig(g Grant) []Manifest {
	api := rbacv1.SchemeGroupVersion.String()
	meta := metav1.ObjectMeta{Name: roleName + ":config", Namespace: g.ClusterConfig.Namespace}
	role := &rbacv1.Role{TypeMeta: metav1.TypeMeta{APIVersion: api, Kind: "Role"}, ObjectMeta: meta}
	m := Manifest{Object: role}
	for _, need := range access.ClusterConfig() {
		role.Rules = append(role.Rules, rbacv1.PolicyRule{
			APIGroups: []string{need.Group}, Resources: []string{need.Resource}, ResourceNames: []string{g.ClusterConfig.Name}, Verbs: []string{need.Verb},
		})
		m.Comments = append(m.Comments, "optional: "+need.Verb+": "+need.For)
	}
	manifests := []Manifest{m}
	for _, subject := range g.Subjects {
		bound := meta
		bound.Name = bindingName(subject) + ":config"
		manifests = append(manifests, Manifest{Object: &rbacv1.RoleBinding{
			TypeMeta: metav1.TypeMeta{APIVersion: api, Kind: "RoleBinding"}, ObjectMeta: bound, Subjects: []rbacv1.Subject{subject},
			RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: meta.Name},
		}})
	}
	return manifests
}

// rules returns one rule for each resource of each table, so that no verb is crossed with another resource: what is
// required first, each with what it is for.
func rules(required []access.Need, copies bool) (rules []rbacv1.PolicyRule, comments []string) {
	type table struct {
		word  string
		needs []access.Need
	}
	tables := []table{{"required", required}, {"optional", access.Optional()}}
	if copies {
		tables = append(tables, table{"for copies", access.Copies()})
	}
	for _, table := range tables {
		first := len(rules)
		for _, need := range table.needs {
			object := need.Resource
			if need.Subresource != "" {
				object += "/" + need.Subresource
			}
			i := first + slices.IndexFunc(rules[first:], func(r rbacv1.PolicyRule) bool {
				return r.APIGroups[0] == need.Group && r.Resources[0] == object
			})
			if i < first {
				i = len(rules)
				rules = append(rules, rbacv1.PolicyRule{APIGroups: []string{need.Group}, Resources: []string{object}})
				comments = append(comments, table.word+": ")
			} else {
				comments[i] += "; "
			}
			rules[i].Verbs = append(rules[i].Verbs, need.Verb)
			comments[i] += need.Verb + ": " + need.For
		}
	}
	return rules, comments
}

// bindingName is a name for the binding of a subject that no other subject's has.
func bindingName(s rbacv1.Subject) string {
	parts := []string{roleName, strings.ToLower(s.Kind), s.Name}
	if s.Namespace != "" {
		parts = slices.Insert(parts, 2, s.Namespace)
	}
	name := strings.Join(parts, ":")
	// An object's name is a segment of a path (path.ValidatePathSegmentName in k8s.io/apimachinery/pkg/api/validation):
	// it may have no "/" and no "%", and the name of an OIDC user may well have them.
	plain := strings.NewReplacer("/", "-", "%", "-").Replace(name)
	if plain == name {
		return name
	}
	sum := fnv.New32a()
	sum.Write([]byte(name))
	return fmt.Sprintf("%s-%08x", plain, sum.Sum32())
}
