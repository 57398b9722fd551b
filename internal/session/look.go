package session

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/pkg/attach"
)

// Use is somebody who is in a session container.
type Use struct {
	// ID is the session's, as in the audit log, and Reason what it is for. They are empty where the container was entered
	// otherwise, by kubectl exec for instance.
	ID, Reason string
	// For is how long it has been going on.
	For time.Duration
	// Detached is true where its client has left it running; then it is ended after Limit.
	Detached bool
	Limit    time.Duration
}

// Stop says when to end a session container.
type Stop string

// The values of Stop.
const (
	NoStop     Stop = ""
	StopUnused Stop = "stop"
	StopAnyway Stop = "force"
)

// Look asks a session container of the pod who is in it, and has it end itself as stop says. Stopping is true where it is about
// to end. To be asked is no use of it. The error is a *fault.NotEntered.
func Look(ctx context.Context, execer Execer, pod *corev1.Pod, l *Listed, stop Stop) (uses []Use, stopping bool, err error) {
	c := attach.Container{Namespace: pod.Namespace, Pod: pod.Name, Name: l.Name}
	var out bytes.Buffer
	command := []string{cmp.Or(l.Shell, "sh"), "-c", l.Prelude + `eval "$MINDEBUG_LOOK"`, "mindebug-look", string(stop)}
	_, err = execer.Exec(ctx, c, command, attach.Streams{Stdout: &out})
	uses, stopping, answered := parseLook(out.String())
	switch {
	case stopping: // the container may end before its answer does
		return uses, true, nil
	case err == nil && !answered:
		err = errors.New("it gives no answer: another version of mindebug made it, or its image lacks a tool")
	}
	if err != nil {
		return nil, false, &fault.NotEntered{Pod: fault.Pod{Namespace: c.Namespace, Name: c.Pod}, Container: c.Name, Cause: err}
	}
	return uses, false, nil
}

// parseLook reads what look.sh says. Answered is true where it came to its end.
func parseLook(text string) (uses []Use, stopping, answered bool) {
	for i, line := range strings.Split(text, "\n") {
		word, rest, _ := strings.Cut(line, " ")
		switch {
		case i == 0 && line != "mindebug "+strconv.Itoa(Protocol):
			return nil, false, false
		case word == "session", word == "detached":
			use, ok := parseUse(rest, word == "detached")
			if !ok {
				return nil, false, false
			}
			uses = append(uses, use)
		case word == "stopping":
			stopping = true
		case word == "end":
			answered = true
		}
	}
	return uses, stopping, answered
}

// parseUse reads what look.sh says of one who is in: "SECONDS WHO", or "SECONDS LIMIT WHO" where it is detached.
func parseUse(text string, detached bool) (use Use, ok bool) {
	seconds := func() (d time.Duration) {
		var word string
		word, text, _ = strings.Cut(text, " ")
		n, err := strconv.ParseInt(word, 10, 32)
		ok = ok && err == nil
		return time.Duration(max(n, 0)) * time.Second
	}
	ok = true
	use = Use{For: seconds(), Detached: detached}
	if detached {
		use.Limit = seconds()
	}
	if id, found := strings.CutPrefix(text, "mindebug:"); found {
		use.ID, use.Reason, _ = strings.Cut(id, ":")
	}
	return use, ok
}

// AwaitEnd waits until a container of the pod, which was read before, has ended, no longer than bound. It returns why, in
// the container's own words where it has any.
func AwaitEnd(ctx context.Context, cluster Cluster, pod *corev1.Pod, container string, bound time.Duration) (string, error) {
	name := fault.Pod{Namespace: pod.Namespace, Name: pod.Name}
	late := fmt.Errorf("waiting for the end of %s", container)
	ctx, cancel := context.WithTimeoutCause(ctx, bound, late)
	defer cancel()
	for now := range watchPod(ctx, cluster, pod) {
		switch {
		case now.err != nil:
			return "", now.err
		case now.pod.UID != pod.UID:
			return "", &fault.Replaced{Pod: name}
		}
		for _, l := range List(now.pod) {
			if l.Name == container && l.State == Ended {
				return l.Why, nil
			}
		}
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, late) {
		return "", cause
	}
	return "", &fault.NotEnded{Pod: name, Container: container, Waited: bound}
}
