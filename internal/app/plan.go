package app

import (
	"errors"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/pkg/profiles"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// PlanRequest is what a user says of whom a session runs as and what it may do.
type PlanRequest struct {
	// Identity is used where the pod does not tell whom its target runs as.
	Identity *Identity
	// LearnUser allows a container that only reads from the process whom the target runs as, where nothing else tells.
	LearnUser bool
	// UsePullSecrets allows the pod's pull secrets to be read, to read its image.
	UsePullSecrets bool
}

// Identity is a uid and, where GID is not nil, a gid.
type Identity struct {
	UID int64
	GID *int64
}

// makePlan mirrors the facts.
func makePlan(f target.Facts, r PlanRequest) (profiles.Plan, error) {
	name := fault.Pod{Namespace: f.Namespace, Name: f.Pod}
	if id := r.Identity; id != nil {
		if err := complete(&f, id, name); err != nil {
			return profiles.Plan{}, err
		}
	}
	plan, err := profiles.Mirror(f)
	var unknown *profiles.UnknownIdentityError
	var windows *profiles.WindowsError
	switch {
	case errors.As(err, &unknown):
		err = &fault.NoIdentity{Pod: name, Container: f.Container, Missing: unknown.Missing}
	case errors.As(err, &windows):
		err = &fault.Windows{Pod: name}
	}
	return plan, err
}

// complete fills in the identity that the user names where the pod tells none. A different one than the pod's would not
// be a mirror.
func complete(f *target.Facts, id *Identity, pod fault.Pod) error {
	if !agree(f.UID, &id.UID) || !agree(f.GID, id.GID) {
		return &fault.OtherIdentity{Pod: pod, Container: f.Container, UID: known(f.UID), GID: known(f.GID)}
	}
	if !f.UID.Known() {
		f.UID = target.Sourced[int64]{Value: id.UID, Origin: target.FromFlag}
	}
	if !f.GID.Known() && id.GID != nil {
		f.GID = target.Sourced[int64]{Value: *id.GID, Origin: target.FromFlag}
	}
	return nil
}

// agree reports whether what the user named, if anything, is what the pod tells, if anything.
func agree(told target.Sourced[int64], named *int64) bool {
	return named == nil || !told.Known() || told.Value == *named
}

func known(id target.Sourced[int64]) *int64 {
	if !id.Known() {
		return nil
	}
	return &id.Value
}
