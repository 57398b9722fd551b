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
	Copies   bool
	Subjects []rbacv1.Subject
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
