package app

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mindebug/kubectl-mindebug/internal/config"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
	"github.com/mindebug/kubectl-mindebug/pkg/profiles"
)

const shared = "registry.example/debug@sha256:1111111111111111111111111111111111111111111111111111111111111111"

// leave leaves settings to a cluster whose configuration has that text.
func leave(r SessionRequest, text string, keys ...config.Key) SessionRequest {
	r.Open.Keys = keys
	r.Open.Shared = func() config.Shared {
		l, ignored := config.ParseShared("apiVersion: mindebug/v1alpha1\n" + text)
		return config.Shared{State: config.Found, Layer: l, Ignored: ignored}
	}
	return r
}

// TestClusterImage: the cluster's image serves a mirror that is not root's, and no other session unless the user trusts it.
func TestClusterImage(t *testing.T) {
	t.Parallel()
	root := kubetest.Pod("shop", "web").Running(0, 0)
	for name, test := range map[string]struct {
		pod     *kubetest.PodBuilder
		profile string
		closed  bool
		trusted bool
		own     string
		want    string
	}{
		"a mirror":                    {pod: nonRoot(), own: "own:1", want: shared},
		"a mirror, and none built-in": {pod: nonRoot(), want: shared},
		"the user named one":          {pod: nonRoot(), closed: true, own: "own:1", want: "own:1"},
		"root":                        {pod: root, own: "own:1", want: "own:1"},
		"root, and none built-in":     {pod: root},
		"root, trusted":               {pod: root, trusted: true, own: "own:1", want: shared},
		"more than the target":        {pod: nonRoot(), profile: "general", own: "own:1", want: "own:1"},
		"more, and none built-in":     {pod: nonRoot(), profile: "general"},
		"more, trusted":               {pod: nonRoot(), profile: "general", trusted: true, want: shared},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := &world{pod: test.pod.Build()}
			r := aRequest()
			if !test.closed {
				r = leave(r, "image: "+shared+"\n", config.Image)
			}
			r.Image, r.Open.Trusted, r.Profile = test.own, test.trusted, profiles.Request{Profile: profiles.Profile(test.profile)}
			d, err := MakeDraft(t.Context(), w, &w.registries, Streams{In: strings.NewReader("")}, r, false)
			var none *fault.NoImage
			switch {
			case test.want == "":
				if !errors.As(err, &none) || none.Untrusted != shared {
					t.Errorf("error %v, container %+v", err, d.Container)
				}
			case err != nil:
				t.Fatal(err)
			case d.Container.Image != test.want:
				t.Errorf("image %s, want %s", d.Container.Image, test.want)
			}
		})
	}
}

// TestNoImage: where nothing names one that is the first error, before the pod is read.
func TestNoImage(t *testing.T) {
	t.Parallel()
	for _, r := range []SessionRequest{aRequest(), leave(aRequest(), "ttl: 5m\n", config.Image)} {
		w := &world{pod: nonRoot().Build()}
		r.Image = ""
		_, err := Session(t.Context(), w, w, &w.registries, Streams{In: strings.NewReader("")}, r)
		var none *fault.NoImage
		if !errors.As(err, &none) || none.Untrusted != "" || len(w.calls) > 0 {
			t.Errorf("error %v after calls %q", err, w.calls)
		}
	}
}

// TestClusterTimes: the cluster sets what the user left open, and not how long a session by attach may idle.
func TestClusterTimes(t *testing.T) {
	t.Parallel()
	const text = "ttl: 5m\ngrace: 5s\ntimeout: 5m\n"
	r := leave(aRequest(), text, config.TTL, config.Grace, config.Timeout).withTimes()
	if r.TTL != 5*time.Minute || r.Grace != 5*time.Second || r.Timeout != 5*time.Minute || r.TTLOrigin != "ConfigMap kube-public/mindebug" {
		t.Errorf("%s, %s, %s of %q", r.TTL, r.Grace, r.Timeout, r.TTLOrigin)
	}
	if r := leave(aRequest(), text, config.Grace).withTimes(); r.TTL != aRequest().TTL || r.Timeout != aRequest().Timeout || r.Grace != 5*time.Second {
		t.Errorf("what was not open: %s, %s, %s", r.TTL, r.Grace, r.Timeout)
	}
	attached := aRequest()
	attached.Attach = true
	if r := leave(attached, text, config.TTL).withTimes(); r.TTL != attached.TTL {
		t.Errorf("by attach: %s", r.TTL)
	}
	if r := leave(aRequest(), "ttl: 0s\ntimeout: 1ns\n", config.TTL, config.Timeout); r.withTimes().TTL != aRequest().TTL || r.withTimes().Timeout != aRequest().Timeout || r.Open.warning() == "" {
		t.Errorf("times that would stop a session: %+v", r.withTimes())
	}
}
