package app

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/mindebug/kubectl-mindebug/internal/access"
	"github.com/mindebug/kubectl-mindebug/internal/facts"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/imagekind"
	"github.com/mindebug/kubectl-mindebug/internal/preflight"
	"github.com/mindebug/kubectl-mindebug/internal/resolve"
	"github.com/mindebug/kubectl-mindebug/internal/session"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// Finder is what a search needs of the API server.
type Finder interface {
	Fleet
	// PodPages calls do for pods, page by page. Left is how many come after the page, 0 where that is not known; torn is true
	// where the pages are not of one moment.
	PodPages(ctx context.Context, namespace, selector string, do func(pods []corev1.Pod, left int64, torn bool) error) error
	// NamespaceLabels are those of one namespace, or of all where the name is empty, by their names.
	NamespaceLabels(ctx context.Context, name string) (map[string]map[string]string, error)
}

// FindRequest is what a user asks of a search.
type FindRequest struct {
	// Namespace is empty for all. Own is the one that is searched where all may not be.
	Namespace, Own, Selector string
	// Kinds are those that are wanted.
	Kinds []imagekind.Kind
	// Registry asks the images' registries where nothing else tells, for up to MaxBytes of an image's layers; UsePullSecrets
	// with the pods' pull secrets, too. Probe runs a shell in a container of such an image.
	Registry, UsePullSecrets, Probe bool
	MaxBytes                        int64
}

// Found is a container with the kind of its image.
type Found struct {
	Namespace, Pod string
	Workload       resolve.Workload
	Container      string
	// Type is "container", "sidecar" or "init", State its state in kubectl's words.
	Type, State string
	// Image is what the pod's spec names, Digest that of what runs; empty where it is not known.
	Image, Digest string
	imagekind.Verdict
	UID target.Sourced[int64]
	// Level is the Pod Security level that the namespace enforces: empty where it names none, LevelUnknown where the namespace may
	// not be read.
	Level string
	// Session is the session container that runs beside it, if any.
	Session string
}

// LevelUnknown is the level of a namespace that may not be read.
const LevelUnknown = "unknown"

// Unseen is something that a search could not see.
type Unseen struct {
	About UnseenAbout
	// Names are namespaces, or the registry; Count is how many images or containers it is about.
	Names []string
	Count int
	Err   error
}

// UnseenAbout says what could not be seen.
type UnseenAbout string

// What could not be seen.
const (
	UnseenNamespaces UnseenAbout = "namespaces" // pods of these
	UnseenOthers     UnseenAbout = "others"     // pods of all but this namespace
	UnseenLevels     UnseenAbout = "levels"     // Pod Security levels
	UnseenMoment     UnseenAbout = "moment"     // the pods as they were at one time
	UnseenImages     UnseenAbout = "images"     // images of that registry
	UnseenProbes     UnseenAbout = "probes"     // containers in which nothing could be run
)

// FindSummary is what a search comes to.
type FindSummary struct {
	// Pods are those that were looked at; Kinds is how many containers have an image of which kind, wanted or not.
	Pods  int
	Kinds map[imagekind.Kind]int
	// Shown is how many were handed on.
	Shown  int
	Unseen []Unseen
}

// FindProgress is how far a search is: how many pods were read and how many are left, 0 where that is not known; of how many
// images of the last pods registries or containers are asked, and have answered.
type FindProgress struct {
	Pods          int
	Left          int64
	Images, Asked int
}

// Find hands on, page by page, the containers whose images are of the kinds that are wanted. Progress is called for each
// page of pods and each image that is asked about, one call at a time.
func Find(ctx context.Context, cluster Finder, sources KindSources, r FindRequest, page func([]Found) error, progress func(FindProgress)) (FindSummary, error) {
	f := finder{
		cluster: cluster, request: r, page: page, progress: progress,
		kinds:   newKinder(cluster, sources, r, progress),
		summary: FindSummary{Kinds: map[imagekind.Kind]int{}},
	}
	f.readLevels(ctx)
	err := f.search(ctx)
	f.levels.Wait()
	f.summary.Unseen = append(f.summary.Unseen, f.kinds.unseen()...)
	if err == nil && f.summary.Pods == 0 && apierrors.IsNotFound(f.labelsErr) {
		err = &fault.NothingToCheck{Namespace: r.Namespace, Selector: r.Selector, NoNamespace: true}
	}
	return f.summary, err
}

// finder is one search.
type finder struct {
	cluster  Finder
	request  FindRequest
	page     func([]Found) error
	progress func(FindProgress)
	kinds    *kinder
	summary  FindSummary

	// labels are those of the namespaces, and labelsErr why there are none, after levels.
	levels    sync.WaitGroup
	labels    map[string]map[string]string
	labelsErr error
	// owners are the CronJobs of the jobs of a namespace, or of all, once they were asked for.
	owners map[string]map[[2]string]resolve.Workload
}

// readLevels begins to read the namespaces.
func (f *finder) readLevels(ctx context.Context) {
	f.levels.Go(func() { f.labels, f.labelsErr = f.cluster.NamespaceLabels(ctx, f.request.Namespace) })
}

// search lists the pods of the namespace, or of all. Where all may not be listed, it lists those of each namespace; where the
// namespaces may not be listed either, those of the user's own.
func (f *finder) search(ctx context.Context) error {
	err := f.list(ctx, f.request.Namespace)
	if !apierrors.IsForbidden(err) || f.summary.Pods > 0 {
		return err
	}
	forbidden := preflight.Forbidden(ctx, f.cluster, f.request.Namespace, access.ListPods, err)
	if f.request.Namespace != "" {
		return forbidden
	}
	f.levels.Wait()
	names := slices.Sorted(maps.Keys(f.labels))
	if f.labelsErr != nil {
		f.summary.Unseen = append(f.summary.Unseen, Unseen{About: UnseenOthers, Names: []string{f.request.Own}, Err: forbidden})
		names = []string{f.request.Own}
	}
	var closed []string
	for _, name := range names {
		err := f.list(ctx, name)
		if apierrors.IsForbidden(err) {
			closed = append(closed, name)
		} else if err != nil {
			return err
		}
	}
	switch {
	case len(closed) == len(names):
		return forbidden
	case len(closed) > 0:
		f.summary.Unseen = append(f.summary.Unseen, Unseen{About: UnseenNamespaces, Names: closed, Err: forbidden})
	}
	return nil
}

// list looks at the pods of a namespace, or of all.
func (f *finder) list(ctx context.Context, namespace string) error {
	return f.cluster.PodPages(ctx, namespace, f.request.Selector, func(pods []corev1.Pod, left int64, torn bool) error {
		if torn {
			f.summary.Unseen = append(f.summary.Unseen, Unseen{About: UnseenMoment})
		}
		f.summary.Pods += len(pods)
		f.kinds.progress = FindProgress{Pods: f.summary.Pods, Left: left}
		f.progress(f.kinds.progress)
		found, err := f.look(ctx, namespace, pods)
		if err != nil {
			return err
		}
		f.summary.Shown += len(found)
		return f.page(found)
	})
}

// look returns the containers of a page of pods that are wanted.
func (f *finder) look(ctx context.Context, namespace string, pods []corev1.Pod) ([]Found, error) {
	f.levels.Wait()
	if f.labelsErr != nil && ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	f.sayLevels()
	var found []Found
	var of []*corev1.Pod
	for i := range pods {
		pod := &pods[i]
		for _, one := range f.containers(ctx, namespace, pod) {
			found, of = append(found, one), append(of, pod)
		}
	}
	if err := f.kinds.judge(ctx, found, of); err != nil {
		return nil, err
	}
	for i := range found {
		f.summary.Kinds[found[i].Kind]++
	}
	return slices.DeleteFunc(found, func(one Found) bool { return !slices.Contains(f.request.Kinds, one.Kind) }), nil
}

// sayLevels notes once that the levels are not known.
func (f *finder) sayLevels() {
	about := func(u Unseen) bool { return u.About == UnseenLevels }
	if f.labelsErr != nil && !slices.ContainsFunc(f.summary.Unseen, about) {
		f.summary.Unseen = append(f.summary.Unseen, Unseen{About: UnseenLevels, Err: f.labelsErr})
	}
}

// containers are those of a pod, listed in a namespace or in all, that run or may still run: the regular ones, sidecars, and init containers that have not
// ended. Session containers are told beside their targets; what else is ephemeral is left out.
func (f *finder) containers(ctx context.Context, namespace string, pod *corev1.Pod) (found []Found) {
	if pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		return nil
	}
	sessions := runningSessions(pod)
	for _, c := range resolve.Candidates(pod) {
		_, status := target.Find(pod, c.Name)
		if c.Kind == "init" && status != nil && status.State.Terminated != nil {
			continue
		}
		one := Found{
			Namespace: pod.Namespace, Pod: pod.Name, Workload: f.workload(ctx, namespace, pod), Container: c.Name, Type: c.Kind, State: c.State,
			Image: c.Image, UID: facts.Read(pod, c.Name).UID, Level: f.level(pod.Namespace), Session: sessions[c.Name],
		}
		if status != nil {
			one.Digest = digestOf(status.ImageID)
		}
		found = append(found, one)
	}
	return found
}

// runningSessions are the session containers that run, by their targets.
func runningSessions(pod *corev1.Pod) map[string]string {
	if len(pod.Spec.EphemeralContainers) == 0 {
		return nil
	}
	sessions := map[string]string{}
	for _, l := range session.List(pod) {
		if l.State == session.Running {
			sessions[l.Target] = l.Name
		}
	}
	return sessions
}

// digestOf is the digest that a status names: of the image in its registry, or of its configuration where the node knows only
// that.
func digestOf(imageID string) string { return imageID[strings.LastIndexAny(imageID, "@/")+1:] }

// enforced is the label by which a namespace enforces a Pod Security level.
const enforced = "pod-security.kubernetes.io/enforce"

func (f *finder) level(namespace string) string {
	if f.labelsErr != nil {
		return LevelUnknown
	}
	return f.labels[namespace][enforced]
}

// workload is what the pod belongs to: the CronJob, where its Job is of one and jobs may be listed there.
func (f *finder) workload(ctx context.Context, namespace string, pod *corev1.Pod) resolve.Workload {
	w := resolve.WorkloadOf(pod)
	if w.Kind != "Job" {
		return w
	}
	owners, known := f.owners[namespace]
	if !known {
		if jobs, err := f.cluster.Jobs(ctx, namespace); err == nil {
			owners = resolve.CronJobsOf(jobs)
		}
		if f.owners == nil {
			f.owners = map[string]map[[2]string]resolve.Workload{}
		}
		f.owners[namespace] = owners
	}
	if owner, ok := owners[[2]string{pod.Namespace, w.Name}]; ok {
		return owner
	}
	return w
}
