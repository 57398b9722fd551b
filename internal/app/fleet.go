package app

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/util/workqueue"

	"github.com/mindebug/kubectl-mindebug/internal/access"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/preflight"
	"github.com/mindebug/kubectl-mindebug/internal/resolve"
)

// Fleet is what a check of many workloads needs of the API server.
type Fleet interface {
	Cluster
	// EachPod calls do for each pod, reading them in pages. An empty namespace means all.
	EachPod(ctx context.Context, namespace, selector string, do func(*corev1.Pod)) error
	// HasNamespace reports whether there is a namespace of that name.
	HasNamespace(ctx context.Context, name string) (bool, error)
}

// fleetAtOnce is how many workloads are checked at a time.
const fleetAtOnce = 8

// CheckFleet checks each workload of a namespace, or of all where the request names none, on the pod of it that is best
// to debug. Done is called after each of them.
func CheckFleet(ctx context.Context, cluster Fleet, images Images, r SessionRequest, done func(n, of int)) ([]Checked, error) {
	k := checker{cluster: cluster, images: images, request: r}
	if err := r.mayHaveImage(); err != nil {
		return nil, err
	}
	const anyone = 1 // most targets are not root
	g := gathered{image: r.withImage(anyone, false).Image, container: r.Container, workloads: map[workloadKey]*gatheredWorkload{}, haveImage: map[string]bool{}}
	if err := cluster.EachPod(ctx, r.Namespace, r.Selector, g.add); err != nil {
		if apierrors.IsForbidden(err) {
			err = preflight.Forbidden(ctx, cluster, r.Namespace, access.ListPods, err)
		}
		return nil, err
	}
	if len(g.workloads) == 0 {
		return nil, nothingToCheck(ctx, cluster, r.Namespace, r.Selector)
	}
	g.joinCronJobs(ctx, cluster, r.Namespace)
	k.identify(ctx)
	keys := g.keys()
	reviews := reviewsOf(ctx, cluster, r.Namespace, keys)
	out := make([]Checked, len(keys))
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mu sync.Mutex
	n := 0
	workqueue.ParallelizeUntil(ctx, fleetAtOnce, len(keys), func(i int) {
		key := keys[i]
		w := g.workloads[key]
		out[i] = Checked{Namespace: key.namespace, Workload: key.workload, Pods: w.pods, Pod: w.name, Container: w.container}
		if err := k.checkOne(ctx, &out[i], w, reviews[key.namespace], g.haveImage); err != nil {
			cancel(err)
		}
		mu.Lock()
		defer mu.Unlock()
		n++
		done(n, len(keys))
	})
	return out, context.Cause(ctx)
}

// nothingToCheck is the error where no pod was found: a gate that checks nothing must not pass.
func nothingToCheck(ctx context.Context, cluster Fleet, namespace, selector string) error {
	e := &fault.NothingToCheck{Namespace: namespace, Selector: selector}
	if namespace == "" {
		return e
	}
	has, err := cluster.HasNamespace(ctx, namespace)
	if err != nil && !apierrors.IsForbidden(err) {
		return err
	}
	e.NoNamespace, e.Unread = err == nil && !has, err
	return e
}

// checkOne checks one workload. One of which no pod runs now could not be told by its pods.
func (k *checker) checkOne(ctx context.Context, c *Checked, w *gatheredWorkload, reviews map[access.Call]preflight.Review, haveImage map[string]bool) error {
	if stands := w.containerErr; stands != nil {
		c.find(preflight.Finding{About: preflight.AboutTarget, Verdict: preflight.No, Err: stands})
		return nil //nolint:nilerr // it is a finding
	}
	pod := w.unpacked()
	if err := k.check(ctx, c, pod, reviews, haveImage[pod.Spec.NodeName]); err != nil {
		return err
	}
	var noPlace *fault.NoPlace
	if first := &c.Findings[0]; errors.As(first.Err, &noPlace) && noPlace.Reason == fault.Finished {
		*first = preflight.Finding{About: preflight.AboutTarget, Verdict: preflight.Unknown, Text: "no pod of it runs now"}
	}
	return nil
}

type workloadKey struct {
	namespace string
	workload  resolve.Workload
}

// gathered is what is kept of all pods: for each workload the pod that is best to debug, and which nodes have the image.
type gathered struct {
	image, container string
	workloads        map[workloadKey]*gatheredWorkload
	haveImage        map[string]bool
}

type gatheredWorkload struct {
	// name is that of the pod, packed the pod as it goes over the wire: in memory it takes ten times as much.
	name   string
	packed []byte
	pods   int
	// container is the one that is meant, containerErr why none is.
	container    string
	containerErr error
	fitness      int
}

func (g *gathered) add(pod *corev1.Pod) {
	if preflight.HasImage(pod, g.image) {
		g.haveImage[pod.Spec.NodeName] = true
	}
	w := &gatheredWorkload{name: pod.Name, pods: 1}
	w.choose(pod, g.container)
	if g.join(workloadKey{pod.Namespace, resolve.WorkloadOf(pod)}, w) {
		w.pack(pod)
	}
}

// join puts pods to those of the workload, and reports whether the pod of w is the best of them.
func (g *gathered) join(key workloadKey, w *gatheredWorkload) bool {
	if have := g.workloads[key]; have != nil {
		w.pods += have.pods
		if have.fitness > w.fitness || have.fitness == w.fitness && have.name < w.name {
			have.pods = w.pods
			return false
		}
	}
	g.workloads[key] = w
	return true
}

func (w *gatheredWorkload) pack(pod *corev1.Pod) {
	bare := *pod
	bare.ManagedFields = nil // of no use here, and often most of it
	packed, err := bare.Marshal()
	if err != nil {
		panic(err) // a typed API object always converts
	}
	w.packed = packed
}

func (w *gatheredWorkload) unpacked() *corev1.Pod {
	pod := &corev1.Pod{}
	if err := pod.Unmarshal(w.packed); err != nil {
		panic(err) // see pack
	}
	return pod
}

// choose settles the container and how fit the pod is for a session.
func (w *gatheredWorkload) choose(pod *corev1.Pod, wanted string) {
	w.container, w.containerErr = resolve.Container(pod, wanted)
	var finished *fault.NoPlace
	switch err := preflight.State(pod, w.container); {
	case w.containerErr != nil:
	case err == nil:
		w.fitness = 3
	case errors.As(err, &finished) && finished.Reason == fault.Finished:
		w.fitness = 1
	default:
		w.fitness = 2
	}
}

// joinCronJobs puts the pods of all jobs of a CronJob together. Who may not list jobs sees the jobs.
func (g *gathered) joinCronJobs(ctx context.Context, cluster Fleet, namespace string) {
	isJob := func(k workloadKey) bool { return k.workload.Kind == "Job" }
	if !slices.ContainsFunc(g.keys(), isJob) {
		return
	}
	jobs, err := cluster.Jobs(ctx, namespace)
	if err != nil {
		return
	}
	owners := resolve.CronJobsOf(jobs)
	for _, key := range g.keys() {
		owner, ok := owners[[2]string{key.namespace, key.workload.Name}]
		if !ok || !isJob(key) {
			continue
		}
		w := g.workloads[key]
		delete(g.workloads, key)
		g.join(workloadKey{key.namespace, owner}, w)
	}
}

// keys are the workloads in the order of their namespaces, kinds and names.
func (g *gathered) keys() []workloadKey {
	var keys []workloadKey
	for key := range g.workloads {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b workloadKey) int {
		return cmp.Or(strings.Compare(a.namespace, b.namespace),
			strings.Compare(a.workload.Kind, b.workload.Kind), strings.Compare(a.workload.Name, b.workload.Name))
	})
	return keys
}

// reviewsOf asks once for each namespace what the user may do there; or only once, where he may do it everywhere.
func reviewsOf(ctx context.Context, cluster Fleet, namespace string, keys []workloadKey) map[string]map[access.Call]preflight.Review {
	reviews := map[string]map[access.Call]preflight.Review{}
	everywhere := namespace == ""
	var forAll map[access.Call]preflight.Review
	if everywhere {
		forAll = preflight.Reviews(ctx, cluster, "", "")
		for _, review := range forAll {
			everywhere = everywhere && review.Allowed
		}
	}
	var namespaces []string
	for _, key := range keys {
		if _, ok := reviews[key.namespace]; !ok {
			reviews[key.namespace] = forAll
			namespaces = append(namespaces, key.namespace)
		}
	}
	if everywhere {
		return reviews
	}
	var mu sync.Mutex
	workqueue.ParallelizeUntil(ctx, fleetAtOnce, len(namespaces), func(i int) {
		answers := preflight.Reviews(ctx, cluster, namespaces[i], "")
		mu.Lock()
		defer mu.Unlock()
		reviews[namespaces[i]] = answers
	})
	return reviews
}
