package session

import (
	"bufio"
	"context"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
	"github.com/mindebug/kubectl-mindebug/pkg/attach"
)

// hello is what a session says before its command begins.
const hello = "mindebug 1\npid 7\nUid: 1 1 1 1\nGid: 2 2 2 2\nCapPrm: 0000000000000000\nenviron open\nhidden yes\noom 1000\nmemory 4096\ngo\n"

// container is a session container as an Execer sees it: it greets and runs commands, and hears keepers.
type container struct {
	// refusals are the answers to the first execs; what comes later is taken.
	refusals []error
	// greeting is said instead of hello.
	greeting string
	// command runs after the greeting. None means one that ends at once.
	command func(ctx context.Context, s attach.Streams, heard <-chan string) (int, error)
	// noEnd leaves out what a session says when its command is over.
	noEnd bool
	// keeperOpens is what a keeper's stream waits for before it is open; nil means nothing.
	keeperOpens <-chan struct{}

	mu       sync.Mutex
	commands [][]string
	at       []time.Time
	heard    chan string
	// said are all lines that keepers heard.
	said []string
}

// Exec implements Execer.
func (f *container) Exec(ctx context.Context, _ attach.Container, command []string, s attach.Streams) (int, error) {
	if strings.HasPrefix(command[3], "mindebug-keep:") {
		return f.keep(ctx, s.Stdin)
	}
	heard, err := f.admit(command)
	if err != nil {
		return 0, err
	}
	if flags := command[8]; strings.Contains(flags, "k") {
		go f.hear(s.Stdin)
	}
	greeting := f.greeting
	if greeting == "" {
		greeting = hello
	}
	if _, err := io.WriteString(s.Stdout, greeting); err != nil {
		return 0, &attach.LostError{Cause: err}
	}
	status, err := 0, error(nil)
	if f.command != nil {
		status, err = f.command(ctx, s, heard)
	}
	if err == nil && !f.noEnd {
		_, _ = io.WriteString(s.Stdout, "\x1e"+strings.TrimSuffix(command[4], ":"))
	}
	return status, err
}

func (f *container) admit(command []string) (<-chan string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.commands = append(f.commands, command)
	f.at = append(f.at, time.Now())
	if len(f.refusals) > 0 {
		refusal := f.refusals[0]
		f.refusals = f.refusals[1:]
		return nil, refusal
	}
	f.heard = make(chan string, 100)
	return f.heard, nil
}

// keep is a keeper on a stream of its own.
func (f *container) keep(ctx context.Context, in io.Reader) (int, error) {
	if f.keeperOpens != nil {
		select {
		case <-f.keeperOpens:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	f.hear(in)
	return 0, nil
}

func (f *container) hear(in io.Reader) {
	f.mu.Lock()
	heard := f.heard
	f.mu.Unlock()
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		f.mu.Lock()
		f.said = append(f.said, lines.Text())
		f.mu.Unlock()
		select {
		case heard <- lines.Text():
		default: // the command does not care
		}
	}
}

// words are the lines that keepers heard, signs of life apart.
func (f *container) words() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(f.said), func(line string) bool { return line == "." })
}

func (f *container) tries() []time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.at)
}

// aRequest is one for a command without standard input.
func aRequest(out io.Writer) Request {
	return Request{
		TargetID: "0123", Command: []string{"ls"}, Stdout: out, Stderr: io.Discard,
		Grace: time.Minute, Place: "here", Begun: func(Greeting) {},
	}
}

// api is the API server as Enter sees it: one pod, its changes, and the Events about a container of it.
type api struct {
	mu     sync.Mutex
	pod    *corev1.Pod
	podErr error
	reads  int

	pods, events   *watch.RaceFreeFakeWatcher
	noPods, noEvts error
}

func newAPI() *api {
	return &api{pod: debugged().Build(), pods: watch.NewRaceFreeFake(), events: watch.NewRaceFreeFake()}
}

// debugged is a pod with a session container "mindebug-x" that has no status yet.
func debugged() *kubetest.PodBuilder {
	return kubetest.Pod("shop", "web").Running(65532, 65532).Ephemeral(corev1.EphemeralContainer{
		TargetContainerName:      "app",
		EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "mindebug-x", Image: "debug:1"},
	})
}

func (a *api) Pod(context.Context, string, string) (*corev1.Pod, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.reads++
	return a.pod, a.podErr
}

func (a *api) set(pod *corev1.Pod, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pod, a.podErr = pod, err
}

func (a *api) WatchPod(context.Context, *corev1.Pod) (watch.Interface, error) {
	if a.noPods != nil {
		return nil, a.noPods
	}
	return a.pods, nil
}

func (a *api) WatchEvents(context.Context, *corev1.Pod, string) (watch.Interface, error) {
	if a.noEvts != nil {
		return nil, a.noEvts
	}
	return a.events, nil
}

// event is an Event about the session container.
func event(kind, reason, message string) *corev1.Event {
	return &corev1.Event{Type: kind, Reason: reason, Message: message}
}

// wait lets other goroutines of a synctest bubble, and time, go on.
func wait(t *testing.T, d time.Duration) {
	t.Helper()
	<-time.After(d)
}
