package session

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// LeftError says that a command was left running.
type LeftError struct {
	// ID is its session's.
	ID string
}

func (e *LeftError) Error() string { return fmt.Sprintf("session %s was left running", e.ID) }

// errLeft is why the streams of a session that was left end.
var errLeft = errors.New("the command is left running")

// leaveAfter is how long a client stays that is to leave its command, so that a command that fails at once, as one that there
// is not, is told from one that runs.
const leaveAfter = time.Second

// leave ends the streams of a session some time after its command has begun.
func leave(ctx context.Context, begun <-chan struct{}, end context.CancelCauseFunc) {
	select {
	case <-begun:
	case <-ctx.Done():
		return
	}
	timer := time.NewTimer(leaveAfter)
	defer timer.Stop()
	select {
	case <-timer.C:
		end(errLeft)
	case <-ctx.Done():
	}
}
