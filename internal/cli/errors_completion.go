package cli

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
)

// inCompletion is about the program that kubectl asks for completions.
func inCompletion(err error, m *message) bool {
	var none *fault.NoCompleter
	if !errors.As(err, &none) {
		return false
	}
	switch {
	case none.Path == "":
		m.text = "no folder of PATH has " + programName
		m.hint = "install the plugin first, or put its folder on PATH"
	case errors.Is(none.Cause, fs.ErrExist):
		m.text = fmt.Sprintf("%s is there already, and not made by kubectl mindebug", none.Path)
		m.hint = "see what it is; where nobody needs it, remove it and try again"
	default:
		m.text = fmt.Sprintf("setting up completion: %v", none.Cause)
		m.hint = "as one who may write there: ln -s " + programName + " " + shellWord(none.Path)
	}
	return true
}
