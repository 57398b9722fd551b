package cli

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/mindebug/kubectl-mindebug/internal/app"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/near"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// targetFlags say which container is meant, beside the words.
type targetFlags struct{ container, alias, selector, pick string }

func (f *targetFlags) add(flags *pflag.FlagSet) {
	flags.StringVarP(&f.container, "container", "c", "", "target container; by default the pod's default container, or its only one")
	flags.StringVar(&f.alias, "target", "", "the same as --container")
	flags.StringVarP(&f.selector, "selector", "l", "", "a pod with these labels, instead of one by name: app=web,tier!=db")
	flags.StringVar(&f.pick, "pick", "", "which of several pods: ready, not-ready, newest or oldest")
}

// request turns the words before the "--" and the flags into a request. verbs returns the verbs that are like a word.
func (f *targetFlags) request(words []string, verbs func(string) []string) (app.TargetRequest, error) {
	container, err := f.named()
	r := app.TargetRequest{Container: container, Selector: f.selector}
	if err != nil {
		return r, err
	}
	pick, err := target.ParsePick(f.pick)
	if err != nil {
		return r, &fault.Usage{Reason: "--pick=" + err.Error()}
	}
	r.Pick = pick
	if f.selector != "" {
		return r, checkSelector(f.selector, words)
	}
	if r.Query, err = parseQuery(words, verbs); err != nil {
		return r, err
	}
	if r.Query.Kind == target.Pods && pick != "" {
		return r, &fault.Usage{
			Reason: fmt.Sprintf("--pick=%s chooses between several pods, and %s is one", pick, r.Query),
			Hint:   "name what they belong to: kubectl mindebug deployment/NAME --pick=" + string(pick),
		}
	}
	return r, nil
}

// named is the container that is named, by either flag.
func (f *targetFlags) named() (string, error) {
	if f.container != "" && f.alias != "" && f.container != f.alias {
		return "", &fault.Usage{
			Reason: fmt.Sprintf("--container=%s and --target=%s name two containers", f.container, f.alias), Hint: "leave one of them away",
		}
	}
	return cmp.Or(f.container, f.alias), nil
}

// checkSelector refuses what is no selector, and a name beside one. The word "pods" may stand there, as in kubectl.
func checkSelector(selector string, words []string) error {
	if _, err := labels.Parse(selector); err != nil {
		return &fault.Usage{Reason: fmt.Sprintf("--selector=%q: %v", selector, err), Hint: "write it as for kubectl: -l app=web,tier!=db"}
	}
	if len(words) == 1 {
		if kind, ok := target.KindOf(words[0]); ok && kind.Name == target.Pods {
			return nil
		}
	}
	if usage := afterTarget(words); usage != nil {
		return usage // the -l was the command's: ls -la
	}
	if len(words) > 0 {
		return &fault.Usage{
			Reason: fmt.Sprintf("--selector selects pods by their labels, and %q names something", strings.Join(words, " ")),
			Hint:   "leave one of them away",
		}
	}
	return nil
}

// parseQuery reads the words before the "--". What looks like a command written without it gets the line that is right,
// and what looks like a verb is offered those that there are.
func parseQuery(words []string, verbs func(string) []string) (target.Query, error) {
	query, err := target.ParseQuery(words)
	if err == nil {
		return query, nil
	}
	var wrong *target.QueryError
	if !errors.As(err, &wrong) || len(words) == 0 {
		return query, &fault.Usage{Reason: "no target given", Hint: "name one: kubectl mindebug pod/NAME"}
	}
	if hint := didYouMean(verbs(words[0])); hint != "" {
		return query, &fault.Usage{Reason: fmt.Sprintf("there is no verb %q", words[0]), Hint: hint}
	}
	if usage := afterTarget(words); usage != nil {
		return query, usage
	}
	usage := &fault.Usage{Reason: err.Error(), Hint: "name a pod: kubectl mindebug pod/NAME"}
	if wrong.Kind != "" {
		usage.Hint = "these types are known: " + strings.Join(kindNames(), ", ")
		if kind, ok := nearKind(wrong.Kind); ok {
			usage.Hint = fmt.Sprintf("did you mean %s/NAME?", kind.Name)
		}
		if word := strings.ToLower(wrong.Kind); (word == "node" || word == "nodes" || word == "no") && len(words) == 1 {
			usage.Reason = "mindebug debugs containers, not nodes"
			usage.Hint = fmt.Sprintf("kubectl does: kubectl debug %s -it --image=busybox", words[0])
		}
	}
	return query, usage
}

// nearKind returns the kind whose word is really near: a short word must have the same letters, since each is like another.
func nearKind(word string) (target.Kind, bool) {
	word = strings.ToLower(word)
	sorted := func(s string) string { return string(slices.Sorted(slices.Values([]byte(s)))) }
	for _, like := range near.Names(word, kindWords()) {
		isNear := max(len(like), len(word))-min(len(like), len(word)) <= 2
		if like[0] == word[0] && isNear && (len(word) > 3 || sorted(like) == sorted(word)) {
			return target.KindOf(like)
		}
	}
	return target.Kind{}, false
}

// afterTarget returns the error for words that stand after a target without a "--", or nil where none do.
func afterTarget(words []string) error {
	for _, n := range []int{2, 1} {
		first, err := target.ParseQuery(words[:min(n, len(words))])
		if err != nil || len(words) <= n {
			continue
		}
		if second, err := target.ParseQuery(words[n : n+1]); err == nil && strings.Contains(words[n], "/") {
			if n == 1 && !strings.Contains(words[0], "/") {
				return &fault.Usage{Reason: fmt.Sprintf("there is no verb %q", words[0]), Hint: "see those that there are: kubectl mindebug --help"}
			}
			return &fault.Usage{Reason: fmt.Sprintf("%s and %s are two targets", first, second), Hint: "name one of them"}
		}
		return &misplacedError{reason: fmt.Sprintf("%q stands after the target", strings.Join(words[n:], " ")), words: words, first: n}
	}
	return nil
}

// didYouMean offers verbs, or is empty where there is none.
func didYouMean(verbs []string) string {
	if len(verbs) == 0 {
		return ""
	}
	return "did you mean: kubectl mindebug " + strings.Join(verbs, ", kubectl mindebug ") + "?"
}

func kindNames() (names []string) {
	for _, kind := range target.Kinds() {
		names = append(names, kind.Name)
	}
	return names
}

func kindWords() (words []string) {
	for _, kind := range target.Kinds() {
		words = append(words, kind.Words()...)
	}
	return words
}
