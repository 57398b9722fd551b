package app

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/internal/facts"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/preflight"
	"github.com/mindebug/kubectl-mindebug/internal/session"
	"github.com/mindebug/kubectl-mindebug/pkg/profiles"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// PlanRequest is what a user says of whom a session runs as, what it may do, and what it is given.
type PlanRequest struct {
	// Profile is what is asked on top of the mirror.
	Profile profiles.Request
	// Env are variables for the session container.
	Env []corev1.EnvVar
	// MountVolumes asks for the target's volumes, to be read.
	MountVolumes bool
	// LearnUser allows a container that only reads from the process whom the target runs as, where nothing else tells.
	LearnUser bool
	// UsePullSecrets allows the pod's pull secrets to be read, to read its image.
	UsePullSecrets bool
}

// makePlan makes the plan that is asked for from the facts.
func makePlan(f target.Facts, r PlanRequest) (profiles.Plan, error) {
	plan, err := profiles.Make(f, r.Profile)
	return plan, planFault(fault.Pod{Namespace: f.Namespace, Name: f.Pod}, f.Container, err)
}

// planFault says in the terms of package fault why there is no plan.
func planFault(pod fault.Pod, container string, err error) error {
	var unknown *profiles.UnknownIdentityError
	var windows *profiles.WindowsError
	var notEffective *profiles.NotEffectiveError
	var contradiction *profiles.ContradictionError
	switch {
	case errors.As(err, &unknown):
		return &fault.NoIdentity{Pod: pod, Container: container, Missing: unknown.Missing}
	case errors.As(err, &windows):
		return &fault.Windows{Pod: pod}
	case errors.As(err, &notEffective):
		e := &fault.NotEffective{Pod: pod, Container: container, UID: notEffective.UID}
		for _, c := range notEffective.Capabilities {
			e.Capabilities = append(e.Capabilities, string(c))
		}
		return e
	case errors.As(err, &contradiction):
		return &fault.Contradiction{One: contradiction.One, Other: contradiction.Other}
	}
	return err
}

// container is the session container that the request asks for. User is who adds it, empty where that is not known yet.
func (r SessionRequest) container(pod *corev1.Pod, f target.Facts, plan profiles.Plan, user string) corev1.EphemeralContainer {
	r = r.settled(plan)
	settings := session.Settings{
		Image: r.Image, PullPolicy: r.PullPolicy, TTL: r.ttl(plan), Env: r.Env,
		User: user, Reason: r.Reason, Version: r.Version, Attach: r.Attach, TTY: r.TTY,
	}
	if plan.StepUp {
		settings.Profile = Kind(plan)
	}
	if r.MountVolumes {
		container, _ := target.Find(pod, f.Container)
		settings.Mounts, _ = session.Mounts(container)
	}
	return session.Container(plan, f.Container, settings)
}

// wouldEnter returns whether a pod runs a session container of the plan that would be made for it. Who the user is is asked
// once, and only where it matters. With --new none is entered.
func wouldEnter(ctx context.Context, cluster Cluster, r SessionRequest) func(*corev1.Pod) bool {
	who := sync.OnceValue(func() string { return whoAmI(ctx, cluster) })
	enters := func(pod *corev1.Pod, f target.Facts) bool {
		plan, err := makePlan(f, r.PlanRequest)
		if err != nil || preflight.State(pod, f.Container) != nil {
			return false
		}
		user := ""
		if plan.StepUp {
			if user = who(); user == "" {
				return false
			}
		}
		found, ok := session.Find(pod, r.container(pod, f, plan, user))
		return ok && found.Running
	}
	return func(pod *corev1.Pod) bool {
		return !r.New && !r.Attach && len(pod.Status.EphemeralContainerStatuses) > 0 && slices.ContainsFunc(couldBe(pod, r.Container), func(name string) bool {
			return slices.ContainsFunc(supposed(pod, name), func(f target.Facts) bool { return enters(pod, f) })
		})
	}
}

// supposed are the facts as the pod tells them and, where it leaves open whom the target runs as, as each of its ephemeral
// containers supposes. That says which pod comes first, never whom a session runs as.
func supposed(pod *corev1.Pod, container string) []target.Facts {
	told := facts.Read(pod, container)
	all := []target.Facts{told}
	for i := range pod.Spec.EphemeralContainers {
		sc := pod.Spec.EphemeralContainers[i].SecurityContext
		if told.UID.Known() && told.GID.Known() || sc == nil || sc.RunAsUser == nil || sc.RunAsGroup == nil {
			continue
		}
		f := told
		if !f.UID.Known() {
			f.UID = target.Sourced[int64]{Value: *sc.RunAsUser, Origin: target.FromContainer}
		}
		if !f.GID.Known() {
			f.GID = target.Sourced[int64]{Value: *sc.RunAsGroup, Origin: target.FromContainer}
		}
		all = append(all, f)
	}
	return all
}

// ttl is how long the session container stays without use. One that goes beyond the mirror ends with its session, unless
// the user says otherwise.
func (r SessionRequest) ttl(plan profiles.Plan) time.Duration {
	if plan.StepUp && !r.TTLGiven {
		return 0
	}
	return r.TTL
}

// whoAmI is the server's name for the user; empty where the server does not tell.
func whoAmI(ctx context.Context, cluster Cluster) string {
	user, err := cluster.WhoAmI(ctx)
	if err != nil {
		return ""
	}
	return user.Username
}
