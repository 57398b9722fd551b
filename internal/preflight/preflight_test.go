package preflight_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/mindebug/kubectl-mindebug/internal/access"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
	"github.com/mindebug/kubectl-mindebug/internal/preflight"
)

var (
	web        = fault.Pod{Namespace: "shop", Name: "web"}
	everyField = cmp.Exporter(func(reflect.Type) bool { return true })
)

func pod() *kubetest.PodBuilder { return kubetest.Pod("shop", "web") }

func phase(phase corev1.PodPhase, reason string) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Status.Phase, p.Status.Reason = phase, reason }
}

func TestState(t *testing.T) {
	t.Parallel()
	ended := time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
	crashed := corev1.ContainerStateTerminated{ExitCode: 2, Reason: "Error", Message: "no database", FinishedAt: metav1.Time{Time: ended}}
	exit := &fault.Exit{Code: 2, Reason: "Error", Message: "no database", At: ended}
	pending := func() *kubetest.PodBuilder {
		return pod().InitContainer("migrate").With(phase(corev1.PodPending, "")).With(func(p *corev1.Pod) { p.Spec.NodeName = "node" })
	}
	tests := []struct {
		name      string
		pod       *kubetest.PodBuilder
		container string
		want      error
	}{
		{name: "running", pod: pod().Running(1, 1)},
		{name: "running, the pod not ready", pod: pod().Running(1, 1).With(func(p *corev1.Pod) { p.Status.ContainerStatuses[0].Ready = false })},
		{name: "an init container of a pending pod", pod: pending().Up("migrate", 1, 1), container: "migrate"},
		{name: "a sidecar of a pending pod", pod: pending().Sidecar("proxy").Up("proxy", 1, 1), container: "proxy"},
		{
			name: "phase unknown, and yet the container runs", pod: pod().Running(1, 1).With(phase(corev1.PodUnknown, "")),
		},
		{
			name: "mirror pod, though it runs", want: &fault.NoPlace{Pod: web, Reason: fault.Mirror, Detail: "node"},
			pod: pod().Running(1, 1).With(func(p *corev1.Pod) {
				p.Annotations = map[string]string{"kubernetes.io/config.mirror": "hash"}
			}),
		},
		{
			name: "succeeded", pod: pod().Running(1, 1).With(phase(corev1.PodSucceeded, "")),
			want: &fault.NoPlace{Pod: web, Reason: fault.Finished, Detail: "Succeeded"},
		},
		{
			name: "evicted", want: &fault.NoPlace{Pod: web, Reason: fault.Finished, Detail: "Failed, Evicted", Message: "too much"},
			pod: pod().Running(1, 1).With(phase(corev1.PodFailed, "Evicted")).With(func(p *corev1.Pod) { p.Status.Message = "too much" }),
		},
		{
			name: "unscheduled", want: &fault.NoPlace{Pod: web, Reason: fault.Unscheduled, Detail: "0/3 nodes"},
			pod: pod().With(func(p *corev1.Pod) {
				p.Status.Conditions = []corev1.PodCondition{
					{Type: corev1.PodReady, Status: corev1.ConditionFalse, Message: "not this"},
					{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Message: "0/3 nodes"},
				}
			}),
		},
		{name: "unscheduled, no word of the scheduler", pod: pod(), want: &fault.NoPlace{Pod: web, Reason: fault.Unscheduled}},
		{
			name: "terminating, though it runs", want: &fault.NoPlace{Pod: web, Reason: fault.Terminating},
			pod: pod().Running(1, 1).With(func(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{Time: ended} }),
		},
		{
			name: "no status yet", pod: pending(), container: "migrate",
			want: &fault.NotRunning{Pod: web, Container: "migrate", State: "waiting"},
		},
		{
			name: "a regular container while the pod initialises", pod: pending().Up("migrate", 1, 1).Waiting("app", "PodInitializing", ""),
			want: &fault.NotRunning{Pod: web, Container: "app", State: "waiting: PodInitializing"},
		},
		{
			name: "image cannot be pulled", pod: pod().Running(1, 1).Waiting("app", "ImagePullBackOff", "back-off"),
			want: &fault.NotRunning{Pod: web, Container: "app", State: "waiting: ImagePullBackOff", Message: "back-off"},
		},
		{
			name: "crash loop", pod: pod().Running(1, 1).Waiting("app", "CrashLoopBackOff", "back-off 5m0s").Restarted("app", 4, crashed),
			want: &fault.NotRunning{
				Pod: web, Container: "app", State: "waiting: CrashLoopBackOff", Message: "back-off 5m0s", LastExit: exit, Restarts: 4,
			},
		},
		{
			name: "crash loop, and the next start is told", pod: pod().Running(1, 1).Restarted("app", 4, crashed).
				Waiting("app", "CrashLoopBackOff", "back-off 2m40s restarting failed container=app pod=web_shop(1-2-3)"),
			want: &fault.NotRunning{
				Pod: web, Container: "app", State: "waiting: CrashLoopBackOff", LastExit: exit, Restarts: 4, NextStart: ended.Add(160 * time.Second),
				Message: "back-off 2m40s restarting failed container=app pod=web_shop(1-2-3)",
			},
		},
		{
			name: "crash loop, and the last end is not told", pod: pod().Running(1, 1).
				Waiting("app", "CrashLoopBackOff", "back-off 2m40s restarting failed container=app pod=web_shop(1-2-3)"),
			want: &fault.NotRunning{
				Pod: web, Container: "app", State: "waiting: CrashLoopBackOff",
				Message: "back-off 2m40s restarting failed container=app pod=web_shop(1-2-3)",
			},
		},
		{
			name: "an init container that ended",
			pod:  pending().State("migrate", corev1.ContainerState{Terminated: &crashed}), container: "migrate",
			want: &fault.NotRunning{Pod: web, Container: "migrate", State: "terminated", LastExit: exit},
		},
		{
			name: "ended now: that end counts, not the one before",
			pod: pod().Running(1, 1).State("app", corev1.ContainerState{Terminated: &crashed}).
				Restarted("app", 1, corev1.ContainerStateTerminated{ExitCode: 1}),
			want: &fault.NotRunning{Pod: web, Container: "app", State: "terminated", LastExit: exit, Restarts: 1},
		},
		{
			name: "state not told", pod: pod().Running(1, 1).State("app", corev1.ContainerState{}),
			want: &fault.NotRunning{Pod: web, Container: "app", State: "waiting"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if test.container == "" {
				test.container = "app"
			}
			if diff := cmp.Diff(test.want, preflight.State(test.pod.Build(), test.container)); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

// api is an API server as preflight sees it.
type api struct {
	// stored changes what the server would store, patchErr refuses it.
	stored   func(*corev1.EphemeralContainer)
	patchErr error
	// mayNot are the calls that are not allowed, in RBAC's words; reviewErr is the answer to every access review.
	mayNot    []string
	reviewErr error
	whoErr    error

	mu     sync.Mutex
	asked  []string
	dryRun []bool
}

func (a *api) AddEphemeralContainer(_ context.Context, pod *corev1.Pod, c corev1.EphemeralContainer, dryRun bool) (*corev1.Pod, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.dryRun = append(a.dryRun, dryRun)
	if a.patchErr != nil {
		return &corev1.Pod{}, a.patchErr
	}
	stored := pod.DeepCopy()
	c = *c.DeepCopy()
	if a.stored != nil {
		a.stored(&c)
	}
	stored.Spec.EphemeralContainers = append(stored.Spec.EphemeralContainers, c)
	return stored, nil
}

func (a *api) MayI(_ context.Context, namespace, pod string, call access.Call) (bool, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, namespace+"/"+pod+" "+call.String())
	return a.reviewErr == nil && !slices.Contains(a.mayNot, call.String()), a.reviewErr
}

func (a *api) WhoAmI(context.Context) (authenticationv1.UserInfo, error) {
	return authenticationv1.UserInfo{Username: "dana", Groups: []string{"oncall"}}, a.whoErr
}

func debugger() corev1.EphemeralContainer {
	return corev1.EphemeralContainer{
		TargetContainerName: "app",
		EphemeralContainerCommon: corev1.EphemeralContainerCommon{
			Name: "mindebug-x", Image: "debug:1",
			SecurityContext: &corev1.SecurityContext{
				RunAsUser: new(int64(65532)), RunAsNonRoot: new(true),
				Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			},
		},
	}
}

func TestAsk(t *testing.T) {
	t.Parallel()
	resource := schema.GroupResource{Resource: "pods"}
	kind := schema.GroupKind{Kind: "Pod"}
	const mayPatch, mayExec = "patch pods/ephemeralcontainers", "create pods/exec"
	rbac := apierrors.NewForbidden(resource, "web", errors.New(`user "dana" cannot patch`))
	admission := apierrors.NewForbidden(resource, "web", errors.New("no debug containers on a Friday"))
	notFound := apierrors.NewNotFound(resource, "web")
	// What a server answers that does not know the subresource, and what client-go makes of another's 404.
	noResource := &apierrors.StatusError{ErrStatus: metav1.Status{
		Status: "Failure", Code: 404, Reason: metav1.StatusReasonNotFound, Details: &metav1.StatusDetails{},
		Message: "the server could not find the requested resource",
	}}
	noPage := apierrors.NewGenericServerResponse(404, "patch", resource, "web", "404 page not found", 0, true)
	conflict := apierrors.NewConflict(resource, "web", errors.New("modified"))
	otherUID := apierrors.NewInvalid(kind, "web", field.ErrorList{field.Invalid(field.NewPath("metadata", "uid"), "1", "field is immutable")})
	invalid := apierrors.NewInvalid(kind, "web", field.ErrorList{field.Invalid(field.NewPath("spec", "ephemeralContainers"), "x", "no")})
	webhook := apierrors.NewInternalError(errors.New("failed calling webhook"))
	down := &fault.Unreachable{Server: "https://s", Cause: errors.New("refused")}
	tests := []struct {
		name string
		api  *api
		want error
	}{
		{name: "taken", api: &api{}},
		{name: "taken; the review is refused", api: &api{reviewErr: rbac}},
		{
			name: "forbidden by RBAC", api: &api{patchErr: rbac, mayNot: []string{mayPatch}},
			want: &fault.Forbidden{Namespace: "shop", Call: mayPatch, User: "dana", Groups: []string{"oncall"}, Server: rbac},
		},
		{
			name: "forbidden by RBAC, and nobody says who one is", api: &api{patchErr: rbac, mayNot: []string{mayPatch}, whoErr: notFound},
			want: &fault.Forbidden{Namespace: "shop", Call: mayPatch, Server: rbac},
		},
		{
			name: "forbidden by admission", api: &api{patchErr: admission},
			want: &fault.Refused{Pod: web, Container: "mindebug-x", Server: admission},
		},
		{
			name: "forbidden, and the review fails: not called RBAC", api: &api{patchErr: rbac, reviewErr: down},
			want: &fault.Refused{Pod: web, Container: "mindebug-x", Server: rbac},
		},
		{
			name: "exec is not allowed", api: &api{mayNot: []string{mayExec}},
			want: &fault.Forbidden{Namespace: "shop", Call: mayExec, User: "dana", Groups: []string{"oncall"}},
		},
		{
			name: "what the server says to the patch comes before exec", api: &api{patchErr: admission, mayNot: []string{mayExec}},
			want: &fault.Refused{Pod: web, Container: "mindebug-x", Server: admission},
		},
		{name: "deleted", api: &api{patchErr: notFound}, want: &fault.Replaced{Pod: web, Server: notFound}},
		{name: "no such subresource", api: &api{patchErr: noResource}, want: &fault.NoEphemeral{Pod: web, Node: "node", Server: noResource}},
		{name: "no such page", api: &api{patchErr: noPage}, want: &fault.NoEphemeral{Pod: web, Node: "node", Server: noPage}},
		{name: "conflict", api: &api{patchErr: conflict}, want: &fault.Replaced{Pod: web, Server: conflict}},
		{name: "another uid", api: &api{patchErr: otherUID}, want: &fault.Replaced{Pod: web, Server: otherUID}},
		{name: "invalid", api: &api{patchErr: invalid}, want: &fault.Refused{Pod: web, Container: "mindebug-x", Server: invalid}},
		{name: "a webhook that fails", api: &api{patchErr: webhook}, want: &fault.Refused{Pod: web, Container: "mindebug-x", Server: webhook}},
		{name: "no answer", api: &api{patchErr: down}, want: down},
		{
			name: "security context altered", want: &fault.Altered{Pod: web, Changes: []fault.Change{
				{Field: "privileged", Asked: "unset", Stored: "true"},
				{Field: "runAsNonRoot", Asked: "true", Stored: "unset"},
				{Field: "runAsUser", Asked: "65532", Stored: "0"},
			}},
			api: &api{stored: func(c *corev1.EphemeralContainer) {
				c.SecurityContext.RunAsUser, c.SecurityContext.RunAsNonRoot = new(int64(0)), nil
				c.SecurityContext.Privileged = new(true)
			}},
		},
		{
			name: "a field that the server does not know", want: &fault.Altered{Pod: web, Changes: []fault.Change{{Field: "capabilities", Asked: `{"drop":["ALL"]}`, Stored: "unset"}}},
			api: &api{stored: func(c *corev1.EphemeralContainer) { c.SecurityContext.Capabilities = nil }},
		},
		{
			name: "no security context stored", want: &fault.Altered{Pod: web, Changes: []fault.Change{
				{Field: "capabilities", Asked: `{"drop":["ALL"]}`, Stored: "unset"},
				{Field: "runAsNonRoot", Asked: "true", Stored: "unset"},
				{Field: "runAsUser", Asked: "65532", Stored: "unset"},
			}},
			api: &api{stored: func(c *corev1.EphemeralContainer) { c.SecurityContext = nil }},
		},
		{
			name: "defaults filled in", api: &api{stored: func(c *corev1.EphemeralContainer) {
				c.ImagePullPolicy, c.TerminationMessagePath = corev1.PullIfNotPresent, "/dev/termination-log"
			}},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := pod().Running(1, 1).Build()
			before := p.DeepCopy()
			stored, err := preflight.Ask(t.Context(), test.api, p, debugger(), access.Exec)
			if (stored == nil) != (err != nil) {
				t.Errorf("stored %v beside error %v", stored, err)
			}
			if diff := cmp.Diff(test.want, err, everyField); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]bool{true}, test.api.dryRun); diff != "" {
				t.Errorf("dry runs (-want +got):\n%s", diff)
			}
			for _, asked := range test.api.asked {
				if asked != "shop/web "+mayPatch && asked != "shop/web "+mayExec {
					t.Errorf("asked about %q", asked)
				}
			}
			if diff := cmp.Diff(before, p); diff != "" {
				t.Errorf("the pod was changed (-before +after):\n%s", diff)
			}
		})
	}
}

// TestWhoRefuses: the messages are those of Kubernetes 1.36.3.
func TestWhoRefuses(t *testing.T) {
	t.Parallel()
	const (
		level    = `violates PodSecurity "restricted:latest": `
		runAs    = `runAsNonRoot != true (%s must set securityContext.runAsNonRoot=true)`
		escalate = `allowPrivilegeEscalation != false (%s must set securityContext.allowPrivilegeEscalation=false)`
	)
	names := func(format, containers string) string { return strings.ReplaceAll(format, "%s", containers) }
	forbidden := func(message string) error {
		return apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "web", errors.New(message))
	}
	own, earlier := fault.Violator{Name: "app"}, fault.Violator{Name: "debugger-x", Ephemeral: true}
	tests := []struct {
		name   string
		server error
		want   fault.Refused
	}{
		{
			name: "Pod Security, our container", server: forbidden(level + names(runAs, `container "mindebug-x"`)),
			want: fault.Refused{By: fault.PodSecurity, Name: "restricted:latest", AlsoOurs: true},
		},
		{
			name:   "Pod Security, the pod's own and an earlier one",
			server: forbidden(level + names(runAs, `container "debugger-x"`) + ", " + names(escalate, `containers "debugger-x", "migrate", "app"`)),
			want: fault.Refused{
				By: fault.PodSecurity, Name: "restricted:latest", Violators: []fault.Violator{{Name: "migrate"}, own, earlier},
			},
		},
		{
			name: "Pod Security, all of them", server: forbidden(level + names(runAs, `pod or containers "app", "debugger-x", "mindebug-x"`)),
			want: fault.Refused{
				By: fault.PodSecurity, Name: "restricted:latest", Violators: []fault.Violator{own, earlier}, AlsoOurs: true,
			},
		},
		{
			name: "Pod Security, the pod as such", server: forbidden(level + `restricted volume types (volume "app" uses restricted volume type "hostPath")`),
			want: fault.Refused{By: fault.PodSecurity, Name: "restricted:latest"},
		},
		{
			name: "a policy, whatever its status and its words",
			server: &apierrors.StatusError{ErrStatus: metav1.Status{
				Status: "Failure", Code: 404, Reason: metav1.StatusReasonNotFound, Details: &metav1.StatusDetails{Name: "web"},
				Message: `pods "web" is forbidden: ValidatingAdmissionPolicy 'friday' with binding 'all' denied request: admission webhook "x" denied the request`,
			}},
			want: fault.Refused{By: fault.Policy, Name: "friday"},
		},
		{
			name: "a webhook that says that nothing was found",
			server: &apierrors.StatusError{ErrStatus: metav1.Status{
				Status: "Failure", Code: 404, Reason: metav1.StatusReasonNotFound,
				Message: `admission webhook "images.example.com" denied the request: no such image`,
			}},
			want: fault.Refused{By: fault.Webhook, Name: "images.example.com"},
		},
		{
			name: "a webhook that is down", want: fault.Refused{By: fault.SilentWebhook, Name: "images.example.com"},
			server: apierrors.NewInternalError(errors.New(`failed calling webhook "images.example.com": failed to call webhook: Post "https://images": connection refused`)),
		},
		{name: "nobody says it", server: forbidden("no"), want: fault.Refused{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := pod().InitContainer("migrate").Running(1, 1).
				Ephemeral(corev1.EphemeralContainer{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "debugger-x"}}).Build()
			test.want.Pod, test.want.Container, test.want.Server = web, "mindebug-x", test.server
			if diff := cmp.Diff(error(&test.want), preflight.Refusal(t.Context(), &api{}, p, debugger(), test.server), everyField); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

// TestRefusalOfThePatch: the same answers mean the same when they come to the patch itself.
func TestRefusalOfThePatch(t *testing.T) {
	t.Parallel()
	rbac := apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "web", errors.New("no"))
	p := pod().Running(1, 1).Build()
	if err := preflight.Refusal(t.Context(), &api{}, p, debugger(), nil); err != nil {
		t.Errorf("Refusal of none = %v", err)
	}
	err := preflight.Refusal(t.Context(), &api{mayNot: []string{"patch pods/ephemeralcontainers"}}, p, debugger(), rbac)
	var forbidden *fault.Forbidden
	if !errors.As(err, &forbidden) || forbidden.Namespace != "shop" {
		t.Errorf("Refusal = %v; want a *fault.Forbidden for shop", err)
	}
}
