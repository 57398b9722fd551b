package cluster_test

import (
	"errors"
	"net/http"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
)

// TestEachPod: pods come in pages, each asked for once, with the selector.
func TestEachPod(t *testing.T) {
	t.Parallel()
	var asked []string
	c := connect(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		asked = append(asked, r.URL.Path+" "+query.Get("labelSelector")+" "+query.Get("limit")+" "+query.Get("continue"))
		list := &corev1.PodList{Items: []corev1.Pod{*kubetest.Pod("shop", "a"+query.Get("continue")).Build()}}
		if query.Get("continue") != "2" {
			list.Continue = map[string]string{"": "1", "1": "2"}[query.Get("continue")]
		}
		answer(t, w, http.StatusOK, list)
	}), nil, nil)
	var names []string
	if err := c.EachPod(t.Context(), "", "app=web", func(p *corev1.Pod) { names = append(names, p.Name) }); err != nil {
		t.Fatal(err)
	}
	if want := []string{"a", "a1", "a2"}; !slices.Equal(names, want) {
		t.Errorf("pods %q; want %q", names, want)
	}
	if want := []string{"/api/v1/pods app=web 500 ", "/api/v1/pods app=web 500 1", "/api/v1/pods app=web 500 2"}; !slices.Equal(asked, want) {
		t.Errorf("asked %q; want %q", asked, want)
	}
}

// TestEachPodForbidden: the server's own answer is handed on.
func TestEachPodForbidden(t *testing.T) {
	t.Parallel()
	c := connect(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		status := apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "", errors.New("no")).Status()
		status.TypeMeta = metav1.TypeMeta{}
		answer(t, w, http.StatusForbidden, &status)
	}), nil, nil)
	err := c.EachPod(t.Context(), "shop", "", func(*corev1.Pod) { t.Error("a pod was read") })
	if !apierrors.IsForbidden(err) {
		t.Errorf("error %v; want that it is forbidden", err)
	}
}

// TestHasNoNamespace: that there is none is an answer, not an error.
func TestHasNoNamespace(t *testing.T) {
	t.Parallel()
	c := connect(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		status := apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, "shpo").Status()
		status.TypeMeta = metav1.TypeMeta{}
		answer(t, w, http.StatusNotFound, &status)
	}), nil, nil)
	if has, err := c.HasNamespace(t.Context(), "shpo"); has || err != nil {
		t.Errorf("HasNamespace = %t, %v; want false and no error", has, err)
	}
}
