package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mindebug/kubectl-mindebug/internal/access"
	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
)

// onPrivateShelves runs a test with each kind of registry that asks who one is. The node really pulls from it, with the
// Secret "pull" of the namespace.
func onPrivateShelves(t *testing.T, test func(t *testing.T, s *shelf, namespace string)) {
	t.Helper()
	for name, start := range map[string]func(*testing.T, string) *shelf{"password": newShelf, "token": newTokenShelf} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, ns := start(t, "secret"), newNamespace(t, "restricted")
			s.secret(t, ns)
			test(t, s, ns)
		})
	}
}

// withPullSecret gives a pod the Secret "pull".
func withPullSecret(p *corev1.Pod) {
	p.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "pull"}}
}

// TestIdentityFromAPrivateRegistry reads the image with the user's own credentials or, where asked for, the pod's.
func TestIdentityFromAPrivateRegistry(t *testing.T) {
	t.Parallel()
	onPrivateShelves(t, func(t *testing.T, s *shelf, ns string) {
		image := s.image(t, "private", "31337", "")
		pod := newPod(t, kubetest.Pod(ns, "target").Image(image).Restricted().With(withPullSecret))
		dana := untold(t, newUser(t, ns, "dana", access.Session()...))
		failsBeforeThePatch(t, pod, dana.as("pod/target", "--", "true"), "does not let you read it", "--use-pull-secrets", "--learn-user", "--run-as")
		failsBeforeThePatch(t, pod, dana.as("--use-pull-secrets", "pod/target", "--", "true"),
			"get secrets", dana.name, "hint: leave --use-pull-secrets away, and log in to the registry yourself")

		own := t.TempDir()
		if err := os.WriteFile(filepath.Join(own, "config.json"), s.dockerConfig(), 0o600); err != nil {
			t.Fatal(err)
		}
		r := invocation{env: []string{"DOCKER_CONFIG=" + own, "HOME=" + own}, args: dana.as("-n", ns, "pod/target", "--", "id", "-u")}.run(t)
		r.want(t, 0, "31337\n", "")
		kim := untold(t, newUser(t, ns, "kim", append(access.Session(), access.GetPullSecret)...))
		wantIDs(t, pod, 31337, 0, kim.as("--use-pull-secrets")...)
		onlyAdded(t, pod)
	})
}

// TestPullSecretOfAServiceAccount: the API server writes it into the pod, and there it is found.
func TestPullSecretOfAServiceAccount(t *testing.T) {
	t.Parallel()
	onPrivateShelves(t, func(t *testing.T, s *shelf, ns string) {
		_, err := client.CoreV1().ServiceAccounts(ns).Create(t.Context(), &corev1.ServiceAccount{
			ObjectMeta: metav1.ObjectMeta{Name: "puller"}, ImagePullSecrets: []corev1.LocalObjectReference{{Name: "pull"}},
		}, metav1.CreateOptions{})
		if err != nil {
			t.Fatalf("creating ServiceAccount: %v", err)
		}
		pod := newPod(t, kubetest.Pod(ns, "target").Image(s.image(t, "private", "31337", "")).Restricted().With(func(p *corev1.Pod) {
			p.Spec.ServiceAccountName = "puller"
		}))
		kim := untold(t, newUser(t, ns, "kim", append(access.Session(), access.GetPullSecret)...))
		wantIDs(t, pod, 31337, 0, kim.as("--use-pull-secrets")...)
	})
}

// TestPullSecretThatIsGone: the target runs all the same, and what was asked for is not advised.
func TestPullSecretThatIsGone(t *testing.T) {
	t.Parallel()
	onPrivateShelves(t, func(t *testing.T, s *shelf, ns string) {
		image := s.image(t, "private", "31337", "")
		pod := newPod(t, kubetest.Pod(ns, "target").Image(image).Restricted().With(withPullSecret))
		if err := client.CoreV1().Secrets(ns).Delete(t.Context(), "pull", metav1.DeleteOptions{}); err != nil {
			t.Fatalf("deleting Secret: %v", err)
		}
		kim := untold(t, newUser(t, ns, "kim", append(access.Session(), access.GetPullSecret)...))
		failsBeforeThePatch(t, pod, kim.as("--use-pull-secrets", "pod/target", "--", "true"),
			"does not let you read it", "the pod's pull secrets do not open it, either; log in there", "--learn-user")
	})
}

// TestDebugImageInAPrivateRegistry: the node pulls it with the pod's pull secrets, and with nothing where the pod has none.
func TestDebugImageInAPrivateRegistry(t *testing.T) {
	t.Parallel()
	onPrivateShelves(t, func(t *testing.T, s *shelf, ns string) {
		ours := nodeImage(t, os.Getenv("MINDEBUG_IMAGE"))
		push := func(repository string) string { return s.own(t, repository, ours, func(*v1.Config) {}) }

		allowed, image := newPod(t, plainTarget(ns, "allowed").With(withPullSecret)), push("debug")
		if got := succeeds(t, allowed, "--image="+image, "pod/allowed", "--", "cat", "@/app/hello.txt"); got != "hello from the target\n" {
			t.Errorf("the session printed %q", got)
		}
		c := onlyContainer(t, allowed)
		status := current(t, allowed).Status.EphemeralContainerStatuses
		if c.Image != image || len(status) != 1 || !strings.HasPrefix(status[0].ImageID, s.host+"/debug@sha256:") {
			t.Errorf("the session container has image %s, status %+v; want %s, pulled from there", c.Image, status, image)
		}

		denied, image := newPod(t, plainTarget(ns, "denied")), push("debug-of-others")
		fails(t, denied, []string{"--image=" + image, "pod/denied", "--", "true"},
			"did not start", "ImagePull", image, "the pod's pull secrets: none", "stays in the pod", "--image")
	})
}

// TestTargetWithoutItsPullSecret: its own image cannot be pulled, so that there is no process to join.
func TestTargetWithoutItsPullSecret(t *testing.T) {
	t.Parallel()
	onPrivateShelves(t, func(t *testing.T, s *shelf, ns string) {
		image := s.image(t, "private", "31337", "")
		pod := waitFor(t, createPod(t, kubetest.Pod(ns, "target").Image(image).Restricted()), "fail to pull", func(pod *corev1.Pod) bool {
			return len(pod.Status.ContainerStatuses) == 1 && pod.Status.ContainerStatuses[0].State.Waiting != nil &&
				strings.Contains(pod.Status.ContainerStatuses[0].State.Waiting.Reason, "ImagePull")
		})
		failsBeforeThePatch(t, pod, []string{"pod/target", "--", "true"}, "is not running", "ImagePull", image, "there is no process to join")
	})
}
