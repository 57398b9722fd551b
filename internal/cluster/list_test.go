package cluster_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
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

// TestPodPages: how many are left is told, and a list whose moment the server forgets goes on, which is told once.
func TestPodPages(t *testing.T) {
	t.Parallel()
	pages := map[string]metav1.ListMeta{
		"":      {Continue: "1", RemainingItemCount: new(int64(3))},
		"later": {Continue: "2", RemainingItemCount: new(int64(1))},
		"2":     {},
	}
	c := connect(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		at := r.URL.Query().Get("continue")
		meta, ok := pages[at]
		if !ok {
			status := apierrors.NewResourceExpired("too old").Status()
			status.TypeMeta, status.Continue = metav1.TypeMeta{}, map[string]string{"1": "later"}[at]
			answer(t, w, http.StatusGone, &status)
			return
		}
		answer(t, w, http.StatusOK, &corev1.PodList{ListMeta: meta, Items: []corev1.Pod{*kubetest.Pod("shop", "a"+at).Build()}})
	}), nil, nil)
	var got []string
	see := func(pods []corev1.Pod, left int64, torn bool) error {
		got = append(got, fmt.Sprintf("%s %d %t", pods[0].Name, left, torn))
		return nil
	}
	if err := c.PodPages(t.Context(), "shop", "", see); err != nil {
		t.Fatal(err)
	}
	if want := []string{"a 3 false", "alater 1 true", "a2 0 false"}; !slices.Equal(got, want) {
		t.Errorf("pages %q; want %q", got, want)
	}
	delete(pages, "later") // it forgets the other moment, too, and says no third one
	if err := c.PodPages(t.Context(), "shop", "", see); !apierrors.IsResourceExpired(err) {
		t.Errorf("error %v; want the server's answer", err)
	}
	enough := errors.New("enough")
	if err := c.PodPages(t.Context(), "shop", "", func([]corev1.Pod, int64, bool) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("error %v; want %v", err, enough)
	}
}

// TestNamespaceLabels: of one, or of all, in pages.
func TestNamespaceLabels(t *testing.T) {
	t.Parallel()
	named := func(name string) corev1.Namespace {
		return corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"is": name}}}
	}
	c := connect(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch at := r.URL.Query().Get("continue"); {
		case r.URL.Path == "/api/v1/namespaces/shop":
			answer(t, w, http.StatusOK, new(named("shop")))
		case at == "":
			answer(t, w, http.StatusOK, &corev1.NamespaceList{ListMeta: metav1.ListMeta{Continue: "1"}, Items: []corev1.Namespace{named("shop")}})
		default:
			answer(t, w, http.StatusOK, &corev1.NamespaceList{Items: []corev1.Namespace{named("mill")}})
		}
	}), nil, nil)
	shop, mill := map[string]string{"is": "shop"}, map[string]string{"is": "mill"}
	for name, want := range map[string]map[string]map[string]string{
		"shop": {"shop": shop},
		"":     {"shop": shop, "mill": mill},
	} {
		got, err := c.NamespaceLabels(t.Context(), name)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("labels of %q: %v (-want +got):\n%s", name, err, diff)
		}
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
