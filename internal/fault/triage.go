package fault

import "fmt"

// Untouched says that a topic of triage did not do to the target what it would have, and that nothing was done. Why and Hint are
// in a user's words.
type Untouched struct {
	Pod              Pod
	Container, Topic string
	Why, Hint        string
}

func (e *Untouched) Error() string {
	return fmt.Sprintf("touching %s for %s: %s", e.Pod, e.Topic, e.Why)
}
