package imagekind

import (
	"fmt"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
)

func BenchmarkVerdictOfPod(b *testing.B) {
	pod := kubetest.Pod("shop", "web").Image("gcr.io/distroless/static-debian12:nonroot").Running(65532, 65532).Build()
	b.ReportAllocs()
	for b.Loop() {
		if v := Best(FromPod(pod, "app"), FromReference(pod.Spec.Containers[0].Image)); v.Kind != Distroless {
			b.Fatalf("%+v", v)
		}
	}
}

// BenchmarkWalkLayers reads the archives of an image's layers to their end: 10,000 files, and no shell among them.
func BenchmarkWalkLayers(b *testing.B) {
	var layers []v1.Layer
	for n := range 4 {
		files := []string{"etc/os-release=ID=alpine"}
		for i := range 2500 {
			files = append(files, fmt.Sprintf("usr/lib/package%d/module%d/file", n, i))
		}
		layers = append(layers, newLayer(b, 1<<20, files...))
	}
	b.ReportAllocs()
	for b.Loop() {
		if v, err := fromLayers(layers, 1<<30); err != nil || v.Kind != NoShell {
			b.Fatalf("%+v, %v", v, err)
		}
	}
}
