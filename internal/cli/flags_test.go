package cli

import (
	"errors"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
)

// parsed reads the flags of a verb from a line of words, and returns the set that they are in.
func parsed(t *testing.T, flags interface{ add(set *pflag.FlagSet) }, line string) *pflag.FlagSet {
	t.Helper()
	set := pflag.NewFlagSet("test", pflag.ContinueOnError)
	flags.add(set)
	if err := set.Parse(strings.Fields(line)); err != nil {
		t.Fatal(err)
	}
	return set
}

// wantUsage checks that an error is about the command line and contains text, and reports whether one was wanted.
func wantUsage(t *testing.T, err error, text string) bool {
	t.Helper()
	var usage *fault.Usage
	switch {
	case text == "" && err != nil:
		t.Fatal(err)
	case text != "" && (!errors.As(err, &usage) || !strings.Contains(usage.Reason, text)):
		t.Errorf("error %v, want %q", err, text)
	}
	return text != ""
}
