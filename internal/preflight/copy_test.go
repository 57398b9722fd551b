package preflight_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/preflight"
)

// copyAPI is an API server that is asked for a copy.
type copyAPI struct {
	api
	refuses error
	alters  func(*corev1.Pod)
	dryRuns int
}

func (a *copyAPI) CreatePod(_ context.Context, pod *corev1.Pod, dryRun bool) (*corev1.Pod, error) {
	if !dryRun {
		return nil, errors.New("it makes a pod")
	}
	a.dryRuns++
	stored := pod.DeepCopy()
	if a.alters != nil {
		a.alters(stored)
	}
	return stored, a.refuses
}

func TestAskCopy(t *testing.T) {
	t.Parallel()
	pods := schema.GroupResource{Resource: "pods"}
	exists := apierrors.NewAlreadyExists(pods, "web")
	rbac := apierrors.NewForbidden(pods, "web", errors.New(`User "dana" cannot create resource "pods" in API group "" in the namespace "shop"`))
	podSecurity := apierrors.NewForbidden(pods, "web", errors.New(`violates PodSecurity "restricted:latest": privileged`))
	quota := apierrors.NewForbidden(pods, "web", errors.New("exceeded quota: few"))
	lost := errors.New("connection refused")
	forbid := func(call string, server error) error {
		return &fault.Forbidden{Namespace: "shop", Call: call, User: "dana", Groups: []string{"oncall"}, Copies: true, Server: server}
	}
	for name, test := range map[string]struct {
		api  *copyAPI
		want error
	}{
		"allowed":                   {api: &copyAPI{}},
		"no exec":                   {api: &copyAPI{api: api{mayNot: []string{"create pods/exec"}}}, want: forbid("create pods/exec", nil)},
		"no end":                    {api: &copyAPI{api: api{mayNot: []string{"delete pods"}}}, want: forbid("delete pods", nil)},
		"who may not ask will see":  {api: &copyAPI{api: api{mayNot: []string{"delete pods"}, reviewErr: lost}}},
		"no create":                 {api: &copyAPI{refuses: rbac, api: api{mayNot: []string{"create pods"}}}, want: forbid("create pods", rbac)},
		"Pod Security":              {api: &copyAPI{refuses: podSecurity}, want: &fault.Refused{Pod: web, Copy: true, By: fault.PodSecurity, Name: "restricted:latest", Server: podSecurity}},
		"a quota":                   {api: &copyAPI{refuses: quota}, want: &fault.Refused{Pod: web, Copy: true, Server: quota}},
		"the name is taken":         {api: &copyAPI{refuses: exists}, want: &fault.NameTaken{Pod: web, Server: exists}},
		"no answer":                 {api: &copyAPI{refuses: lost}, want: lost},
		"others' privileges are":    {api: &copyAPI{alters: func(p *corev1.Pod) { p.Spec.Containers[0].SecurityContext = nil }}},
		"the dry run counts before": {api: &copyAPI{refuses: exists, api: api{mayNot: []string{"delete pods"}}}, want: &fault.NameTaken{Pod: web, Server: exists}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			copied := pod().Restricted().InitContainer("mindebug-install").Build()
			stored, err := preflight.AskCopy(t.Context(), test.api, copied, "mindebug-install")
			if diff := cmp.Diff(test.want, err, everyField); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if (stored != nil) != (err == nil) || test.api.dryRuns != 1 {
				t.Errorf("it returns %v, and asked %d times", stored, test.api.dryRuns)
			}
		})
	}
	t.Run("the installer is given more", func(t *testing.T) {
		t.Parallel()
		a := &copyAPI{alters: func(p *corev1.Pod) {
			p.Spec.InitContainers[0].SecurityContext = &corev1.SecurityContext{Privileged: new(true)}
		}}
		_, err := preflight.AskCopy(t.Context(), a, pod().InitContainer("mindebug-install").Build(), "mindebug-install")
		var altered *fault.Altered
		if !errors.As(err, &altered) || !altered.Copy || len(altered.Changes) == 0 || altered.Pod != web {
			t.Errorf("the error is %v", err)
		}
	})
}
