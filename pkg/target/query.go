package target

import (
	"fmt"
	"strings"
)

// Query is what a user typed to name a target: a resource type and a name.
type Query struct {
	// Kind is the name of a Kind: "pod".
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
	// Kind is the word for a resource type that is none, where that is the reason.
	Kind string
}

func (e *QueryError) Error() string {
	return fmt.Sprintf("reading target %q: %s", strings.Join(e.Words, " "), e.Reason)
}

// ParseQuery reads the words that name a target as kubectl does: "TYPE/NAME", "TYPE NAME", or "NAME", which is a pod. TYPE
// is what KindOf knows. It returns a *QueryError for anything else.
func ParseQuery(words []string) (Query, error) {
	fail := func(reason string) (Query, error) { return Query{}, &QueryError{Words: words, Reason: reason} }
	var word, name string
	switch len(words) {
	case 0:
		return fail("no target given")
	case 1:
		var found bool
		if word, name, found = strings.Cut(words[0], "/"); !found {
			word, name = Pods, words[0]
		}
	case 2:
		word, name = words[0], words[1]
		if strings.Contains(word, "/") {
			return fail("more than one target")
		}
	default:
		return fail("more than one target")
	}
	kind, ok := KindOf(word)
	switch {
	case word == "":
		return fail("the type is missing")
	case !ok:
		return Query{}, &QueryError{Words: words, Kind: word, Reason: fmt.Sprintf("%q is not a resource type that has containers", word)}
	case name == "":
		return fail("the name is missing")
	case strings.Contains(name, "/"):
		return fail("a name has no slash")
	}
	return Query{Kind: kind.Name, Name: name}, nil
}
