package app

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creack/pty"
	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/mindebug/kubectl-mindebug/internal/access"
	"github.com/mindebug/kubectl-mindebug/internal/facts"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
	"github.com/mindebug/kubectl-mindebug/internal/session"
	"github.com/mindebug/kubectl-mindebug/pkg/attach"
	"github.com/mindebug/kubectl-mindebug/pkg/profiles"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

var (
	web        = fault.Pod{Namespace: "shop", Name: "web"}
	resources  = schema.GroupResource{Resource: "pods"}
	forbidden  = apierrors.NewForbidden(resources, "web", errors.New("no"))
	everyField = cmp.Exporter(func(reflect.Type) bool { return true })
)

// world is an API server with one pod and a kubelet behind it, which starts what is added to the pod at once.
type world struct {
	mu  sync.Mutex
	pod *corev1.Pod
	// siblings are other pods of the Deployment that it belongs to.
	siblings []*corev1.Pod
	// calls are what the API server was asked, execs the containers of all execs.
	calls, execs []string
	// looks are the containers of those execs that run nothing, attached those that were attached to.
	looks, attached []string
	// sessions are the words of those execs that say which session it is, graces those for how long it outlives its client,
	// flags those for what else it is asked.
	sessions, graces, flags []string
	// uses is what a session container says that is looked into, told what it was told.
	uses string
	told []string
	// events are those that were recorded.
	events []*corev1.Event
	// readErr, patchErr, listErr are answers to reads, to the patch that is no dry run, and to lists; mayNot are calls that are not allowed.
	readErr, patchErr, listErr error
	mayNot                     []string
	// copied is the copy that was made, deleteErr the answer to its end.
	copied    *corev1.Pod
	deleteErr error
	// dryRunErr is the answer to the dry run, whoErr to the question who one is.
	dryRunErr, whoErr error

	// refuse answers the first execs; run is the command, given the signals that the keeper hears.
	refuse []error
	// refused is called after each of them.
	refused func()
	run     func(ctx context.Context, s attach.Streams, heard <-chan string) (int, error)
	// kept hears what keepers on a connection of their own are told.
	kept func(line string)
	// cut leaves out a session's last word, why is what it says with it.
	cut bool
	why string
	// meanwhile is what happens between reading the pod and adding to it, once each.
	meanwhile []func()
	// webhook changes what is added.
	webhook func(*corev1.EphemeralContainer)
	// greeting replaces what the session says.
	greeting string

	// namespaces are those that have no pod, namespaceErr the answer to who asks for one.
	namespaces   []string
	namespaceErr error

	// registries have the image; the zero value has none.
	registries shelf
	secrets    map[string]*corev1.Secret
	secretErr  error
	// architecture is the node's, empty where the user may not know.
	architecture string
}

func (w *world) Secret(_ context.Context, _, name string) (*corev1.Secret, error) {
	w.called("get secret " + name)
	if secret, ok := w.secrets[name]; ok {
		return secret, nil
	}
	if w.secretErr != nil {
		return &corev1.Secret{}, w.secretErr
	}
	return &corev1.Secret{}, apierrors.NewNotFound(schema.GroupResource{Resource: "secrets"}, name)
}

func (w *world) NodeArchitecture(_ context.Context, name string) (string, error) {
	w.called("get node " + name)
	if w.architecture == "" {
		return "", forbidden
	}
	return w.architecture, nil
}

func (w *world) called(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = append(w.calls, what)
}

// inOrder are the calls, with those that are made at the same time in the order of the alphabet.
func (w *world) inOrder() []string {
	calls := slices.Clone(w.calls)
	if i := slices.Index(calls, "may I create pods/exec"); i > 0 && calls[i-1] != "dry run" {
		calls[i], calls[i+1] = calls[i+1], calls[i]
	}
	return calls
}

func (w *world) Pod(_ context.Context, _, name string) (*corev1.Pod, error) {
	w.called("get")
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.readErr != nil {
		return &corev1.Pod{}, w.readErr
	}
	if name != w.pod.Name {
		return &corev1.Pod{}, apierrors.NewNotFound(resources, name)
	}
	return w.pod.DeepCopy(), nil
}

func (w *world) Names(context.Context, string, target.Kind) ([]string, error) {
	return []string{"web"}, nil
}

// Object knows one Deployment.
func (w *world) Object(_ context.Context, _ string, kind target.Kind, name string) (runtime.Object, error) {
	w.called("get " + kind.Name)
	if name != "shop" {
		return nil, apierrors.NewNotFound(schema.GroupResource{Group: kind.Group, Resource: kind.Plural}, name)
	}
	return &appsv1.Deployment{Spec: appsv1.DeploymentSpec{Selector: metav1.SetAsLabelSelector(labels.Set{"app": "shop"})}}, nil
}

// Pods are the pod and its siblings.
func (w *world) Pods(_ context.Context, _, selector string) ([]corev1.Pod, error) {
	w.called("list " + selector)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.listErr != nil {
		return nil, w.listErr
	}
	list := []corev1.Pod{*w.pod.DeepCopy()}
	for _, sibling := range w.siblings {
		list = append(list, *sibling.DeepCopy())
	}
	return list, nil
}

func (w *world) HasNamespace(_ context.Context, name string) (bool, error) {
	w.called("get namespace " + name)
	return slices.Contains(w.namespaces, name), w.namespaceErr
}

func (w *world) Jobs(context.Context, string) ([]batchv1.Job, error) { return nil, nil }

func (w *world) AddEphemeralContainer(_ context.Context, pod *corev1.Pod, c corev1.EphemeralContainer, dryRun bool) (*corev1.Pod, error) {
	if dryRun {
		w.called("dry run")
	} else {
		w.called("patch")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dryRunErr != nil && dryRun {
		return &corev1.Pod{}, w.dryRunErr
	}
	if w.patchErr != nil && !dryRun {
		return &corev1.Pod{}, w.patchErr
	}
	changed := pod.DeepCopy()
	if w.webhook != nil {
		c = *c.DeepCopy()
		w.webhook(&c)
	}
	changed.Spec.EphemeralContainers = append(changed.Spec.EphemeralContainers, c)
	if !dryRun {
		w.pod = changed
	}
	return changed.DeepCopy(), nil
}

// AddIfUnchanged finds the pod changed as often as there are meanwhiles.
func (w *world) AddIfUnchanged(ctx context.Context, pod *corev1.Pod, c corev1.EphemeralContainer) (*corev1.Pod, error) {
	w.mu.Lock()
	var meanwhile func()
	if len(w.meanwhile) > 0 {
		meanwhile, w.meanwhile = w.meanwhile[0], w.meanwhile[1:]
		meanwhile()
	}
	w.mu.Unlock()
	if meanwhile != nil {
		w.called("conflict")
		return &corev1.Pod{}, apierrors.NewConflict(resources, pod.Name, errors.New("changed"))
	}
	return w.AddEphemeralContainer(ctx, pod, c, false)
}

func (w *world) CreateEvent(_ context.Context, event *corev1.Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, event)
	return forbidden
}

func (w *world) MayI(_ context.Context, _, _ string, call access.Call) (bool, error) {
	w.called("may I " + call.String())
	return !slices.Contains(w.mayNot, call.String()), nil
}

func (w *world) WhoAmI(context.Context) (authenticationv1.UserInfo, error) {
	if w.whoErr != nil {
		return authenticationv1.UserInfo{}, w.whoErr
	}
	return authenticationv1.UserInfo{Username: "dana"}, nil
}

// WatchPod says how the pod is now.
func (w *world) WatchPod(context.Context, *corev1.Pod) (watch.Interface, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	pods := watch.NewRaceFreeFake()
	pods.Modify(w.pod.DeepCopy())
	return pods, nil
}

// WatchEvents says at once that the container is started.
func (w *world) WatchEvents(context.Context, *corev1.Pod, string) (watch.Interface, error) {
	events := watch.NewRaceFreeFake()
	events.Add(&corev1.Event{Type: corev1.EventTypeNormal, Reason: "Started"})
	return events, nil
}

// Exec implements session.Execer.
func (w *world) Exec(ctx context.Context, c attach.Container, command []string, s attach.Streams) (int, error) {
	if strings.HasPrefix(command[3], "mindebug-keep:") {
		lines := bufio.NewScanner(s.Stdin)
		for lines.Scan() {
			if w.kept != nil {
				w.kept(lines.Text())
			}
		}
		return 0, lines.Err()
	}
	if strings.Contains(command[2], "MINDEBUG_LOOK") {
		return w.look(c.Name, command[4], s.Stdout)
	}
	w.mu.Lock()
	w.execs = append(w.execs, c.Name)
	w.sessions, w.graces = append(w.sessions, command[4]), append(w.graces, command[6])
	w.flags = append(w.flags, command[8])
	if command[3] == "mindebug-look" {
		w.looks = append(w.looks, c.Name)
	}
	var refusal error
	if len(w.refuse) > 0 {
		refusal, w.refuse = w.refuse[0], w.refuse[1:]
	}
	w.mu.Unlock()
	if refusal != nil {
		if w.refused != nil {
			w.refused()
		}
		return 0, refusal
	}
	heard := make(chan string, 100)
	if strings.Contains(command[8], "k") {
		go func() {
			p := make([]byte, 100)
			for {
				n, err := s.Stdin.Read(p)
				if err != nil {
					return
				}
				heard <- strings.TrimSpace(string(p[:n]))
			}
		}()
	}
	if _, err := io.WriteString(s.Stdout, w.hello()); err != nil {
		return 0, err
	}
	status, err := 0, error(nil)
	if w.run != nil && command[3] != "mindebug-look" {
		status, err = w.run(ctx, s, heard)
	}
	if !w.cut {
		_, _ = io.WriteString(s.Stdout, "\x1e"+strings.TrimSuffix(command[4], ":")+w.why) // a session's last word
	}
	return status, err
}

// hello is what a session says before its command begins.
func (w *world) hello() string {
	if w.greeting != "" {
		return w.greeting
	}
	return "mindebug 1\npid 1\nUid: 65532 65532 65532 65532\nGid: 65532 65532 65532 65532\nCapPrm: 0\nenviron open\nhidden yes\noom 1000\nmemory 4096\ngo\n"
}

// Attach implements session.Attacher: it plays the process of a container that is attached to.
func (w *world) Attach(ctx context.Context, c attach.Container, s attach.Streams) error {
	w.mu.Lock()
	w.attached = append(w.attached, c.Name)
	w.mu.Unlock()
	id, in := "", bufio.NewScanner(s.Stdin)
	for in.Scan() && in.Text() != "run" {
		hello, ok := strings.CutPrefix(in.Text(), "hello ")
		if !ok {
			continue
		}
		id = hello
		for _, out := range []io.Writer{s.Stdout, s.Stderr} {
			if out != nil {
				fmt.Fprintln(out, "mindebug-here "+id)
			}
		}
	}
	if _, err := io.WriteString(s.Stdout, w.hello()); err != nil {
		return err
	}
	status, err := 0, error(nil)
	if w.run != nil {
		status, err = w.run(ctx, s, nil)
	}
	if err == nil {
		fmt.Fprintf(s.Stdout, "\x1emindebug:%s\x1emindebug-%s:%d\x1e", id, id, status)
	}
	return err
}

// look is a session container that is asked who is in it, and ends when it is told to.
func (w *world) look(container, how string, out io.Writer) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told = append(w.told, strings.TrimSpace(container+" "+how))
	if how == "force" || how == "stop" && w.uses == "" {
		for i := range w.pod.Status.EphemeralContainerStatuses {
			if s := &w.pod.Status.EphemeralContainerStatuses[i]; s.Name == container {
				s.State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Message: "mindebug: stopped\n"}}
			}
		}
		_, err := io.WriteString(out, "mindebug 1\nstopping\nend\n")
		return 0, err
	}
	_, err := io.WriteString(out, w.uses)
	return 0, err
}

func nonRoot() *kubetest.PodBuilder { return kubetest.Pod("shop", "web").Running(65532, 65532) }

// aRequest is what `kubectl mindebug pod/web` asks for, without a terminal.
func aRequest() SessionRequest {
	return SessionRequest{
		TargetRequest: TargetRequest{Context: "prod-eu", Namespace: "shop", Query: target.Query{Kind: "pod", Name: "web"}},
		Stdin:         true, Image: "debug:1", TTL: 30 * time.Minute, Grace: time.Minute, Timeout: time.Minute,
	}
}

// theirs is a session container that a colleague made for the same plan.
func theirs(t *testing.T, pod *corev1.Pod, name string) corev1.EphemeralContainer {
	t.Helper()
	f := facts.Read(pod, "app")
	plan, err := makePlan(f, aRequest().PlanRequest)
	if err != nil {
		t.Fatal(err)
	}
	c := session.Container(plan, f.Container, session.Settings{Image: "debug:1", TTL: 30 * time.Minute})
	c.Name = name
	return c
}

type result struct {
	status         int
	err            error
	stdout, stderr string
}

// open runs one session in a synctest bubble's time.
func open(ctx context.Context, w *world, r SessionRequest, in io.Reader) result {
	var out, errOut bytes.Buffer
	status, err := Session(ctx, w, w, &w.registries, Streams{In: in, Out: &out, Err: &errOut}, r)
	return result{status, err, out.String(), errOut.String()}
}

func TestSession(t *testing.T) {
	t.Parallel()
	answer := func(status int) func(context.Context, attach.Streams, <-chan string) (int, error) {
		return func(_ context.Context, s attach.Streams, _ <-chan string) (int, error) {
			_, err := io.WriteString(s.Stdout, "data")
			return status, err
		}
	}
	command := func(r *SessionRequest) { r.Command, r.Stdin = []string{"ls"}, false }
	added := []string{"get", "dry run", "may I create pods/exec", "patch"}
	const alters = "the API server alters the session container, by a webhook for instance: image debug:1 becomes mirror/debug:1; variable HTTP_PROXY\n"
	rewrites := func(c *corev1.EphemeralContainer) {
		c.Image, c.Env = "mirror/"+c.Image, append(c.Env, corev1.EnvVar{Name: "HTTP_PROXY", Value: "proxy:3128"})
	}
	reused := func(t *testing.T, w *world) {
		w.pod = nonRoot().Ephemeral(theirs(t, w.pod, "mindebug-theirs")).Up("mindebug-theirs", 65532, 65532).Build()
	}
	tests := []struct {
		name    string
		world   *world
		setup   func(*testing.T, *world)
		request func(*SessionRequest)
		want    result
		calls   []string
	}{
		{
			name: "a shell in a new container", world: &world{pod: nonRoot().Build(), run: answer(0)}, calls: added,
			want: result{
				stdout: "data",
				stderr: "prod-eu shop/web app uid 65532 (mirror)\nleft prod-eu shop/web app: container NEW ends after 30m without use; until then the same command enters it again\n",
			},
		},
		{
			name: "a command says nothing of its own", world: &world{pod: nonRoot().Build(), run: answer(42)}, request: command, calls: added,
			want: result{status: 42, stdout: "data"},
		},
		{
			name: "quiet", world: &world{pod: nonRoot().Build(), run: answer(0)}, request: func(r *SessionRequest) { r.Quiet = true }, calls: added,
			want: result{stdout: "data"},
		},
		{
			name: "a container that is there: one read, nothing else", world: &world{pod: nonRoot().Build(), run: answer(7)}, setup: reused,
			request: command, calls: []string{"get"}, want: result{status: 7, stdout: "data"},
		},
		{
			name: "it keeps its time to live", world: &world{pod: nonRoot().Build(), run: answer(0)}, setup: reused, calls: []string{"get"},
			request: func(r *SessionRequest) { r.TTL, r.TTLGiven = time.Minute, true },
			want: result{
				stdout: "data", stderr: "prod-eu shop/web app uid 65532 (mirror)\nthe session container that is there keeps its time to live, 30m\n" +
					"left prod-eu shop/web app: container mindebug-theirs ends after 30m without use; until then the same command enters it again\n",
			},
		},
		{
			name: "a webhook alters the container", world: &world{pod: nonRoot().Build(), run: answer(0), webhook: rewrites}, calls: added,
			want: result{
				stdout: "data", stderr: alters + "prod-eu shop/web app uid 65532 (mirror)\n" +
					"left prod-eu shop/web app: container NEW ends after 30m without use; until then the same command enters it again\n",
			},
		},
		{
			name: "a webhook altered the container that is there", world: &world{pod: nonRoot().Build(), run: answer(0), webhook: rewrites},
			setup: func(t *testing.T, w *world) {
				c := theirs(t, w.pod, "mindebug-theirs")
				rewrites(&c)
				w.pod = nonRoot().Ephemeral(c).Up("mindebug-theirs", 65532, 65532).Build()
			},
			calls: added[:3],
			want: result{
				stdout: "data", stderr: alters + "prod-eu shop/web app uid 65532 (mirror)\n" +
					"left prod-eu shop/web app: container mindebug-theirs ends after 30m without use; until then the same command enters it again\n",
			},
		},
		{
			name: "a new one is asked for", world: &world{pod: nonRoot().Build(), run: answer(0)}, setup: reused, calls: added,
			request: func(r *SessionRequest) { command(r); r.New = true }, want: result{stdout: "data"},
		},
		{
			name: "another image: not theirs", world: &world{pod: nonRoot().Build(), run: answer(0)}, setup: reused, calls: added,
			request: func(r *SessionRequest) { command(r); r.Image = "debug:2" }, want: result{stdout: "data"},
		},
		{
			name: "theirs ended meanwhile: a new one", request: command, want: result{stdout: "data"},
			world: &world{pod: nonRoot().Build(), run: answer(0), refuse: []error{errors.New("container not found")}},
			setup: func(t *testing.T, w *world) {
				c := theirs(t, w.pod, "mindebug-theirs")
				w.pod = nonRoot().Ephemeral(c).Up("mindebug-theirs", 65532, 65532).Build()
				w.refused = func() {
					w.mu.Lock()
					defer w.mu.Unlock()
					w.pod = nonRoot().Ephemeral(c).Terminated("mindebug-theirs", "Completed", 0).Build()
				}
			},
			calls: append([]string{"get", "get"}, added[1:]...),
		},
		{
			name: "theirs runs and cannot be entered", request: command, setup: reused, calls: []string{"get", "get", "get", "get"},
			world: &world{pod: nonRoot().Build(), refuse: []error{io.EOF, io.EOF, io.EOF}},
			want:  result{err: &fault.NotEntered{Pod: web, Container: "mindebug-theirs", Cause: io.EOF}},
		},
		{
			name:  "exec is forbidden: one try",
			world: &world{pod: nonRoot().Build(), refuse: []error{forbidden}, mayNot: []string{"create pods/attach"}}, setup: reused, request: command,
			calls: []string{"get", "may I create pods/attach"},
			want:  result{err: &fault.NotEntered{Pod: web, Container: "mindebug-theirs", Cause: forbidden}},
		},
		{
			name: "exec is forbidden in a container that is there, and attach is not", world: &world{pod: nonRoot().Build(), refuse: []error{forbidden}},
			setup: reused, request: command, calls: []string{"get", "may I create pods/attach", "may I patch pods/ephemeralcontainers"},
			want: result{err: &fault.Forbidden{Namespace: "shop", Call: "create pods/exec", User: "dana", MayAttach: true, Server: forbidden}},
		},
		{
			name: "no such pod", world: &world{pod: nonRoot().Build()}, request: func(r *SessionRequest) { r.Query.Name = "wep" }, calls: []string{"get", "get daemonset", "get deployment", "get statefulset"},
			want: result{err: &fault.NoPod{
				Pod: fault.Pod{Namespace: "shop", Name: "wep"}, Near: []string{"web"}, Server: apierrors.NewNotFound(resources, "wep"),
			}},
		},
		{
			name: "may not read the pod", world: &world{readErr: forbidden}, calls: []string{"get"},
			want: result{err: &fault.Forbidden{Namespace: "shop", Call: "get pods", User: "dana", Server: forbidden}},
		},
		{
			name: "many containers and no terminal", world: &world{pod: kubetest.Pod("shop", "web").Container("log").Running(1, 1).Build()}, calls: []string{"get"},
			want: result{err: &fault.ManyContainers{Pod: web, Containers: []fault.Candidate{
				{Name: "app", Image: "mindebug.test/http:nonroot", Kind: "container", State: "running"},
				{Name: "log", Image: "mindebug.test/http:nonroot", Kind: "container", State: "running"},
			}}},
		},
		{
			name: "not running", world: &world{pod: nonRoot().Waiting("app", "CrashLoopBackOff", "").Build()}, calls: []string{"get"},
			want: result{err: &fault.NotRunning{Pod: web, Container: "app", State: "waiting: CrashLoopBackOff"}},
		},
		{
			name: "unknown identity: before anything is asked of the server", calls: []string{"get"},
			world: &world{pod: nonRoot().With(func(p *corev1.Pod) { p.Status.ContainerStatuses[0].User = nil }).Build()},
			want:  result{err: &fault.NoIdentity{Pod: web, Container: "app", Missing: "uid and gid", Image: errNoImage}, stderr: asking},
		},
		{
			name: "Windows", calls: []string{"get"},
			world: &world{pod: nonRoot().With(func(p *corev1.Pod) { p.Spec.OS = &corev1.PodOS{Name: corev1.Windows} }).Build()},
			want:  result{err: &fault.Windows{Pod: web}},
		},
		{
			name: "capabilities without effect", world: &world{pod: nonRoot().Build()}, calls: []string{"get"},
			request: func(r *SessionRequest) { r.Profile.AddCapabilities = []corev1.Capability{"BPF"} },
			want:    result{err: &fault.NotEffective{Pod: web, Container: "app", Capabilities: []string{"BPF"}, UID: 65532}},
		},
		{
			name:  "the dry run tells that exec is not allowed: nothing is written",
			world: &world{pod: nonRoot().Build(), mayNot: []string{"create pods/exec", "create pods/attach"}}, request: command,
			calls: append(slices.Clone(added[:3]), "may I create pods/attach"),
			want:  result{err: &fault.Forbidden{Namespace: "shop", Call: "create pods/exec", User: "dana"}},
		},
		{
			name:  "exec is not allowed, and attach is: nothing is written",
			world: &world{pod: nonRoot().Build(), mayNot: []string{"create pods/exec"}}, request: command,
			calls: append(slices.Clone(added[:3]), "may I create pods/attach", "may I patch pods/ephemeralcontainers"),
			want:  result{err: &fault.Forbidden{Namespace: "shop", Call: "create pods/exec", User: "dana", MayAttach: true}},
		},
		{
			name: "attach: a container of one's own, although there is one, and the first line", world: &world{pod: nonRoot().Build(), run: answer(7)},
			setup: reused, request: func(r *SessionRequest) { r.Attach, r.Command = true, []string{"cat"} },
			calls: []string{"get", "dry run", "may I create pods/attach", "patch"},
			want:  result{status: 7, stdout: "data"},
		},
		{
			name: "attach: a shell", world: &world{pod: nonRoot().Build(), run: answer(0)}, request: func(r *SessionRequest) { r.Attach = true },
			calls: []string{"get", "dry run", "may I create pods/attach", "patch"},
			want: result{
				stdout: "data",
				stderr: "what is printed here is in the log of container NEW, for all who may read logs in namespace shop\n" +
					"prod-eu shop/web app uid 65532 (mirror)\nleft prod-eu shop/web app: container NEW has ended; its log stays until the pod is deleted\n",
			},
		},
		{
			name: "attach is not allowed: nothing is written", request: func(r *SessionRequest) { r.Attach = true },
			world: &world{pod: nonRoot().Build(), mayNot: []string{"create pods/attach"}},
			calls: []string{"get", "dry run", "may I create pods/attach"},
			want:  result{err: &fault.Forbidden{Namespace: "shop", Call: "create pods/attach", User: "dana"}},
		},
		{
			name: "the patch is refused although the dry run was not", request: command,
			world: &world{pod: nonRoot().Build(), patchErr: forbidden}, calls: append(slices.Clone(added), "may I patch pods/ephemeralcontainers"),
			want: result{err: &fault.Refused{Pod: web, Container: "NEW", Server: forbidden}},
		},
		{
			name: "the image cannot be entered", request: command, calls: added,
			world: &world{pod: nonRoot().Build(), greeting: "mindebug 1\nstop apart\n"},
			want:  result{err: &fault.Apart{Pod: web, Container: "NEW"}},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w, r := test.world, aRequest()
				if test.setup != nil {
					test.setup(t, w)
				}
				if test.request != nil {
					test.request(&r)
				}
				got := open(t.Context(), w, r, strings.NewReader(""))
				rename(&got, w)
				if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(result{}), everyField); diff != "" {
					t.Errorf("session (-want +got):\n%s", diff)
				}
				slices.Sort(w.calls)
				want := slices.Sorted(slices.Values(test.calls))
				if diff := cmp.Diff(want, w.calls); diff != "" {
					t.Errorf("calls (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestWhatEndsASession: after a session that was killed or lost the pod tells why.
func TestWhatEndsASession(t *testing.T) {
	t.Parallel()
	killed := func(context.Context, attach.Streams, <-chan string) (int, error) { return 137, nil }
	broken := func(context.Context, attach.Streams, <-chan string) (int, error) {
		return 0, &attach.LostError{Cause: io.ErrUnexpectedEOF}
	}
	ended := func(by fault.Ender, detail string) error {
		return &fault.Ended{Pod: web, Target: "app", Container: "NEW", By: by, Detail: detail}
	}
	down := &fault.Unreachable{Server: "https://s", Cause: syscall.ECONNREFUSED}
	for name, test := range map[string]struct {
		run   func(context.Context, attach.Streams, <-chan string) (int, error)
		cut   bool
		why   string
		shell bool
		// attach has the session go that way.
		attach bool
		then   func(*world)
		want   result
		took   time.Duration
	}{
		"a command that was killed":         {run: killed, want: result{status: 137}},
		"a shell that was killed":           {run: killed, shell: true, want: result{status: 137}, took: 5 * time.Second},
		"killed with its pod":               {run: killed, then: func(w *world) { w.pod.UID = "" }, want: result{err: ended(fault.PodDeleted, "")}},
		"cut off":                           {run: killed, cut: true, want: result{err: ended(fault.Unknown, "its target ran when its node last told")}, took: 5 * time.Second},
		"cut off, and the server is silent": {run: killed, cut: true, then: func(w *world) { w.readErr = down }, want: result{err: ended(fault.Unknown, "")}},
		"its lease ran out": {run: killed, why: ":lease", want: result{
			err: &fault.Ended{Pod: web, Target: "app", Container: "NEW", By: fault.LeaseEnded, Grace: time.Minute},
		}},
		"its container is stopped": {run: killed, why: ":stop", then: func(w *world) {
			w.pod.Status.EphemeralContainerStatuses = []corev1.ContainerStatus{{
				Name:  w.execs[0],
				State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Message: "mindebug: stopped\n"}},
			}}
		}, want: result{err: ended(fault.ContainerEnded, "it says: mindebug: stopped")}},
		"lost, and a session by attach has ended": {run: broken, attach: true, then: func(w *world) {
			w.pod.Status.EphemeralContainerStatuses = []corev1.ContainerStatus{{
				Name:  w.attached[0],
				State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Message: "mindebug: its session ended with exit status 7\n"}},
			}}
		}, want: result{err: &fault.Lost{
			Pod: web, Target: "app", Container: "NEW", Cause: io.ErrUnexpectedEOF, Ended: "it says: mindebug: its session ended with exit status 7",
		}}},
		"lost with its pod": {run: broken, then: func(w *world) { w.pod.UID = "" }, want: result{err: ended(fault.PodDeleted, "")}},
		"lost, and the server is silent": {run: broken, then: func(w *world) { w.readErr = down }, want: result{
			err: &fault.Lost{Pod: web, Target: "app", Container: "NEW", Cause: io.ErrUnexpectedEOF, Server: syscall.ECONNREFUSED},
		}},
		"lost, and the pod is as it was": {run: broken, want: result{
			err: &fault.Lost{Pod: web, Target: "app", Container: "NEW", Cause: io.ErrUnexpectedEOF, Unchanged: true},
		}, took: 5 * time.Second},
		"a shell that is lost with the server": {run: broken, shell: true, then: func(w *world) { w.readErr = down }, want: result{
			err: &fault.Lost{Pod: web, Target: "app", Shell: true, Container: "NEW", Cause: io.ErrUnexpectedEOF, Server: syscall.ECONNREFUSED},
		}},
		"lost, and the pod may not be read any more": {run: broken, then: func(w *world) { w.readErr = forbidden }, want: result{
			err: &fault.Lost{Pod: web, Target: "app", Container: "NEW", Cause: io.ErrUnexpectedEOF},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w, r := &world{pod: nonRoot().Build(), cut: test.cut, why: test.why}, aRequest()
				w.run = func(ctx context.Context, s attach.Streams, heard <-chan string) (int, error) {
					if test.then != nil {
						w.mu.Lock()
						test.then(w)
						w.mu.Unlock()
					}
					return test.run(ctx, s, heard)
				}
				if !test.shell {
					r.Command, r.Stdin = []string{"ls"}, false
				}
				r.Quiet, r.Attach = true, test.attach
				start := time.Now()
				got := open(t.Context(), w, r, strings.NewReader(""))
				took := time.Since(start)
				rename(&got, w)
				if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(result{}), everyField); diff != "" {
					t.Errorf("session (-want +got):\n%s", diff)
				}
				if took != test.took {
					t.Errorf("it took %s; want %s", took, test.took)
				}
			})
		})
	}
}

// rename puts NEW for the random name of the container that was added.
func rename(r *result, w *world) {
	var refused *fault.Refused
	if errors.As(r.err, &refused) && strings.HasPrefix(refused.Container, session.Prefix) {
		refused.Container = "NEW"
	}
	entered := append(slices.Clone(w.execs), w.attached...)
	if len(entered) == 0 || entered[len(entered)-1] == "mindebug-theirs" {
		return
	}
	name := entered[len(entered)-1]
	r.stderr = strings.ReplaceAll(r.stderr, name, "NEW")
	var apart *fault.Apart
	var lost *fault.Lost
	var ended *fault.Ended
	switch {
	case errors.As(r.err, &apart) && apart.Container == name:
		apart.Container = "NEW"
	case errors.As(r.err, &lost) && lost.Container == name:
		lost.Container = "NEW"
	case errors.As(r.err, &ended) && ended.Container == name:
		ended.Container = "NEW"
	}
}

// TestIdentityFromTheUser completes what the pod does not tell: that is no step-up, another uid is.
func TestIdentityFromTheUser(t *testing.T) {
	t.Parallel()
	pod := nonRoot().With(func(p *corev1.Pod) {
		p.Status.ContainerStatuses[0].User = nil
		p.Spec.SecurityContext = &corev1.PodSecurityContext{RunAsUser: new(int64(7))}
	}).Build()
	for _, test := range []struct {
		name   string
		runAs  profiles.RunAs
		stepUp bool
		want   error
	}{
		{"uid as the pod's, gid new", profiles.RunAs{UID: 7, GID: new(int64(8))}, false, nil},
		{"no gid", profiles.RunAs{UID: 7}, false, &fault.NoIdentity{Pod: web, Container: "app", Missing: "gid"}},
		{"another uid", profiles.RunAs{UID: 9, GID: new(int64(8))}, true, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			plan, err := makePlan(facts.Read(pod, "app"), PlanRequest{Profile: profiles.Request{RunAs: &test.runAs}})
			if diff := cmp.Diff(test.want, err); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if test.want != nil {
				return
			}
			if plan.UID != test.runAs.UID || plan.GID != 8 || plan.StepUp != test.stepUp || plan.Origins["runAsGroup"] != "--run-as" {
				t.Errorf("plan %d:%d, step-up %t, origins %v", plan.UID, plan.GID, plan.StepUp, plan.Origins)
			}
		})
	}
}

// TestInterrupted: before the command begins a signal ends the wait; later it reaches the command.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	interrupted := &fault.Interrupted{Signal: syscall.SIGINT}
	t.Run("before", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			w := &world{pod: nonRoot().Build()}
			for range 100 {
				w.refuse = append(w.refuse, errors.New("container not found"))
			}
			w.refused = func() { cancel(interrupted) }
			r := aRequest()
			r.Command, r.Stdin = []string{"ls"}, false
			if got := open(ctx, w, r, nil); !errors.Is(got.err, interrupted) {
				t.Errorf("error = %v; want %v", got.err, interrupted)
			}
		})
	})
	t.Run("after", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			w := &world{pod: nonRoot().Build()}
			w.run = func(_ context.Context, _ attach.Streams, heard <-chan string) (int, error) {
				cancel(interrupted)
				for word := range heard {
					if word == "INT" {
						return 130, nil
					}
				}
				return 0, nil
			}
			r := aRequest()
			r.Command, r.Stdin = []string{"sleep", "60"}, false
			if got := open(ctx, w, r, nil); got.status != 130 || got.err != nil {
				t.Errorf("Session = %d, %v; want the command's own 130", got.status, got.err)
			}
		})
	})
}

// TestChooses asks on a terminal which container is meant.
func TestChooses(t *testing.T) {
	t.Parallel()
	keyboard, terminal, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer keyboard.Close()
	defer terminal.Close()
	if _, err := keyboard.WriteString("2\n"); err != nil {
		t.Fatal(err)
	}
	pod := kubetest.Pod("shop", "web").Container("log").Image("evil\x1b[2J").Running(1, 1).Build()
	name, err := findContainer(t.Context(), Streams{In: terminal, Err: terminal}, pod, "")
	if name != "log" || err != nil {
		t.Errorf("container = %q, %v; want log", name, err)
	}
	shown := make([]byte, 4096)
	n, err := keyboard.Read(shown)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(shown[:n]), "\x1b") {
		t.Errorf("text of a cluster reaches the terminal as it is: %q", shown[:n])
	}
}
