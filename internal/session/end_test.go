package session

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
)

// appID is what kubetest's container "app" has for its id.
const appID = "app0123456789abcdef"

// inSession is a pod with a session container that runs.
func inSession() *kubetest.PodBuilder { return debugged().Up("mindebug-x", 65532, 65532) }

// died is the end of the target as it was.
func died(code int32) corev1.ContainerStateTerminated {
	return corev1.ContainerStateTerminated{ContainerID: "containerd://" + appID, ExitCode: code, Reason: "Error"}
}

// newInstance gives the target another id.
func newInstance(p *corev1.Pod) { p.Status.ContainerStatuses[0].ContainerID = "containerd://other" }

func TestWhyEnded(t *testing.T) {
	t.Parallel()
	notFound := apierrors.NewNotFound(pods, "web")
	down := &fault.Unreachable{Server: "https://s", Cause: errNotYet}
	ended := func(by fault.Ender, exit *fault.Exit, detail string) *fault.Ended {
		return &fault.Ended{Pod: podName, Target: "app", Container: "mindebug-x", By: by, Exit: exit, Detail: detail}
	}
	deleted := func(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)} }
	disrupted := func(p *corev1.Pod) {
		p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{
			Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: "EvictionByEvictionAPI", Message: "Eviction API: evicting",
		})
	}
	tests := []struct {
		name string
		// now is the pod when it is read first, later what a watch tells 2 s after that.
		now, later *kubetest.PodBuilder
		readErr    error
		// atOnce is true where the session may well have ended by itself.
		atOnce bool
		want   *fault.Ended
		err    error
		took   time.Duration
	}{
		{name: "nothing has changed", now: inSession(), took: toldWithin},
		{name: "nothing has changed, at once", now: inSession(), atOnce: true},
		{name: "gone", readErr: notFound, want: ended(fault.PodDeleted, nil, "")},
		{name: "being deleted", now: inSession().With(deleted), atOnce: true, want: ended(fault.PodDeleted, nil, "")},
		{
			name: "replaced", now: inSession().With(func(p *corev1.Pod) { p.UID = "another" }),
			want: ended(fault.PodReplaced, nil, ""),
		},
		{
			name: "evicted by the API", now: inSession().With(deleted).With(disrupted),
			want: ended(fault.PodEvicted, nil, "EvictionByEvictionAPI: Eviction API: evicting"),
		},
		{
			name: "evicted by the kubelet", now: inSession().With(func(p *corev1.Pod) {
				p.Status.Phase, p.Status.Reason, p.Status.Message = corev1.PodFailed, "Evicted", "low on memory"
			}),
			want: ended(fault.PodEvicted, nil, "Evicted: low on memory"),
		},
		{
			name: "restarted", now: inSession().Restarted("app", 1, died(3)).With(newInstance),
			want: ended(fault.TargetRestarted, &fault.Exit{Code: 3, Reason: "Error"}, ""),
		},
		{
			name: "restarted twice", now: inSession().Restarted("app", 2, corev1.ContainerStateTerminated{ContainerID: "containerd://second", ExitCode: 9}).With(newInstance),
			want: ended(fault.TargetRestarted, nil, ""),
		},
		{
			name: "ended, told later", now: inSession(),
			later: inSession().State("app", corev1.ContainerState{Terminated: new(died(137))}),
			want:  ended(fault.TargetEnded, &fault.Exit{Code: 137, Reason: "Error"}, ""), took: 2 * time.Second,
		},
		{
			name: "waits to be started again", now: inSession().Restarted("app", 4, died(1)).Waiting("app", "CrashLoopBackOff", ""),
			want: ended(fault.TargetEnded, &fault.Exit{Code: 1, Reason: "Error"}, ""),
		},
		{
			name: "session container stopped", now: inSession().State("mindebug-x", corev1.ContainerState{
				Terminated: &corev1.ContainerStateTerminated{Message: "mindebug: stopped\n"},
			}),
			want: ended(fault.ContainerEnded, nil, "it says: mindebug: stopped"),
		},
		{
			name: "session container killed", now: inSession().Terminated("mindebug-x", "Error", 137),
			want: ended(fault.ContainerEnded, nil, ""), took: toldWithin,
		},
		{
			name: "session container killed, with its target", now: inSession().Terminated("mindebug-x", "Error", 137),
			later: inSession().State("app", corev1.ContainerState{Terminated: new(died(1))}),
			want:  ended(fault.TargetEnded, &fault.Exit{Code: 1, Reason: "Error"}, ""), took: 2 * time.Second,
		},
		{name: "no answer", readErr: down, err: down},
		{name: "not told", readErr: forbidden, err: forbidden},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a := newAPI()
				at := Place{Pod: a.pod, Target: "app", TargetID: appID, Container: "mindebug-x"}
				if test.now != nil {
					a.pod = test.now.Build()
				}
				a.podErr = test.readErr
				if test.later != nil {
					go func() {
						wait(t, 2*time.Second)
						a.pods.Modify(test.later.Build())
					}()
				}
				start := time.Now()
				got, err := WhyEnded(t.Context(), a, at, !test.atOnce)
				if diff := cmp.Diff(test.want, got); diff != "" || !errors.Is(err, test.err) {
					t.Errorf("error %v, want %v; (-want +got):\n%s", err, test.err, diff)
				}
				if took := time.Since(start); took != test.took {
					t.Errorf("it took %s; want %s", took, test.took)
				}
			})
		})
	}
}
