// Package fault holds the ways in which mindebug fails, as types that carry facts: which pod, which container, what the
// server said. The words that a user reads and the exit status are made from them in one place, internal/cli/errors.go;
// the Error methods here are for logs and tests.
package fault

import (
	"fmt"
	"syscall"
)

// Pod names a pod.
type Pod struct{ Namespace, Name string }

func (p Pod) String() string { return fmt.Sprintf("pod/%s in namespace %q", p.Name, p.Namespace) }

// Usage says that the command line is wrong.
type Usage struct {
	Reason string
	// Hint is the line that would be right, where it can be told.
	Hint string
}

func (e *Usage) Error() string { return e.Reason }

// Configuration says that the kubeconfig cannot be used.
type Configuration struct{ Cause error }

func (e *Configuration) Error() string { return fmt.Sprintf("reading kubeconfig: %v", e.Cause) }

// Unwrap returns the cause.
func (e *Configuration) Unwrap() error { return e.Cause }

// Unreachable says that the API server gave no answer.
type Unreachable struct {
	Server string
	Cause  error
	// Added is the debug container that was added before that, or empty.
	Added string
}

func (e *Unreachable) Error() string { return fmt.Sprintf("asking %s: %v", e.Server, e.Cause) }

// Unwrap returns the cause.
func (e *Unreachable) Unwrap() error { return e.Cause }

// Forbidden says that the user may not make a call. Call is in RBAC's words: "patch pods/ephemeralcontainers".
type Forbidden struct {
	Namespace, Call string
	// User and Groups are whom the server takes the user for, where it tells.
	User   string
	Groups []string
	// MayAttach is true where the call is an exec, and the user may attach instead; Attach is the command that does.
	MayAttach bool
	Attach    string
	// Copies is true where the call is one of a copy's.
	Copies bool
	// Server is the server's own answer.
	Server error
}

func (e *Forbidden) Error() string { return fmt.Sprintf("%s: %v", e.Call, e.Server) }

// Unwrap returns the server's answer.
func (e *Forbidden) Unwrap() error { return e.Server }

// LoggedOut says that the API server stopped knowing the user while a container was waited for.
type LoggedOut struct {
	// Added is the debug container that was added before that.
	Added string
	// Server is the server's own answer.
	Server error
}

func (e *LoggedOut) Error() string {
	return fmt.Sprintf("waiting for container %q: %v", e.Added, e.Server)
}

// Unwrap returns the server's answer.
func (e *LoggedOut) Unwrap() error { return e.Server }

// Interrupted says that a signal ended the program before the command began.
type Interrupted struct{ Signal syscall.Signal }

func (e *Interrupted) Error() string { return e.Signal.String() }
