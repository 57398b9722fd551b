package resolve

import (
	"context"
	"fmt"
	"slices"
	"sort"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/kubectl/pkg/util/podutils"

	"github.com/mindebug/kubectl-mindebug/internal/access"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// Pods returns the pods that words or a selector mean, in kubectl's order: the order of `kubectl exec deploy/x`, in which
// the healthiest that has been so for longest comes first. Those without any process to join come last; finished ones and
// those that are being deleted are left out. There is always one to join, or the error is a *fault.NoneRuns. A pod by its
// name is returned as it is. Otherwise the error is a *fault.NoPod, *fault.NoOwner, *fault.NoSelector, a *Denied, or the
// server gave no answer.
func Pods(ctx context.Context, cluster Cluster, namespace string, query target.Query, selector string) ([]*corev1.Pod, error) {
	all, none, err := list(ctx, cluster, namespace, query, selector)
	if err != nil || none == nil {
		return all, err
	}
	var pods []*corev1.Pod
	for _, pod := range all {
		if !isOver(pod) {
			pods = append(pods, pod)
		}
		none.Pods = append(none.Pods, State(pod))
	}
	// What kubectl does in attachablePodForObject (k8s.io/kubectl/pkg/polymorphichelpers).
	sort.Stable(sort.Reverse(podutils.ActivePods(pods)))
	pods = first(pods, joinable)
	if len(pods) == 0 || !joinable(pods[0]) {
		return nil, none
	}
	return pods, nil
}

// Any is as Pods, and returns those of a workload, too, that are finished or have no process, the worst first. A *fault.NoneRuns
// then means that there is none at all.
func Any(ctx context.Context, cluster Cluster, namespace string, query target.Query, selector string) ([]*corev1.Pod, error) {
	pods, none, err := list(ctx, cluster, namespace, query, selector)
	if err != nil || none == nil {
		return pods, err
	}
	pods = slices.DeleteFunc(pods, func(p *corev1.Pod) bool { return p.DeletionTimestamp != nil })
	if len(pods) == 0 {
		return nil, none
	}
	pods, _ = WorstFirst(pods)
	return pods, nil
}

// list reads the pods that are meant. None is the error for the case that none of them will do, nil where a pod is meant by
// its name.
func list(ctx context.Context, cluster Cluster, namespace string, query target.Query, selector string) (pods []*corev1.Pod, none *fault.NoneRuns, err error) {
	if selector == "" && query.Kind == target.Pods {
		pod, err := Pod(ctx, cluster, namespace, query.Name)
		return []*corev1.Pod{pod}, nil, err
	}
	from := source{words: Words(query, selector), selector: selector}
	if selector == "" {
		if from, err = ofOwner(ctx, cluster, namespace, query); err != nil {
			return nil, nil, err
		}
	}
	none = &fault.NoneRuns{Namespace: namespace, Target: from.words, Selector: from.selector, Detail: from.detail}
	if from.empty {
		return nil, nil, none
	}
	all, err := cluster.Pods(ctx, namespace, from.selector)
	if err != nil {
		return nil, nil, denied(err, access.ListPods)
	}
	for i := range all {
		pods = append(pods, &all[i])
	}
	return pods, none, nil
}

// Words say which pods are meant, as a user would: "deployment/web", "-l app=web".
func Words(query target.Query, selector string) string {
	if selector != "" {
		return "-l " + selector
	}
	return query.String()
}

// source is where pods come from.
type source struct {
	words, selector string
	// detail is what is to be known of it where there is no pod; empty is true where there can be none.
	detail string
	empty  bool
}

// ofOwner reads the object that the words name and returns where its pods are.
func ofOwner(ctx context.Context, cluster Cluster, namespace string, query target.Query) (source, error) {
	kind, _ := target.KindOf(query.Kind)
	from := source{words: query.String()}
	object, err := cluster.Object(ctx, namespace, kind, query.Name)
	if apierrors.IsNotFound(err) {
		e := &fault.NoOwner{Namespace: namespace, Kind: kind.Name, Name: query.Name, Server: err}
		e.Near, e.Unlisted = alike(ctx, cluster, namespace, kind, query.Name)
		return from, e
	}
	if err != nil {
		return from, denied(err, access.Get(kind))
	}
	if cron, ok := object.(*batchv1.CronJob); ok {
		jobs, err := cluster.Jobs(ctx, namespace)
		if err != nil {
			return from, denied(err, access.ListJobs)
		}
		newest := newestOf(cron, jobs)
		if newest == nil {
			from.empty, from.detail = true, noJob(cron)
			return from, nil
		}
		object, from.detail = newest, "its newest job is job/"+newest.Name
	}
	selector, detail, err := selectorOf(object)
	if err != nil {
		return from, fmt.Errorf("reading the selector of %s: %w", from.words, err)
	}
	if detail != "" {
		from.detail = detail
	}
	if selector.Empty() {
		return from, &fault.NoSelector{Namespace: namespace, Target: from.words}
	}
	from.selector = selector.String()
	return from, nil
}

// selectorOf returns by which labels an object's pods are known, and what explains it where there is none. An object
// without a selector returns an empty one: it would be wrong to take that for all pods.
func selectorOf(object runtime.Object) (selector labels.Selector, detail string, err error) {
	var by *metav1.LabelSelector
	var replicas *int32
	switch o := object.(type) {
	case *appsv1.Deployment:
		by, replicas = o.Spec.Selector, o.Spec.Replicas
	case *appsv1.StatefulSet:
		by, replicas = o.Spec.Selector, o.Spec.Replicas
	case *appsv1.ReplicaSet:
		by, replicas = o.Spec.Selector, o.Spec.Replicas
	case *appsv1.DaemonSet:
		by = o.Spec.Selector
	case *batchv1.Job:
		by = o.Spec.Selector
		if o.Spec.Suspend != nil && *o.Spec.Suspend {
			detail = "it is suspended"
		}
	case *corev1.Service:
		return labels.SelectorFromSet(o.Spec.Selector), "", nil
	default:
		return nil, "", fmt.Errorf("%T has no pods", object)
	}
	if replicas != nil && *replicas == 0 {
		detail = "it is scaled to 0"
	}
	if by == nil {
		return labels.Everything(), detail, nil
	}
	selector, err = metav1.LabelSelectorAsSelector(by)
	return selector, detail, err
}

// newestOf returns the job that a cronjob started last, or nil.
func newestOf(cron *batchv1.CronJob, jobs []batchv1.Job) (newest *batchv1.Job) {
	for i := range jobs {
		job := &jobs[i]
		if !metav1.IsControlledBy(job, cron) {
			continue
		}
		if newest == nil || newest.CreationTimestamp.Before(&job.CreationTimestamp) {
			newest = job
		}
	}
	return newest
}

// noJob says why a cronjob may have no job.
func noJob(cron *batchv1.CronJob) string {
	detail := fmt.Sprintf("it has no job; its schedule is %q", cron.Spec.Schedule)
	if cron.Spec.Suspend != nil && *cron.Spec.Suspend {
		detail += ", and it is suspended"
	}
	return detail
}

// denied says which call was forbidden, where that is what the error is.
func denied(err error, call access.Call) error {
	if apierrors.IsForbidden(err) {
		return &Denied{Call: call, Server: err}
	}
	return err
}
