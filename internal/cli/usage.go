package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/near"
)

// misplacedError says that words stand after a target without a "--": those from the first on.
type misplacedError struct {
	reason string
	words  []string
	first  int
}

func (e *misplacedError) Error() string { return e.reason }

// Unwrap returns what it is: wrong usage.
func (e *misplacedError) Unwrap() error { return &fault.Usage{Reason: e.reason} }

// mend returns the error with the user's own line as it may have been meant, all flags kept. cmd is the verb that it was.
func (e *misplacedError) mend(cmd *cobra.Command, args []string) *fault.Usage {
	at := 0
	for _, word := range e.words[:e.first+1] {
		at += slices.Index(args[at:], word) + 1
	}
	before, after := shellWords(args[:at-1]), shellWords(args[at-1:])
	usage := &fault.Usage{Reason: e.reason}
	target := e.words[0]
	switch {
	case cmd.HasParent():
		usage.Hint = "leave it away: kubectl mindebug " + before
	case strings.Contains(target, "/") || e.first == 2:
		usage.Hint = fmt.Sprintf("write `--` before the command: kubectl mindebug %s -- %s", before, after)
	default:
		usage.Hint = fmt.Sprintf("if %q is a pod: kubectl mindebug %s -- %s; for the verbs: kubectl mindebug --help", target, before, after)
	}
	return usage
}

// shellWords are words as they would be typed.
func shellWords(words []string) string {
	var quoted []string
	for _, word := range words {
		quoted = append(quoted, shellWord(word))
	}
	return strings.Join(quoted, " ")
}

// flagFault explains a flag that cannot be read: what stands before it may be the reason, or a slip in its name.
func flagFault(cmd *cobra.Command, err error) error {
	root := cmd.Root()
	usage := &fault.Usage{Reason: err.Error(), Hint: "see the flags: " + cmd.CommandPath() + " --help"}
	if words := cmd.Flags().Args(); cmd == root && len(words) > 0 {
		if hint := didYouMean(cmd.SuggestionsFor(words[0])); hint != "" {
			usage.Hint = hint
			return usage
		}
		var misplaced *misplacedError
		if errors.As(afterTarget(words), &misplaced) {
			misplaced.reason = err.Error()
			return misplaced
		}
	}
	var unknown *pflag.NotExistError
	var bare *pflag.ValueRequiredError
	var bad *pflag.InvalidValueError
	switch {
	case errors.As(err, &bare):
		usage.Hint = fmt.Sprintf("write --%s=VALUE: %s", bare.GetFlag().Name, usageOf(bare.GetFlag()))
	case errors.As(err, &bad):
		usage.Hint = howToWrite(bad.GetFlag())
	case errors.As(err, &unknown) && len(unknown.GetSpecifiedName()) > 1:
		name := unknown.GetSpecifiedName()
		if alike := near.Names(name, flagNames(cmd)); len(alike) > 0 {
			usage.Hint = "did you mean --" + strings.Join(alike, " or --") + "?"
		} else if hint := didYouMean(root.SuggestionsFor(name)); hint != "" {
			usage.Hint = hint
		}
	}
	return usage
}

// howToWrite gives the form of a flag's value.
func howToWrite(flag *pflag.Flag) string {
	switch flag.Value.Type() {
	case "duration":
		return fmt.Sprintf("a time has a unit: --%s=90s, --%s=5m", flag.Name, flag.Name)
	case "stringToString":
		return fmt.Sprintf("write --%s=NAME=VALUE", flag.Name)
	case "bool":
		return fmt.Sprintf("write --%s, or --%s=false", flag.Name, flag.Name)
	}
	return fmt.Sprintf("--%s: %s", flag.Name, usageOf(flag))
}

// usageOf is what a flag is for, without the quotes that mark its value for --help.
func usageOf(flag *pflag.Flag) string {
	_, usage := pflag.UnquoteUsage(flag)
	return usage
}

func flagNames(cmd *cobra.Command) (names []string) {
	cmd.Flags().VisitAll(func(flag *pflag.Flag) {
		if !flag.Hidden {
			names = append(names, flag.Name)
		}
	})
	return names
}
