package target

import (
	"fmt"
	"strings"
)

// Query is what a user typed to name a target: a resource type and a name.
type Query struct {
	// Kind is the singular resource type in lower case: "pod".
	Kind string
	// Name is the name of the object in the namespace of the invocation.
	Name string
}

// String returns the form in which documentation and notices write a target: TYPE/NAME.
func (q Query) String() string { return q.Kind + "/" + q.Name }

// QueryError says why words name no target. Words is what was typed.
type QueryError struct {
	Words  []string
	Reason string
}

func (e *QueryError) Error() string {
	return fmt.Sprintf("reading target %q: %s", strings.Join(e.Words, " "), e.Reason)
}

// kinds maps each accepted word for a resource type to its singular form: the names and short names of
// `kubectl api-resources`.
var kinds = map[string]string{"pod": "pod", "pods": "pod", "po": "pod"}

// ParseQuery reads the words that name a target as kubectl does: "TYPE/NAME", "TYPE NAME", or "NAME", which is a pod.
// It returns a *QueryError for anything else.
func ParseQuery(words []string) (Query, error) {
	fail := func(reason string) (Query, error) { return Query{}, &QueryError{Words: words, Reason: reason} }
	var kind, name string
	switch len(words) {
	case 0:
		return fail("no target given")
	case 1:
		var found bool
		if kind, name, found = strings.Cut(words[0], "/"); !found {
			kind, name = "pod", words[0]
		}
	case 2:
		kind, name = words[0], words[1]
		if strings.Contains(kind, "/") {
			return fail("more than one target")
		}
	default:
		return fail("more than one target")
	}
	singular, ok := kinds[strings.ToLower(kind)]
	switch {
	case !ok:
		return fail(fmt.Sprintf("%q is not a resource type that has containers", kind))
	case name == "":
		return fail("the name is missing")
	case strings.Contains(name, "/"):
		return fail("a name has no slash")
	}
	return Query{Kind: singular, Name: name}, nil
}
