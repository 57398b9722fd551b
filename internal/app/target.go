package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/preflight"
	"github.com/mindebug/kubectl-mindebug/internal/resolve"
	"github.com/mindebug/kubectl-mindebug/internal/ui"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// TargetRequest is what a user says of the container to debug.
type TargetRequest struct {
	// Context is the name of the kubeconfig's context, for the notice that says where one is.
	Context, Namespace string
	Query              target.Query
	// Selector selects pods by their labels, instead of the query.
	Selector string
	// Pick decides between several pods.
	Pick target.Pick
	// Container is the target's name, or empty for the one that is meant.
	Container string
}

// offered is how many pods are offered on a terminal, and named how many in the notice.
const (
	offered = 20
	named   = 3
)

// findPod reads the pod that is meant. Of several, entered says which run a session container that would be entered:
// without a pick they come first. Which it was of how many is said; on a terminal, where they differ in health and none is
// entered already, it is asked.
func findPod(ctx context.Context, cluster Cluster, streams Streams, notices *ui.Notices, r TargetRequest, entered func(*corev1.Pod) bool) (*corev1.Pod, error) {
	all, err := resolve.Pods(ctx, cluster, r.Namespace, r.Query, r.Selector)
	if err != nil {
		return nil, explainDenied(ctx, cluster, r.Namespace, err)
	}
	pods := resolve.Order(all, r.Pick, entered)
	if len(pods) == 0 {
		return nil, &fault.NonePicked{
			Namespace: r.Namespace, Target: resolve.Words(r.Query, r.Selector), Pick: string(r.Pick), Pods: states(all),
		}
	}
	if len(all) == 1 {
		return pods[0], nil
	}
	chosen := pods[0]
	if worst, differ := resolve.WorstFirst(pods); differ && r.Pick == "" && !entered(chosen) && canAsk(streams) {
		if chosen, err = askPod(ctx, streams, resolve.Words(r.Query, r.Selector), worst); err != nil {
			return nil, err
		}
	}
	notices.Say("%s", whichPod(chosen, all))
	return chosen, nil
}

// explainDenied says of a forbidden read whom the server takes the user for.
func explainDenied(ctx context.Context, cluster Cluster, namespace string, err error) error {
	var denied *resolve.Denied
	if !errors.As(err, &denied) {
		return err
	}
	return preflight.Forbidden(ctx, cluster, namespace, denied.Call, denied.Server)
}

func states(pods []*corev1.Pod) []fault.PodState {
	var out []fault.PodState
	for _, pod := range pods {
		out = append(out, resolve.State(pod))
	}
	return out
}

// canAsk reports whether somebody is there to answer.
func canAsk(streams Streams) bool { return ui.IsTerminal(streams.In) && ui.IsTerminal(streams.Err) }

// askPod asks which of the pods is meant.
func askPod(ctx context.Context, streams Streams, words string, worstFirst []*corev1.Pod) (*corev1.Pod, error) {
	question := fmt.Sprintf("%s has %d pods:", words, len(worstFirst))
	if len(worstFirst) > offered {
		question = fmt.Sprintf("%s has %d pods, these first:", words, len(worstFirst))
		worstFirst = worstFirst[:offered]
	}
	var options []string
	for _, pod := range worstFirst {
		age := duration.HumanDuration(time.Since(pod.CreationTimestamp.Time))
		options = append(options, ui.Escape(fmt.Sprintf("%s, %s old", resolve.State(pod).Describe(), age)))
	}
	chosen, err := ui.Choose(ctx, streams.In, streams.Err, ui.Escape(question), options)
	if err != nil {
		return nil, err
	}
	return worstFirst[chosen], nil
}

// findContainer settles which container is meant, by asking on a terminal where the pod does not tell.
func findContainer(ctx context.Context, streams Streams, pod *corev1.Pod, wanted string) (string, error) {
	name, err := resolve.Container(pod, wanted)
	var many *fault.ManyContainers
	if !errors.As(err, &many) || !canAsk(streams) {
		return name, err
	}
	var options []string
	for _, c := range many.Containers {
		options = append(options, ui.Escape(c.Describe()))
	}
	chosen, err := ui.Choose(ctx, streams.In, streams.Err, fmt.Sprintf("pod/%s has %d containers:", pod.Name, len(options)), options)
	if err != nil {
		return "", err
	}
	return many.Containers[chosen].Name, nil
}

// couldBe are the containers of the pod that may turn out to be meant: more than one where that will be asked.
func couldBe(pod *corev1.Pod, wanted string) (names []string) {
	name, err := resolve.Container(pod, wanted)
	var many *fault.ManyContainers
	switch {
	case err == nil:
		return []string{name}
	case errors.As(err, &many):
		for _, c := range many.Containers {
			names = append(names, c.Name)
		}
	}
	return names
}
