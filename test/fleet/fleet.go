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
	apierrors "k8s.io/apimachinery/pkg/api/errors"
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

// pod is the pod of a number and of a workload, with about as much in it as pods have.
func (f *Fleet) pod(namespace, label string, n int, owner metav1.OwnerReference) *corev1.Pod {
	i := f.images[n%len(f.images)]
	b := kubetest.Pod(namespace, fmt.Sprintf("fleet-%05d", n)).Image(i.ref).RunAs(int64(1000+n%100), 0).Restricted().Guaranteed("1m", "1Mi")
	for v := range 12 {
		b.Env(fmt.Sprintf("VARIABLE_%d", v), fmt.Sprintf("the value of variable %d of pod %d", v, n))
	}
	pod := b.Running(int64(1000+n%100), 0).With(func(p *corev1.Pod) {
		p.UID, p.OwnerReferences = "", []metav1.OwnerReference{owner}
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

// ofOne is how many pods belong to one workload.
const ofOne = 30

// Fill makes pods first to last in a namespace, and says of each that it runs.
func (f *Fleet) Fill(ctx context.Context, client kubernetes.Interface, namespace, label string, first, last int) error {
	owners := make([]metav1.OwnerReference, last/ofOne+1)
	if err := each(ctx, first/ofOne, len(owners), func(ctx context.Context, n int) (err error) {
		owners[n], err = makeOwner(ctx, client, namespace, n)
		return err
	}); err != nil {
		return err
	}
	pods := client.CoreV1().Pods(namespace)
	return each(ctx, first, last, func(ctx context.Context, n int) error {
		pod := f.pod(namespace, label, n, owners[n/ofOne])
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

// makeOwner makes what pods belong to, unless it is there. It is a ConfigMap, since no controller makes or ends pods of one.
func makeOwner(ctx context.Context, client kubernetes.Interface, namespace string, n int) (metav1.OwnerReference, error) {
	maps, name := client.CoreV1().ConfigMaps(namespace), fmt.Sprintf("app%d", n)
	made, err := maps.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		made, err = maps.Get(ctx, name, metav1.GetOptions{})
	}
	if err != nil {
		return metav1.OwnerReference{}, fmt.Errorf("making workload %s: %w", name, err)
	}
	return *metav1.NewControllerRef(made, corev1.SchemeGroupVersion.WithKind("ConfigMap")), nil
}

// Empty deletes all pods of a namespace. With the namespace alone they would go as well, but one after another.
func (f *Fleet) Empty(ctx context.Context, client kubernetes.Interface, namespace string) error {
	pods := client.CoreV1().Pods(namespace)
	for {
		list, err := pods.List(ctx, metav1.ListOptions{Limit: 2000})
		if err != nil {
			return fmt.Errorf("listing pods: %w", err)
		}
		if len(list.Items) == 0 {
			return nil
		}
		if err := each(ctx, 0, len(list.Items), func(ctx context.Context, n int) error {
			err := pods.Delete(ctx, list.Items[n].Name, metav1.DeleteOptions{GracePeriodSeconds: new(int64(0))})
			if err != nil && !apierrors.IsNotFound(err) {
				return fmt.Errorf("deleting pod %s: %w", list.Items[n].Name, err)
			}
			return nil
		}); err != nil {
			return err
		}
	}
}

// each calls do with first up to last, without it, many at a time.
func each(ctx context.Context, first, last int, do func(context.Context, int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for n := first; n < last; n++ {
		group.Go(func() error { return do(ctx, n) })
	}
	return group.Wait()
}
