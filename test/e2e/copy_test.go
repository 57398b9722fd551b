package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mindebug/kubectl-mindebug/internal/access"
	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
	"github.com/mindebug/kubectl-mindebug/internal/podcopy"
)

// crashing is a pod in the making whose only container ends at once, with a status of 2 and a word about its flags.
func crashing(t *testing.T, namespace, name string) *kubetest.PodBuilder {
	t.Helper()
	return restrictedPod(t, namespace, name).ReadOnly().Env("NAME", "a  b").With(func(p *corev1.Pod) {
		p.Labels = map[string]string{"app": name}
		c := &p.Spec.Containers[0]
		c.Command = []string{"/app/server", "-no-such-flag=$(NAME)", "two words", "it's"}
	})
}

// crashed creates such a pod and waits until it has ended once.
func crashed(t *testing.T, b *kubetest.PodBuilder) *corev1.Pod {
	t.Helper()
	return waitFor(t, createPod(t, b), "crash", func(p *corev1.Pod) bool {
		for _, s := range p.Status.ContainerStatuses {
			if s.RestartCount > 0 && s.State.Running == nil || s.State.Terminated != nil {
				return true
			}
		}
		return false
	})
}

// copies are the pods of the namespace that are copies, apart from those that are being deleted.
func copies(ctx context.Context, namespace string) (names []string, err error) {
	list, err := client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	for i := range list.Items {
		if p := &list.Items[i]; podcopy.Of(p) != "" && p.DeletionTimestamp == nil {
			names = append(names, p.Name)
		}
	}
	return names, nil
}

// wantNoCopy fails the test if a copy is there.
func wantNoCopy(t *testing.T, pod *corev1.Pod) {
	t.Helper()
	if names, err := copies(t.Context(), pod.Namespace); err != nil || len(names) > 0 {
		t.Errorf("copies %q are there (%v)", names, err)
	}
}

// awaitCopy waits until the copy of that name is as wanted.
func awaitCopy(t *testing.T, pod *corev1.Pod, name, what string, wanted func(*corev1.Pod) bool) *corev1.Pod {
	t.Helper()
	return waitFor(t, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: name}}, what, wanted)
}

// TestCopy: a shell inside the image of a scratch container that crashes, with its mounts, environment and command, in a pod
// that no Service takes; and nothing is left of it.
func TestCopy(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t, "restricted")
	meta := metav1.ObjectMeta{Name: "conf"}
	if _, err := client.CoreV1().ConfigMaps(ns).Create(t.Context(), &corev1.ConfigMap{ObjectMeta: meta, Data: map[string]string{"k": "from-config"}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.CoreV1().Secrets(ns).Create(t.Context(), &corev1.Secret{ObjectMeta: meta, StringData: map[string]string{"k": "from-secret"}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.CoreV1().Services(ns).Create(t.Context(), &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: corev1.ServiceSpec{
		Selector: map[string]string{"app": "web"}, Ports: []corev1.ServicePort{{Port: 80}}, PublishNotReadyAddresses: true,
	}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	pod := crashed(t, crashing(t, ns, "web").With(func(p *corev1.Pod) {
		p.Spec.Volumes = []corev1.Volume{
			{Name: "conf", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "conf"}}}},
			{Name: "secret", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "conf"}}},
		}
		p.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "conf", MountPath: "/conf"}, {Name: "secret", MountPath: "/secret"}}
	}))
	term := onTerminal(t, pod, "pod/web", "--copy-to=web-copy")
	term.expect("copying pod/web to pod/web-copy, with a shell in place of container app")
	term.expect("in pod/web it ended with exit code 2 (Error)")
	term.expect("ends by itself after 4h at the latest (--ttl)")
	term.expect("/app $ ")
	copied := awaitCopy(t, pod, "web-copy", "run", func(p *corev1.Pod) bool { return p.Status.PodIP != "" })
	if len(copied.Labels) > 0 || len(copied.OwnerReferences) > 0 || *copied.Spec.ActiveDeadlineSeconds != 4*3600 {
		t.Errorf("labels %v, owners %v, deadline %d", copied.Labels, copied.OwnerReferences, *copied.Spec.ActiveDeadlineSeconds)
	}
	term.send("cat /conf/k /secret/k; echo; echo \"<$NAME>\"; id -u; ls /var/run/secrets/kubernetes.io/serviceaccount\r")
	term.expect("from-configfrom-secret\r\n<a  b>\r\n65532\r\nca.crt     namespace  token\r\n")
	term.send("echo \"$TARGET_COMMAND\"\r")
	term.expect(`'/app/server' '-no-such-flag=a  b' 'two words' 'it'\''s'`)
	term.send("run-target\r")
	term.expect("flag provided but not defined: -no-such-flag")
	term.expect("run-target: it ended with exit status 2\r\n")
	slices, err := client.DiscoveryV1().EndpointSlices(ns).List(t.Context(), metav1.ListOptions{LabelSelector: discoveryv1.LabelServiceName + "=web"})
	if err != nil || len(slices.Items) == 0 {
		t.Fatalf("no endpoints: %v", err)
	}
	for _, slice := range slices.Items {
		for _, e := range slice.Endpoints {
			if e.TargetRef.Name != "web" {
				t.Errorf("the Service takes %s", e.TargetRef.Name)
			}
		}
	}
	term.send("exit 5\r")
	term.expect("deleted pod/web-copy")
	if status := term.wait(); status != 5 {
		t.Errorf("status %d", status)
	}
	wantNoCopy(t, pod)
	if len(current(t, pod).Spec.EphemeralContainers) > 0 {
		t.Error("a container was added to the pod itself")
	}
}

// TestCopyCommand: a command's output, error output, input and exit status are its own, with either debug image.
func TestCopyCommand(t *testing.T) {
	t.Parallel()
	pod := crashed(t, crashing(t, newNamespace(t, "restricted"), "web"))
	for name, image := range map[string][]string{"own": nil, "stock": {"--image", stockImage}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			with := func(args ...string) []string {
				return append(append([]string{"pod/web", "--copy-to"}, image...), args...)
			}
			mindebug(t, pod, with("--", "sh", "-c", "printf out; printf err >&2; exit 7")...).want(t, 7, "out", "err")
			mindebug(t, pod, with("--", "no-such-program")...).wantStatus(t, 127)
			r := invocation{stdin: strings.NewReader("a\x00b"), args: append([]string{"-n", pod.Namespace}, with("-i", "--", "od", "-c")...)}.run(t)
			r.want(t, 0, "0000000   a  \\0   b\n0000003\n", "")
			r = mindebug(t, pod, with("--", "run-target")...)
			if r.status != 2 || r.stdout != "" || !strings.Contains(r.stderr, "run-target: it ended with exit status 2\n") {
				t.Errorf("run-target: %+v", r)
			}
		})
	}
	t.Cleanup(func() { wantNoCopyAfter(t, pod) })
}

// TestCopyIsListedAndStopped: others see a copy and who is in it, and end it as they end a session container.
func TestCopyIsListedAndStopped(t *testing.T) {
	t.Parallel()
	pod := crashed(t, crashing(t, newNamespace(t, "restricted"), "web"))
	term := onTerminal(t, pod, "pod/web", "--copy-to=web-copy", "--reason=INC-7")
	term.expect("/app $ ")
	for _, target := range [][]string{nil, {"pod/web-copy"}} {
		got := succeeds(t, pod, append([]string{"sessions"}, target...)...)
		if !strings.Contains(got, "web-copy   app         app, in a copy of pod/web") || !strings.Contains(got, "65532:0 (mirror)") || !strings.Contains(got, "INC-7") {
			t.Errorf("sessions %q prints:\n%s", target, got)
		}
	}
	const inUse = "error: somebody is in session container app of pod/web-copy\n  app, of a copy, added by "
	if r := mindebug(t, pod, "stop", "pod/web-copy"); r.status != 1 || !strings.HasPrefix(r.stderr, inUse) || !strings.Contains(r.stderr, ": INC-7 (the audit log") {
		t.Errorf("status %d, stderr %q, want %q", r.status, r.stderr, inUse)
	}
	mindebug(t, pod, "stop", "pod/web-copy", "--force").want(t, 0, "", "deleted pod/web-copy\n")
	term.expect("copy pod/web-copy was deleted, and the session ended with it")
	if status := term.wait(); status != 137 {
		t.Errorf("the session ends with status %d", status)
	}
	wantNoCopy(t, pod)
}

// wantNoCopyAfter is wantNoCopy at the end of a test, when its context has ended.
func wantNoCopyAfter(t *testing.T, pod *corev1.Pod) {
	t.Helper()
	if names, err := copies(context.WithoutCancel(t.Context()), pod.Namespace); err != nil || len(names) > 0 {
		t.Errorf("copies %q are there (%v)", names, err)
	}
}

func (r result) wantStatus(t *testing.T, status int) {
	t.Helper()
	if r.status != status {
		t.Errorf("status %d, stdout %q, stderr %q; want status %d", r.status, r.stdout, r.stderr, status)
	}
}

// TestCopyOfBrokenImages: why the kernel does not start a program is said.
func TestCopyOfBrokenImages(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t, "restricted")
	for _, test := range []struct {
		image, command, says string
		status               int
	}{
		{"broken-dynamic", "/app/server", "/app/server is linked dynamically, and the image has no loader /lib64/ld-linux-x86-64.so.2", 127},
		{"broken-architecture", "/app/server", "/app/server is a program for arm64, and this node is x86-64", 126},
		{"broken-script", "/app/start.sh", "/app/start.sh is a script, and the image has no /bin/sh to run it", 127},
		{"java", "/usr/bin/java -version", "it ended with exit status 0", 0},
		{"java", "/usr/bin/java -jar /nothing.jar", "it ended with exit status 1", 1},
	} {
		t.Run(test.image+" "+test.command, func(t *testing.T) {
			t.Parallel()
			words := strings.Fields(test.command)
			b := kindPod(t, ns, kindOf(t, test.image)).With(func(p *corev1.Pod) {
				p.Name = fmt.Sprintf("%s-%d", test.image, len(words))
				p.Spec.Containers[0].Command = words
			})
			pod := createPod(t, b)
			r := mindebug(t, pod, "pod/"+pod.Name, "--copy-to", "-c", "app", "--", "run-target")
			if r.status != test.status || !strings.Contains(r.stderr, "run-target: "+test.says) {
				t.Errorf("%+v\nwant status %d and %q", r, test.status, test.says)
			}
		})
	}
}

// TestCopyOfAnImagesCommand: where the spec has no command, that of the image is read from its registry, and the image is
// the one that ran, whatever its tag is by now.
func TestCopyOfAnImagesCommand(t *testing.T) {
	t.Parallel()
	registry := newShelf(t, "")
	image := registry.own(t, "crash", registry.base, func(config *v1.Config) {
		config.Entrypoint, config.Cmd, config.User = []string{"/app/server", "-no such $(NAME)"}, []string{"from the image"}, "65532"
	})
	pod := crashed(t, restrictedPod(t, newNamespace(t, "restricted"), "web").Image(image))
	registry.own(t, "crash", registry.base, func(config *v1.Config) { config.Entrypoint = []string{"/another"} })
	r := mindebug(t, pod, "pod/web", "--copy-to", "--", "sh", "-c", `echo "$TARGET_COMMAND"`)
	r.want(t, 0, "'/app/server' '-no such $(NAME)' 'from the image'\n", "")
}

// TestCopyOfADebugTwin: the copy runs another image, with the programs of that, to start the command of the pod by hand.
func TestCopyOfADebugTwin(t *testing.T) {
	t.Parallel()
	pod := crashed(t, crashing(t, newNamespace(t, "restricted"), "web").With(func(p *corev1.Pod) {
		p.Spec.Containers[0].SecurityContext.RunAsUser = new(int64(65532)) // the twin's own user is root
	}))
	r := mindebug(t, pod, "pod/web", "--copy-to", "--set-image=app="+stockImage, "--", "sh", "-c", `ls -d /app /bin/busybox; echo "$TARGET_COMMAND"`)
	if r.status != 0 || !strings.HasPrefix(r.stdout, "/bin/busybox\n'/app/server' ") {
		t.Errorf("status %d, stdout %q, stderr %q", r.status, r.stdout, r.stderr)
	}
	wantNoCopy(t, pod)
}

// TestCopyOfClaims: what its pod writes to, a copy gets only where that is asked for.
func TestCopyOfClaims(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(onNode(t), "e2e-copy-"+fmt.Sprint(time.Now().UnixNano()))
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.WriteFile(filepath.Join(dir, "kept"), []byte("data\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	ns := newNamespace(t, "restricted")
	size := corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Mi")}
	volume, err := client.CoreV1().PersistentVolumes().Create(t.Context(), &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: ns},
		Spec: corev1.PersistentVolumeSpec{
			Capacity: size, AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}, StorageClassName: ns,
			PersistentVolumeSource: corev1.PersistentVolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: dir, Type: new(corev1.HostPathDirectory)}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.CoreV1().PersistentVolumes().Delete(context.WithoutCancel(t.Context()), volume.Name, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	if _, err := client.CoreV1().PersistentVolumeClaims(ns).Create(t.Context(), &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: "data"},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}, StorageClassName: &ns,
			Resources: corev1.VolumeResourceRequirements{Requests: size},
		},
	}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	pod := crashed(t, crashing(t, ns, "web").With(func(p *corev1.Pod) {
		p.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data"}}}}
		p.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "data", MountPath: "/data"}}
	}))
	fails(t, pod, []string{"pod/web", "--copy-to", "--", "true"}, "would write to the same persistent volumes", "data (claim data)", "--with-pvc")
	mindebug(t, pod, "pod/web", "--copy-to", "--with-pvc", "--", "cat", "/data/kept").want(t, 0, "data\n", "")
}

// TestCopyOutlivesItsClient: a copy whose client was killed ends by itself: when its last session is over, and at the latest
// at its deadline.
func TestCopyOutlivesItsClient(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t, "restricted")
	for name, test := range map[string]struct {
		flags []string
		phase corev1.PodPhase
		why   string
	}{
		"deadline": {[]string{"--ttl=25s", "--grace=1h"}, corev1.PodFailed, "DeadlineExceeded"},
		"unused":   {[]string{"--grace=1s"}, corev1.PodSucceeded, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pod := crashed(t, crashing(t, ns, name))
			args := append([]string{"pod/" + name, "--copy-to=" + name + "-copy"}, test.flags...)
			term := onTerminal(t, pod, args...)
			term.expect("/app $ ")
			if err := term.cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			ended := awaitCopy(t, pod, name+"-copy", "end", func(p *corev1.Pod) bool {
				return p.Status.Phase == corev1.PodFailed || p.Status.Phase == corev1.PodSucceeded
			})
			if ended.Status.Phase != test.phase || ended.Status.Reason != test.why {
				t.Errorf("it ended as %s, %q: %s", ended.Status.Phase, ended.Status.Reason, ended.Status.Message)
			}
		})
	}
}

// TestCopyDeadlineInASession: a session that the copy's deadline ends is told so.
func TestCopyDeadlineInASession(t *testing.T) {
	t.Parallel()
	pod := crashed(t, crashing(t, newNamespace(t, "restricted"), "web"))
	r := mindebug(t, pod, "pod/web", "--copy-to", "--ttl=25s", "--", "sleep", "120")
	if r.status != 137 || !strings.Contains(r.stderr, "the time of copy pod/web-copy-") || !strings.Contains(r.stderr, "--ttl") {
		t.Errorf("%+v", r)
	}
	wantNoCopy(t, pod)
}

// TestCopyInterrupted: Ctrl-C deletes the copy, whenever it comes.
func TestCopyInterrupted(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t, "restricted")
	nowhere := createPod(t, crashing(t, ns, "nowhere").With(func(p *corev1.Pod) { p.Spec.NodeSelector = map[string]string{"no": "where"} }))
	web := crashed(t, crashing(t, ns, "web"))
	for name, test := range map[string]struct {
		pod     *corev1.Pod
		started func(*corev1.Pod) bool
	}{
		"while it waits for a node": {nowhere, func(p *corev1.Pod) bool { return true }},
		"while a command runs": {web, func(p *corev1.Pod) bool {
			return len(p.Status.ContainerStatuses) > 0 && p.Status.ContainerStatuses[0].State.Running != nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			copyName := test.pod.Name + "-copy"
			cmd := invocation{args: []string{"-n", ns, "pod/" + test.pod.Name, "--copy-to=" + copyName, "--", "sleep", "120"}}.command(t)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			awaitCopy(t, test.pod, copyName, "be there", test.started)
			if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
			if status := exitStatus(t, cmd.Wait()); status != 130 {
				t.Errorf("status %d", status)
			}
			eventually(t, func(ctx context.Context) (bool, string) {
				_, err := client.CoreV1().Pods(ns).Get(ctx, copyName, metav1.GetOptions{})
				return apierrors.IsNotFound(err), fmt.Sprintf("the copy is there: %v", err)
			})
		})
	}
}

// TestCopyThatCannotStart: what stands in the way is said, and nothing is left.
func TestCopyThatCannotStart(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t, "restricted")
	for name, test := range map[string]struct {
		change func(*corev1.Pod)
		flags  []string
		says   []string
	}{
		"no-image":   {nil, []string{"--set-image=app=" + closedAddress + "/absent:1"}, []string{`container "app" of copy`, closedAddress + "/absent:1", "--set-image app=IMAGE"}},
		"no-busybox": {nil, []string{"--image=mindebug.test/absent:1", "--image-pull-policy=Never"}, []string{`container "mindebug-install" of copy`, "ErrImageNeverPull", "--image"}},
		"no-node":    {func(p *corev1.Pod) { p.Spec.NodeSelector = map[string]string{"no": "where"} }, []string{"--timeout=2s"}, []string{"within 2s (--timeout)", "waiting for a node: 0/1 nodes"}},
		"no-set":     {nil, []string{"--set-image=ap=x"}, []string{`has no container "ap"`, "did you mean -c app"}},
		"taken-name": {nil, []string{"--copy-to=taken-name"}, []string{`there is a pod "taken-name"`, "--copy-to"}},
		"init-failed": {func(p *corev1.Pod) {
			p.Spec.InitContainers = []corev1.Container{*p.Spec.Containers[0].DeepCopy()}
			p.Spec.InitContainers[0].Name = "migrate"
		}, []string{"-c=app"}, []string{`container "migrate" of copy`, "exit code 2", "-c migrate"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := crashing(t, ns, name)
			if test.change != nil {
				b.With(test.change)
			}
			pod := createPod(t, b)
			// The node may take long to say that it cannot pull.
			mindebug(t, pod, append(append([]string{"pod/" + name, "--copy-to"}, test.flags...), "--", "true")...).wantBlock(t, test.says...)
			if name == "init-failed" { // which is the one that fails, so that its place is taken by itself
				waitFor(t, pod, "fail", func(p *corev1.Pod) bool {
					return len(p.Status.InitContainerStatuses) > 0 && podcopy.Failing(p) == "migrate"
				})
				mindebug(t, pod, "pod/"+name, "--copy-to", "--", "true").want(t, 0, "", "")
			}
			wantNoCopyOf(t, pod)
		})
	}
}

// wantNoCopyOf fails the test if a copy of this pod is there.
func wantNoCopyOf(t *testing.T, pod *corev1.Pod) {
	t.Helper()
	names, err := copies(t.Context(), pod.Namespace)
	for _, name := range names {
		if strings.HasPrefix(name, pod.Name+"-copy-") {
			t.Errorf("copy %s is there", name)
		}
	}
	if err != nil {
		t.Error(err)
	}
}

// TestCopyRefused: what may not be made is not, with the words of who refuses.
func TestCopyRefused(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t, "privileged")
	pod := createPod(t, kubetest.Pod(ns, "web").Args("-no-such-flag"))
	patch := []byte(`{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"restricted"}}}`)
	if _, err := client.CoreV1().Namespaces().Patch(t.Context(), ns, "application/merge-patch+json", patch, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	fails(t, pod, []string{"pod/web", "--copy-to", "--", "true"}, `Pod Security "restricted:latest" takes no copy`, "violates PodSecurity")
}

// TestWhoMayCopy: exactly the calls that the table names are enough, and what is missing is named before anything is made.
func TestWhoMayCopy(t *testing.T) {
	t.Parallel()
	pod := crashed(t, crashing(t, newNamespace(t, "restricted"), "web"))
	calls := without(access.AddContainer)
	for _, need := range access.Copies() {
		calls = append(calls, need.Call)
	}
	u := newUser(t, pod.Namespace, "enough", calls...)
	mindebug(t, pod, u.as("pod/web", "--copy-to", "--", "echo", "in")...).want(t, 0, "in\n", "")
	for name, missing := range map[string]access.Call{"no-create": access.CreatePod, "no-delete": access.DeletePod, "no-exec": access.Exec} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var some []access.Call
			for _, call := range calls {
				if call != missing {
					some = append(some, call)
				}
			}
			u := newUser(t, pod.Namespace, name, some...)
			fails(t, pod, u.as("pod/web", "--copy-to", "--", "true"), "you may not "+missing.String(), "--copies")
		})
	}
}
