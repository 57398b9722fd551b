package attach

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/streaming/pkg/httpstream"
)

// LostError says that the streams ended before the command's exit status arrived. Whether the command ran, or goes on
// running, is not known from here. Cause is what the connection or the server said; it is a *SilenceError where nothing
// more was heard on a connection that stayed open.
type LostError struct {
	Container Container
	Cause     error
}

func (e *LostError) Error() string {
	return fmt.Sprintf("connection to container %q of pod %q: %v", e.Container.Name, e.Container.Pod, e.Cause)
}

func (e *LostError) Unwrap() error { return e.Cause }

// SilenceError says that a connection was given up because nothing, not even the answer to a ping, came for that long.
type SilenceError struct{ Bound time.Duration }

func (e *SilenceError) Error() string {
	return fmt.Sprintf("nothing was heard from the server for %s", e.Bound)
}

// RefusedError says that the streams were refused before any was opened, so that no command ran, in plain text and not in
// the API's form. That is how a kubelet answers for a container that does not run (500, "container not found"), and
// how proxies answer.
type RefusedError struct {
	Container Container
	// Status is the HTTP status of the answer, Message its text, which may be empty. Both are the server's.
	Status  int
	Message string
}

func (e *RefusedError) Error() string {
	s := fmt.Sprintf("connection to container %q of pod %q refused: %d %s", e.Container.Name, e.Container.Pod, e.Status, http.StatusText(e.Status))
	if e.Message != "" {
		s += ": " + e.Message
	}
	return s
}

// answer returns the server's answer in the API's own form, or nil where err carries none.
func answer(err error) *apierrors.StatusError {
	var upgrade *httpstream.UpgradeFailureError
	if errors.As(err, &upgrade) {
		err = upgrade.Cause // which errors.As does not see (k8s.io/streaming 0.37)
	}
	var status *apierrors.StatusError
	if !errors.As(err, &status) || status.ErrStatus.Status == "" {
		return nil // client-go takes a plain text with a colon in it for an empty Status
	}
	return status
}

// refused gives the failure of a request for streams its type: the API's own, *RefusedError, or *LostError where there was
// no answer.
func refused(c Container, err error) error {
	if status := answer(err); status != nil {
		return status
	}
	var typed *RefusedError
	if errors.As(err, &typed) {
		return &RefusedError{Container: c, Status: typed.Status, Message: typed.Message}
	}
	if status, message := handshake(err); status != 0 {
		return &RefusedError{Container: c, Status: status, Message: message}
	}
	return &LostError{Container: c, Cause: err}
}

// handshake returns the HTTP status and the text with which a websocket was refused, or 0. client-go (0.37) tells them in
// its error's text only: "websocket: bad handshake (500 Internal Server Error): container not found".
func handshake(err error) (int, string) {
	_, rest, found := strings.Cut(err.Error(), "bad handshake (")
	if !found {
		return 0, ""
	}
	line, message, _ := strings.Cut(rest, ")")
	code, _, _ := strings.Cut(line, " ")
	status, err := strconv.Atoi(code)
	if err != nil {
		return 0, ""
	}
	return status, strings.TrimPrefix(message, ": ")
}
