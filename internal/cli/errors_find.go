package cli

import (
	"fmt"
	"strings"

	"github.com/mindebug/kubectl-mindebug/internal/app"
)

// namesShown is how many names a notice has.
const namesShown = 5

// unseenWords say what a search could not see, and why.
func unseenWords(u app.Unseen) string {
	why := ""
	if u.Err != nil {
		why = explain(u.Err).text
	}
	switch u.About {
	case app.UnseenNamespaces:
		return fmt.Sprintf("the pods of %s: %s", someNames("namespace", u.Names), why)
	case app.UnseenOthers:
		return fmt.Sprintf("the pods of all namespaces but %q: %s, nor list namespaces", u.Names[0], why)
	case app.UnseenLevels:
		return "the Pod Security levels of namespaces: " + why
	case app.UnseenMoment:
		return "all pods at one moment: listing them took longer than the API server remembers; who came or went since may be missing"
	case app.UnseenImages:
		return fmt.Sprintf("%s of registry %s: %s", counted(u.Count, "image"), u.Names[0], why)
	case app.UnseenProbes:
		return fmt.Sprintf("%s in which nothing could be run: %s", counted(u.Count, "container"), why)
	}
	panic("nothing unseen is about " + string(u.About))
}

// someNames lists the first names.
func someNames(what string, names []string) string {
	more := ""
	if len(names) > namesShown {
		more = fmt.Sprintf(" and %d more", len(names)-namesShown)
		names = names[:namesShown]
	}
	if len(names) > 1 {
		what += "s"
	}
	return what + " " + strings.Join(names, ", ") + more
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
