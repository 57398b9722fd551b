package attach

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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

// most is what is read of the text of a refusal, in bytes.
const most = 64 << 10

// refusalIn returns the error that an answer without streams is: the API's own, or a *RefusedError without its container.
func refusalIn(response *http.Response) error {
	text, err := io.ReadAll(io.LimitReader(response.Body, most))
	_ = response.Body.Close()
	if err != nil {
		return err
	}
	var status metav1.Status
	if err := json.Unmarshal(text, &status); err == nil && status.Kind == "Status" {
		return &apierrors.StatusError{ErrStatus: status}
	}
	return &RefusedError{Status: response.StatusCode, Message: strings.TrimSpace(string(text))}
}

// answer returns the server's answer in the API's own form, or nil where err carries none.
func answer(err error) *apierrors.StatusError {
	var status *apierrors.StatusError
	errors.As(err, &status)
	return status
}

// refused gives the failure of a request for streams its type: the API's own, *RefusedError, or *LostError where there was
// no answer.
func refused(c Container, err error) error {
	if status := answer(err); status != nil {
		return status
	}
	var plain *RefusedError
	if errors.As(err, &plain) {
		return &RefusedError{Container: c, Status: plain.Status, Message: plain.Message}
	}
	return &LostError{Container: c, Cause: err}
}
