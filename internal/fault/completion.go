package fault

import "fmt"

// NoCompleter says that the program that kubectl asks for completions could not be made or removed. Path is its own, empty
// where the plugin itself is in no folder of PATH; the cause is fs.ErrExist where something else has that path.
type NoCompleter struct {
	Path  string
	Cause error
}

func (e *NoCompleter) Error() string {
	return fmt.Sprintf("setting up completion at %q: %v", e.Path, e.Cause)
}

// Unwrap returns the cause.
func (e *NoCompleter) Unwrap() error { return e.Cause }
