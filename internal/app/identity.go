package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/mindebug/kubectl-mindebug/internal/access"
	"github.com/mindebug/kubectl-mindebug/internal/facts"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/preflight"
	"github.com/mindebug/kubectl-mindebug/internal/registry"
	"github.com/mindebug/kubectl-mindebug/internal/session"
	"github.com/mindebug/kubectl-mindebug/internal/ui"
	"github.com/mindebug/kubectl-mindebug/pkg/profiles"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// Images opens the image that a container runs, as registry.Client does.
type Images interface {
	Open(ctx context.Context, r registry.Request) (images []registry.Image, done func(), err error)
}

// identityCluster is what finding out whom a target runs as needs of the API server.
type identityCluster interface {
	// Secret reads a Secret.
	Secret(ctx context.Context, namespace, name string) (*corev1.Secret, error)
	// NodeArchitecture is a node's, in Go's words.
	NodeArchitecture(ctx context.Context, name string) (string, error)
}

// makePlan reads the facts and makes the plan. Where the pod leaves open whom its target runs as, other sources are asked:
// the image in its registry, a session container that runs, and by consent one that is added for it. Nobody is asked
// where the pod tells. It returns the pod as it is then.
func (s *sessionRun) makePlan(ctx context.Context, pod *corev1.Pod, container string) (*corev1.Pod, error) {
	before := facts.Read(pod, container)
	var err error
	s.facts, s.plan, err = planFromImage(ctx, pod, container, imageReader{s.cluster, s.images, s.request.PlanRequest, s.notices})
	var silent *fault.NoIdentity
	if errors.As(err, &silent) {
		if pod, err = s.identify(ctx, pod, silent); err == nil {
			s.plan, err = makePlan(s.facts, s.request.PlanRequest)
		}
	}
	if err == nil && (s.facts.UID != before.UID || s.facts.GID != before.GID) {
		s.notices.Say("uid %d: %s; gid %d: %s", s.facts.UID.Value, s.facts.UID.Origin, s.facts.GID.Value, s.facts.GID.Origin)
	}
	return pod, err
}

// identify asks what runs whom the target runs as, or says why nothing tells.
func (s *sessionRun) identify(ctx context.Context, pod *corev1.Pod, silent *fault.NoIdentity) (*corev1.Pod, error) {
	if s.fromSession(ctx, pod) {
		return pod, nil
	}
	consent := s.request.LearnUser
	if !consent && ui.IsTerminal(s.streams.In) && ui.IsTerminal(s.streams.Err) {
		s.notices.Say("%v", silent.Image)
		question := ui.Escape(fmt.Sprintf("nothing tells whom container %s of pod/%s runs as. Add a container without privileges that reads it\n"+
			"from the process (--learn-user)? It ends by itself, and stays in the pod's list for good. [y/N] ", silent.Container, pod.Name))
		var err error
		if consent, err = ui.Confirm(ctx, s.streams.In, s.streams.Err, question); err != nil {
			return pod, err
		}
	}
	if !consent {
		return pod, silent
	}
	return s.learn(ctx, pod, silent)
}

// imageReader reads from its image whom a target runs as.
type imageReader struct {
	cluster Cluster
	images  Images
	request PlanRequest
	notices *ui.Notices
}

// read completes the facts with what the image tells. Where it cannot be told which of several it is, they must agree.
func (i imageReader) read(ctx context.Context, pod *corev1.Pod, f target.Facts) (target.Facts, error) {
	container, _ := target.Find(pod, f.Container)
	images, done, err := i.open(ctx, pod, f.Container)
	if err != nil {
		return f, err
	}
	defer done()
	var first target.Facts
	for n, image := range images {
		found, err := facts.FromImage(f, image)
		switch {
		case err != nil:
			return f, fmt.Errorf("image %s: %w", container.Image, err)
		case n == 0:
			first = found
		case found.UID.Value != first.UID.Value || found.GID.Value != first.GID.Value:
			return f, fmt.Errorf("image %s: it runs as %d:%d on %s and as %d:%d on %s, and nothing tells which the node is", container.Image,
				first.UID.Value, first.GID.Value, images[0].Platform, found.UID.Value, found.GID.Value, image.Platform)
		}
	}
	return first, nil
}

// open opens the image that a container runs, or ran.
func (i imageReader) open(ctx context.Context, pod *corev1.Pod, name string) (images []registry.Image, done func(), err error) {
	container, status := target.Find(pod, name)
	r := registry.Request{
		Image:        container.Image,
		Architecture: func(ctx context.Context) string { return i.architecture(ctx, pod) },
	}
	if status != nil {
		r.ID = status.ImageID
	}
	if i.request.UsePullSecrets {
		if r.PullSecrets, err = i.pullSecrets(ctx, pod); err != nil {
			return nil, nil, err
		}
	}
	i.notices.Say("asking the registry of image %s which user it runs as", container.Image)
	images, done, err = i.images.Open(ctx, r)
	if unread := (*fault.Registry)(nil); i.request.UsePullSecrets && errors.As(err, &unread) {
		unread.AsPod = true
	}
	return images, done, err
}

// architecture is the node's, or empty where neither the pod nor the API server tells it.
func (i imageReader) architecture(ctx context.Context, pod *corev1.Pod) string {
	if wanted := pod.Spec.NodeSelector[corev1.LabelArchStable]; wanted != "" {
		return wanted
	}
	architecture, err := i.cluster.NodeArchitecture(ctx, pod.Spec.NodeName)
	if err != nil {
		return ""
	}
	return architecture
}

// pullSecrets reads the pod's pull secrets. One that is not there is no error, as for the kubelet.
func (i imageReader) pullSecrets(ctx context.Context, pod *corev1.Pod) ([]corev1.Secret, error) {
	var all []corev1.Secret
	for _, reference := range pod.Spec.ImagePullSecrets {
		secret, err := i.cluster.Secret(ctx, pod.Namespace, reference.Name)
		switch {
		case apierrors.IsNotFound(err):
			continue
		case apierrors.IsForbidden(err):
			return nil, preflight.Forbidden(ctx, i.cluster, pod.Namespace, access.GetPullSecret, err)
		case err != nil:
			return nil, err
		}
		all = append(all, *secret)
	}
	return all, nil
}

// planFromImage makes a plan of what the pod tells and, where that is not enough, of what its image does. Nothing is added.
func planFromImage(ctx context.Context, pod *corev1.Pod, container string, i imageReader) (target.Facts, profiles.Plan, error) {
	f := facts.Read(pod, container)
	plan, err := makePlan(f, i.request)
	var silent *fault.NoIdentity
	if !errors.As(err, &silent) {
		return f, plan, err
	}
	var forbidden *fault.Forbidden
	found, err := i.read(ctx, pod, f)
	switch {
	case errors.As(err, &forbidden) || ctx.Err() != nil:
		return f, plan, err
	case err != nil:
		silent.Image = err
		return f, plan, silent
	}
	plan, err = makePlan(found, i.request)
	return found, plan, err
}

// fromSession asks a session container that runs whom it sees the target run as, and reports whether there was one that
// told. It must be one that we would have made: another could say anything.
func (s *sessionRun) fromSession(ctx context.Context, pod *corev1.Pod) bool {
	for i := range pod.Spec.EphemeralContainers {
		c := &pod.Spec.EphemeralContainers[i]
		if sc := c.SecurityContext; sc == nil || sc.RunAsUser == nil || sc.RunAsGroup == nil {
			continue
		}
		want, err := s.as(*c.SecurityContext.RunAsUser, *c.SecurityContext.RunAsGroup)
		if err != nil {
			continue
		}
		alone := pod.DeepCopy()
		alone.Spec.EphemeralContainers = []corev1.EphemeralContainer{*c}
		found, ok := session.Find(alone, want)
		if !ok || !found.Running {
			continue
		}
		if seen, err := s.look(ctx, pod, found); err == nil && s.take(seen, target.FromProcess) == nil {
			return true
		}
	}
	return false
}

// as is the session container of a mirror that has that uid and gid.
func (s *sessionRun) as(uid, gid int64) (corev1.EphemeralContainer, error) {
	f := s.facts
	f.UID = target.Sourced[int64]{Value: uid, Origin: target.FromProcess}
	f.GID = target.Sourced[int64]{Value: gid, Origin: target.FromProcess}
	plan, err := profiles.Mirror(f)
	if err != nil {
		return corev1.EphemeralContainer{}, err
	}
	r := s.request.settled(plan)
	if err := r.haveImage(); err != nil {
		return corev1.EphemeralContainer{}, err
	}
	return session.Container(plan, f.Container, session.Settings{
		Image: r.Image, PullPolicy: r.PullPolicy, Reason: r.Reason, Version: r.Version, Attach: r.Attach,
	}), nil
}

// nobody is whom the container runs as that only looks at /proc/PID/status, which all may read.
const nobody = 65534

// learn adds a container without privileges that looks at the target's process once, and ends. Apart from its uid and gid
// it is the target's mirror, so that Pod Security takes it wherever it takes the target.
func (s *sessionRun) learn(ctx context.Context, pod *corev1.Pod, silent *fault.NoIdentity) (*corev1.Pod, error) {
	want, err := s.as(nobody, nobody)
	if err != nil {
		return pod, err
	}
	want.SecurityContext.ProcMount = nil // the default one shows what is looked at
	if _, err := preflight.Ask(ctx, s.cluster, pod, want, s.request.enterCall()); err != nil {
		return pod, err
	}
	s.notices.Say("adding container %s as %d:%d without privileges, to read from the process whom it runs as; it ends by itself, and stays in the pod's list for good",
		want.Name, nobody, nobody)
	changed, err := s.cluster.AddEphemeralContainer(ctx, pod, want, false)
	if err != nil {
		return pod, preflight.Refusal(ctx, s.cluster, pod, want, err)
	}
	seen, err := s.look(ctx, changed, session.Found{Name: want.Name})
	if err != nil {
		return pod, s.blameTarget(ctx, pod, err)
	}
	if err := s.take(seen, target.FromLearnUser); err != nil {
		silent.Process, silent.Added = err, want.Name
		return pod, silent
	}
	return changed, nil
}

// look runs nothing in a session container, and returns what a session there finds.
func (s *sessionRun) look(ctx context.Context, pod *corev1.Pod, in session.Found) (seen session.Greeting, err error) {
	_, err = s.run(ctx, in, pod, session.Request{
		TargetID: s.facts.ContainerID, Command: []string{"true"}, Stdout: io.Discard, Stderr: io.Discard,
		Grace: s.request.Grace, Quiet: true, Begun: func(g session.Greeting) { seen = g },
	})
	return seen, err
}

// take completes the facts with what was seen. A process whose real, effective, saved and file system ids differ is not
// one that another could be the mirror of.
func (s *sessionRun) take(seen session.Greeting, origin target.Origin) error {
	for _, ids := range [][4]int64{seen.UID, seen.GID} {
		if slices.ContainsFunc(ids[:], func(id int64) bool { return id != ids[0] }) {
			return fmt.Errorf("its process runs with several: uids %d, gids %d (real, effective, saved, file system)", seen.UID, seen.GID)
		}
	}
	if !s.facts.UID.Known() {
		s.facts.UID = target.Sourced[int64]{Value: seen.UID[0], Origin: origin}
	}
	if !s.facts.GID.Known() {
		s.facts.GID = target.Sourced[int64]{Value: seen.GID[0], Origin: origin}
	}
	return nil
}
