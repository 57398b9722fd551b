package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/session"
	"github.com/mindebug/kubectl-mindebug/internal/triage"
	"github.com/mindebug/kubectl-mindebug/internal/ui"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// TriageRequest is what a user asks of a triage.
type TriageRequest struct {
	SessionRequest
	// Topics are those that are named; none are those that apply.
	Topics []string
	// Host is what is to be reached, "HOST:PORT", or empty.
	Host string
	// Port is that of the target's own profiles, or 0.
	Port uint16
	// Flags are the words that a next command needs to meet the same cluster.
	Flags string
}

// Triaged is what was found in a container.
type Triaged struct {
	Namespace, Pod, Container, Image string
	UID, GID                         int64
	At                               time.Time
	triage.Report
}

// Triage takes a look at what usually goes wrong, beside the target and as its user: a read-only one, but for topics that touch
// it. Where such a topic may not, the error is a *fault.Untouched.
func Triage(ctx context.Context, cluster Cluster, execer session.Execer, images Images, streams Streams, r TriageRequest) (Triaged, error) {
	if triage.IsOwn(r.Host, nil) {
		return Triaged{}, ownHost(r.Host)
	}
	runner, err := OpenRunner(ctx, cluster, execer, images, streams, r.SessionRequest)
	if err != nil {
		return Triaged{}, err
	}
	defer runner.Close()
	f := runner.Facts()
	found := Triaged{
		Namespace: f.Namespace, Pod: f.Pod, Container: f.Container,
		UID: runner.session.plan.UID, GID: runner.session.plan.GID, At: time.Now(),
	}
	if c, _ := target.Find(runner.Pod(), f.Container); c != nil {
		found.Image = c.Image
	}
	if why, hint := runner.Closed(); why != "" {
		return found, &fault.Closed{Pod: fault.Pod{Namespace: f.Namespace, Name: f.Pod}, Container: f.Container, Why: why, Hint: hint}
	}
	if triage.IsOwn(r.Host, runner.Pod()) {
		return found, ownHost(r.Host)
	}
	subject := triage.Subject{
		Pod: runner.Pod(), Container: f.Container, UID: found.UID, GID: found.GID, Host: r.Host, Port: r.Port, Flags: r.Flags,
	}
	notices := runner.session.notices
	if notices == nil && !r.Quiet { // what is done to a target is said in a script as well
		notices = ui.NewNotices(streams.Err)
	}
	subject.Say = func(text string) { notices.Say("%s", text) }
	found.Report, err = triage.Run(ctx, runner, subject, r.Topics, time.Now)
	var refused *triage.RefusedError
	if errors.As(err, &refused) {
		err = &fault.Untouched{
			Pod: fault.Pod{Namespace: f.Namespace, Name: f.Pod}, Container: f.Container, Topic: refused.Topic, Why: refused.Why, Hint: refused.Hint,
		}
	}
	return found, err
}

// ownHost says that the host that is to be reached is the target.
func ownHost(host string) error {
	return &fault.Usage{
		Reason: fmt.Sprintf("--host=%s is the pod itself, and triage speaks to no port of its target", host),
		Hint:   "who listens there is told without; to connect is a command of your own: kubectl mindebug pod/NAME -- nc HOST PORT",
	}
}
