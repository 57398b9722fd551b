package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/mindebug/kubectl-mindebug/internal/app"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// targetFlags say which container is meant, beside the words.
type targetFlags struct{ container string }

func (f *targetFlags) add(flags *pflag.FlagSet) {
	flags.StringVarP(&f.container, "container", "c", "", "target container; by default the pod's default container, or its only one")
	flags.StringVar(&f.container, "target", "", "the same as --container")
}

// request turns the words before the "--" and the flags into a request.
func (f *targetFlags) request(words []string) (app.TargetRequest, error) {
	query, err := parseQuery(words)
	return app.TargetRequest{Query: query, Container: f.container}, err
}

// parseQuery reads the words before the "--". What looks like a command written without it gets the line that is right.
func parseQuery(words []string) (target.Query, error) {
	query, err := target.ParseQuery(words)
	if err == nil {
		return query, nil
	}
	var wrong *target.QueryError
	if !errors.As(err, &wrong) || len(words) == 0 {
		return query, &fault.Usage{Reason: "no target given", Hint: "name one: kubectl mindebug pod/NAME"}
	}
	for _, n := range []int{2, 1} {
		if first, err := target.ParseQuery(words[:min(n, len(words))]); err == nil && len(words) > n {
			rest := strings.Join(words[n:], " ")
			return query, &fault.Usage{
				Reason: fmt.Sprintf("%q stands after the target", rest),
				Hint:   fmt.Sprintf("write `--` before the command: kubectl mindebug %s -- %s", first, rest),
			}
		}
	}
	return query, &fault.Usage{Reason: err.Error(), Hint: "name a pod: kubectl mindebug pod/NAME"}
}
