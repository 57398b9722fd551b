package app

import (
	"io"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/internal/imagekind"
)

// TestSessionSeesImage: the first session with an image sees what kind it is, and keeps it as likely; a shell in a volume says
// nothing about the image.
func TestSessionSeesImage(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		seen, mount string
		want        imagekind.Verdict
	}{
		"nothing":     {"", "", imagekind.Verdict{Kind: imagekind.Unknown}},
		"distroless":  {"image - debian var/lib/dpkg/status.d\n", "", imagekind.Verdict{Kind: imagekind.Distroless, Evidence: "no shell in the usual places; packages in /var/lib/dpkg/status.d, as a session saw", Certainty: imagekind.Likely}},
		"a shell":     {"image /bin/sh - -\n", "/bi", imagekind.Verdict{Kind: imagekind.WithShell, Evidence: "it has /bin/sh, as a session saw", Certainty: imagekind.Likely}},
		"in a volume": {"image /busybox/sh - -\n", "/busybox/", imagekind.Verdict{Kind: imagekind.Unknown}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pod := nonRoot().With(func(p *corev1.Pod) {
				p.Status.ContainerStatuses[0].ImageID = imageID("a")
				p.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "v", MountPath: test.mount}}
			})
			w := &world{pod: pod.Build(), greeting: "mindebug 1\npid 1\nUid: 1 1 1 1\nGid: 1 1 1 1\n" + test.seen + "go\n"}
			r := aRequest()
			r.Command, r.Stdin, r.Seen = []string{"ls"}, false, imagekind.NewCache(t.TempDir())
			for range 2 {
				if _, err := Session(t.Context(), w, w, &w.registries, Streams{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard}, r); err != nil {
					t.Fatal(err)
				}
			}
			if got := r.Seen.Get(digestOf(imageID("a"))); got != test.want {
				t.Errorf("kept %+v; want %+v", got, test.want)
			}
			asked := []bool{strings.Contains(w.flags[0], "s"), strings.Contains(w.flags[1], "s")}
			if !asked[0] || asked[1] == test.want.Known() {
				t.Errorf("asked %v", asked)
			}
		})
	}
}
