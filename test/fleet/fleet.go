// Package fleet fills a cluster with pods that nothing runs, of images of every kind: no scheduler takes them, and their
// status says that they run. It is for tests of what reads many pods.
package fleet

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	backend "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
)

// Label is the label of the pods; its value is the caller's.
const Label = "mindebug.test/fleet"

// atOnce is how many calls go to the API server at a time.
const atOnce = 16

// image is an image that pods say they run.
type image struct{ ref, id, kind string }

// Fleet is a registry with images, and what runs them.
type Fleet struct {
	images []image
	server *httptest.Server
}

// New makes images of every kind, each tenth unknown to everybody, and serves those that a registry has to tell of.
func New(ctx context.Context, images int) (*Fleet, error) {
	f := &Fleet{server: httptest.NewServer(backend.New(backend.Logger(log.New(io.Discard, "", 0))))}
	host := strings.TrimPrefix(f.server.URL, "http://")
	var err error
	for n := 0; n < images && err == nil; n++ {
		var made image
		made, err = makeImage(ctx, host, n)
		f.images = append(f.images, made)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Close ends the registry.
func (f *Fleet) Close() { f.server.Close() }

// makeImage makes the image of a number, whose last digit says what it is and what tells that.
func makeImage(ctx context.Context, host string, n int) (image, error) {
	repository := fmt.Sprintf("%s/fleet/app%d", host, n)
	digest := fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(repository)))
	served := func(kind, history string, files ...string) (image, error) {
		digest, err := push(ctx, repository+":1", history, append(files, fmt.Sprintf("app/%d", n)))
		return image{repository + ":1", repository + "@" + digest, kind}, err
	}
	switch n % 10 {
	case 0, 1:
		return served("scratch", "COPY app /app")
	case 2: // by its name; of such a name there are many tags
		ref := "gcr.io/distroless/static-debian12:nonroot"
		return image{ref, "gcr.io/distroless/static-debian12@" + digest, "distroless"}, nil
	case 3:
		return served("distroless", "COPY app /app", "var/lib/dpkg/status.d/base", "usr/lib/os-release=ID=debian")
	case 4:
		return served("wolfi", "COPY app /app", "etc/os-release=ID=wolfi")
	case 5:
		return served("no-shell", "COPY app /app", "etc/os-release=ID=alpine")
	case 6:
		return served("shell", "COPY app /app", "bin/busybox")
	case 7:
		return served("shell", "RUN /bin/sh -c apt-get update # buildkit")
	case 8: // by its pods' command
		return image{repository + ":1", repository + "@" + digest, "shell"}, nil
	}
	return image{repository + ":1", repository + "@" + digest, "unknown"}, nil
}

// push puts an image of one layer into the registry: of files, each "path" or "path=text".
func push(ctx context.Context, to, history string, files []string) (string, error) {
	var blob bytes.Buffer
	archive := tar.NewWriter(&blob)
	for _, file := range files {
		path, text, has := strings.Cut(file, "=")
		if !has {
			text = path
		}
		if err := archive.WriteHeader(&tar.Header{Name: path, Size: int64(len(text)), Mode: 0o755}); err != nil {
			return "", fmt.Errorf("making layer: %w", err)
		}
		if _, err := io.WriteString(archive, text); err != nil {
			return "", fmt.Errorf("making layer: %w", err)
		}
	}
	if err := archive.Close(); err != nil {
		return "", fmt.Errorf("making layer: %w", err)
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(blob.Bytes())), nil })
	if err != nil {
		return "", fmt.Errorf("making layer: %w", err)
	}
	made, err := mutate.Append(empty.Image, mutate.Addendum{Layer: layer, History: v1.History{CreatedBy: history}})
	if err != nil {
		return "", fmt.Errorf("making image: %w", err)
	}
	reference, err := name.ParseReference(to)
	if err == nil {
		err = remote.Write(reference, made, remote.WithContext(ctx), remote.WithTransport(http.DefaultTransport))
	}
	if err != nil {
		return "", fmt.Errorf("pushing %s: %w", to, err)
	}
	digest, err := made.Digest()
	return digest.String(), err
}

// Expect is how many of so many pods have an image of which kind.
func (f *Fleet) Expect(pods int) map[string]int {
	kinds := map[string]int{}
	for n := range pods {
		kinds[f.images[n%len(f.images)].kind]++
	}
	return kinds
}

// pod is the pod of a number, with about as much in it as pods have.
func (f *Fleet) pod(namespace, label string, n int) *corev1.Pod {
	i := f.images[n%len(f.images)]
	b := kubetest.Pod(namespace, fmt.Sprintf("fleet-%05d", n)).Image(i.ref).RunAs(int64(1000+n%100), 0).Restricted().Guaranteed("1m", "1Mi")
	for v := range 12 {
		b.Env(fmt.Sprintf("VARIABLE_%d", v), fmt.Sprintf("the value of variable %d of pod %d", v, n))
	}
	pod := b.Running(int64(1000+n%100), 0).With(func(p *corev1.Pod) {
		p.UID = ""
		p.Labels = map[string]string{Label: label, "app.kubernetes.io/name": fmt.Sprintf("app%d", n%300), "app.kubernetes.io/part-of": "fleet"}
		p.Spec.NodeName, p.Spec.SchedulerName = "", "nobody"
		p.Spec.AutomountServiceAccountToken = new(false)
		if n%len(f.images)%10 == 8 {
			p.Spec.Containers[0].Command = []string{"/bin/sh", "-c", "exec app"}
		}
	}).Build()
	pod.Status.ContainerStatuses[0].ImageID = i.id
	return pod
}

// Fill makes pods first to last in a namespace, and says of each that it runs.
func (f *Fleet) Fill(ctx context.Context, client kubernetes.Interface, namespace, label string, first, last int) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	pods := client.CoreV1().Pods(namespace)
	for n := first; n < last; n++ {
		group.Go(func() error {
			pod := f.pod(namespace, label, n)
			made, err := pods.Create(ctx, pod, metav1.CreateOptions{})
			if err == nil {
				made.Status = pod.Status
				_, err = pods.UpdateStatus(ctx, made, metav1.UpdateOptions{})
			}
			if err != nil {
				return fmt.Errorf("making pod %s: %w", pod.Name, err)
			}
			return nil
		})
	}
	return group.Wait()
}
