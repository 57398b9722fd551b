package app

import (
	"bytes"
	"context"
	_ "embed"
	"io"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/resolve"
	"github.com/mindebug/kubectl-mindebug/internal/session"
	"github.com/mindebug/kubectl-mindebug/pkg/attach"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// Containers are those that could be meant in the first pod of a target.
func Containers(ctx context.Context, cluster resolve.Cluster, r TargetRequest) ([]fault.Candidate, error) {
	pods, err := resolve.Pods(ctx, cluster, r.Namespace, r.Query, r.Selector)
	if err != nil {
		return nil, err
	}
	return resolve.Candidates(pods[0]), nil
}

// SessionContainers are those that run in a target's pods.
func SessionContainers(ctx context.Context, cluster resolve.Cluster, r TargetRequest) ([]session.Listed, error) {
	pods, err := resolve.Pods(ctx, cluster, r.Namespace, r.Query, r.Selector)
	var running []session.Listed
	for _, pod := range pods {
		for _, l := range session.List(pod) {
			if l.State == session.Running {
				running = append(running, l)
			}
		}
	}
	return running, err
}

//go:embed names.sh
var namesScript string

// lingering is how long the listing of a folder outlives a lost client.
const lingering = time.Second

// NamesIn lists a folder of a target, folders in it with a slash at the end, if a session container of the target runs: it adds
// none, and gives no names where there is none.
func NamesIn(ctx context.Context, cluster resolve.Cluster, execer session.Execer, r TargetRequest, folder string) ([]string, error) {
	pods, err := resolve.Pods(ctx, cluster, r.Namespace, r.Query, r.Selector)
	if err != nil {
		return nil, err
	}
	for _, pod := range pods {
		container, err := resolve.Container(pod, r.Container)
		if err != nil {
			continue // nobody is asked here which one is meant
		}
		for _, l := range session.List(pod) {
			// One with a profile is its maker's alone.
			if l.State == session.Running && !l.Attached && l.Profile == "" && l.Target == container {
				return namesBy(ctx, execer, pod, l, folder)
			}
		}
	}
	return nil, nil
}

// namesBy lists a folder of a target by a session container of its pod.
func namesBy(ctx context.Context, execer session.Execer, pod *corev1.Pod, l session.Listed, folder string) ([]string, error) {
	_, status := target.Find(pod, l.Target)
	if status == nil {
		return nil, nil
	}
	_, id, _ := strings.Cut(status.ContainerID, "://")
	var out bytes.Buffer
	request := session.Request{
		TargetID: id, Grace: lingering, Stdout: &out, Stderr: io.Discard, Quiet: true, Begun: func(session.Greeting) {},
	}
	request.Command, request.Stdin = session.Script(id, namesScript, []string{folder}, nil)
	where := attach.Container{Namespace: pod.Namespace, Pod: pod.Name, Name: l.Name}
	if _, err := session.Reenter(ctx, execer, where, lookWithin, request); err != nil {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n"), nil
}
