package app

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/imagekind"
	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
	"github.com/mindebug/kubectl-mindebug/internal/registry"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// stored is a registry that has one image, with a script that lacks its shell.
type stored struct {
	asked registry.Request
	err   error
	// two has the image for two platforms, of which none is said to be the node's.
	two bool
}

func (s *stored) Open(_ context.Context, r registry.Request) ([]registry.Image, func(), error) {
	s.asked = r
	if s.err != nil {
		return nil, nil, s.err
	}
	var blob bytes.Buffer
	w := tar.NewWriter(&blob)
	const script = "#!/bin/sh\n"
	err := w.WriteHeader(&tar.Header{Name: "start", Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(script))})
	if err == nil {
		_, err = io.WriteString(w, script)
	}
	var layer v1.Layer
	if err == nil && w.Close() == nil {
		layer, err = tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(blob.Bytes())), nil })
	}
	image := empty.Image
	if err == nil {
		image, err = mutate.AppendLayers(image, layer)
	}
	if err == nil {
		image, err = mutate.ConfigFile(image, &v1.ConfigFile{
			OS: "linux", Architecture: "arm64", Config: v1.Config{User: "app", Entrypoint: []string{"/start"}, Cmd: []string{"--x"}},
		})
	}
	images := []registry.Image{registry.NewImage(image)}
	if s.two {
		images = append(images, images[0])
	}
	return images, func() {}, err
}

func inspectRequest(change func(*InspectRequest)) InspectRequest {
	r := InspectRequest{SessionRequest: aRequest(), MaxBytes: 1 << 20}
	if change != nil {
		change(&r)
	}
	return r
}

// TestInspectImage: of a container that does not run, or on demand, the image is looked at, as the pod would run it.
func TestInspectImage(t *testing.T) {
	t.Parallel()
	waiting := func(pod *corev1.Pod) {
		pod.Status.ContainerStatuses[0].State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CreateContainerError"}}
	}
	for name, test := range map[string]struct {
		change  func(*corev1.Pod)
		request func(*InspectRequest)
		words   []string
		found   []string
	}{
		"what does not run": {change: waiting, words: []string{"/start", "--x"}, found: []string{"architecture", "user", "interpreter"}},
		"on demand": {
			change: func(*corev1.Pod) {}, request: func(r *InspectRequest) { r.FromImage = true },
			words: []string{"/start", "--x"}, found: []string{"architecture", "user", "interpreter"},
		},
		"a command of the pod": {
			change: func(pod *corev1.Pod) {
				waiting(pod)
				pod.Spec.Containers[0].Command, pod.Spec.Containers[0].Args = []string{"none"}, []string{"y"}
			},
			words: []string{"none", "y"}, found: []string{"architecture", "user", "entrypoint"},
		},
		"arguments of the pod": {
			change: func(pod *corev1.Pod) { waiting(pod); pod.Spec.Containers[0].Args = []string{"y"} },
			words:  []string{"/start", "y"}, found: []string{"architecture", "user", "interpreter"},
		},
		"a user of the pod": {
			change: func(pod *corev1.Pod) { waiting(pod); pod.Spec.Containers[0].SecurityContext.RunAsUser = new(int64(7)) },
			words:  []string{"/start", "--x"}, found: []string{"architecture", "interpreter"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pod := kubetest.Pod("shop", "web").Running(65532, 0).Build()
			if pod.Spec.Containers[0].SecurityContext == nil {
				pod.Spec.Containers[0].SecurityContext = &corev1.SecurityContext{}
			}
			test.change(pod)
			w, images := &world{pod: pod, architecture: "amd64"}, &stored{}
			got, err := Inspect(t.Context(), w, w, images, Streams{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard}, inspectRequest(test.request))
			if err != nil {
				t.Fatal(err)
			}
			var found []string
			for _, f := range got.Report.Findings {
				if f.Severity == "fatal" {
					found = append(found, f.About)
				}
			}
			if diff := cmp.Diff(test.found, found); diff != "" {
				t.Errorf("fatal findings (-want +got):\n%s\n%+v", diff, got.Report.Findings)
			}
			if diff := cmp.Diff(test.words, got.Report.Program.Words); diff != "" {
				t.Errorf("words (-want +got):\n%s", diff)
			}
			if got.From != SourceImage || got.Kind.Kind != imagekind.Scratch || got.Kind.Certainty != imagekind.Certain || got.Platform != "linux/arm64" {
				t.Errorf("looked at %+v", got)
			}
			if !images.asked.ByTag || images.asked.Within != imageWithin {
				t.Errorf("asked for %+v", images.asked)
			}
			if len(w.execs) > 0 || len(w.pod.Spec.EphemeralContainers) > 0 {
				t.Errorf("a session was opened: %v", w.execs)
			}
		})
	}
}

// TestInspectIsKept: what was seen of all files of an image, find knows for certain, unless it is not known to be what runs.
func TestInspectIsKept(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		images stored
		want   imagekind.Certainty
	}{
		"the image that runs": {want: imagekind.Certain},
		"one of two":          {images: stored{two: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pod := kubetest.Pod("shop", "web").Running(65532, 0).With(func(p *corev1.Pod) {
				p.Status.ContainerStatuses[0].ImageID = imageID("a")
			}).Build()
			w, r := &world{pod: pod}, inspectRequest(func(r *InspectRequest) { r.FromImage = true })
			r.Seen = imagekind.NewCache(t.TempDir())
			got, err := Inspect(t.Context(), w, w, &test.images, Streams{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard}, r)
			if err != nil {
				t.Fatal(err)
			}
			kept := r.Seen.Get(digestOf(imageID("a")))
			if kept.Certainty != test.want || kept.Known() && kept != got.Kind {
				t.Errorf("kept %+v of %+v; want it %q", kept, got.Kind, test.want)
			}
		})
	}
}

// TestInspectFails: what stands in the way is said, and a session that is closed gives no half report.
func TestInspectFails(t *testing.T) {
	t.Parallel()
	failed := &fault.Registry{Image: "x", Reason: fault.ImageUnauthorized, Cause: errors.New("401")}
	w := &world{pod: kubetest.Pod("shop", "web").Running(65532, 0).Build()}
	streams := Streams{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard}
	_, err := Inspect(t.Context(), w, w, &stored{err: failed}, streams, inspectRequest(func(r *InspectRequest) { r.FromImage = true }))
	if !errors.Is(err, failed) {
		t.Errorf("a registry that refuses: %v", err)
	}
	w.greeting = seenAs("65532 65532 65532 65532", "0 0 0 0")
	_, err = Inspect(t.Context(), w, w, &stored{}, streams, inspectRequest(nil))
	var closed *fault.Closed
	if !errors.As(err, &closed) || closed.Why == "" || closed.Container != "app" {
		t.Errorf("a target that is closed: %v", err)
	}
	_, err = InspectFile(t.Context(), "/nonexistent", streams, inspectRequest(nil))
	var file *fault.ImageFile
	if !errors.As(err, &file) || file.File != "/nonexistent" {
		t.Errorf("no such file: %v", err)
	}
}

// TestInspectNoneRuns: of a workload none of whose pods runs, a pod's image tells why.
func TestInspectNoneRuns(t *testing.T) {
	t.Parallel()
	pod := kubetest.Pod("shop", "web").Running(65532, 0).Build()
	pod.Labels = map[string]string{"app": "web"}
	pod.Status.ContainerStatuses[0].State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}
	w := &world{pod: pod, architecture: "amd64"}
	r := inspectRequest(func(r *InspectRequest) { r.Query, r.Selector = target.Query{}, "app=web" })
	got, err := Inspect(t.Context(), w, w, &stored{}, Streams{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard}, r)
	if err != nil || got.From != SourceImage || got.Pod != "web" || len(got.Report.Findings) == 0 {
		t.Errorf("looked at %+v, %v", got, err)
	}
}
