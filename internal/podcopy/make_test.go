package podcopy_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
	"github.com/mindebug/kubectl-mindebug/internal/podcopy"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// request asks for a copy in which "app" is held.
func request() podcopy.Request {
	return podcopy.Request{
		Name: "web-copy", Container: "app", Image: "debug:1", TTL: time.Hour,
		Scripts: []corev1.EnvVar{{Name: "MINDEBUG_LIB", Value: "lib"}},
		Holder: func(shell, prelude string) []string {
			return []string{shell, "-c", prelude + "hold"}
		},
	}
}

func made(t *testing.T, pod *corev1.Pod, r podcopy.Request) podcopy.Copy {
	t.Helper()
	c, err := podcopy.Make(pod, r)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func pod() *kubetest.PodBuilder { return kubetest.Pod("shop", "web") }

// rich is a pod with all that a copy has to do something about.
func rich() *corev1.Pod {
	return pod().RunAs(7, 8).InitContainer("migrate").Sidecar("proxy").With(func(p *corev1.Pod) {
		p.Labels = map[string]string{"app": "web"}
		p.Annotations = map[string]string{
			"sidecar.istio.io/status": "x", "container.apparmor.security.beta.kubernetes.io/app": "localhost/a",
			"kubernetes.io/config.hash": "h",
		}
		p.OwnerReferences = []metav1.OwnerReference{{Kind: "ReplicaSet", Name: "web", UID: "u"}}
		p.Finalizers = []string{"batch.kubernetes.io/job-tracking"}
		p.ResourceVersion, p.GenerateName = "5", "web-"
		s := &p.Spec
		s.NodeName, s.Priority, s.PriorityClassName = "node", new(int32(5)), "high"
		s.RestartPolicy, s.TerminationGracePeriodSeconds = corev1.RestartPolicyAlways, new(int64(600))
		s.SchedulingGates = []corev1.PodSchedulingGate{{Name: "g"}}
		s.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: "r"}}
		s.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{{TopologyKey: "zone"}}
		s.NodeSelector = map[string]string{"disk": "ssd"}
		s.Tolerations = []corev1.Toleration{{Key: "t"}}
		s.ServiceAccountName = "sa"
		s.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{}, PodAffinity: &corev1.PodAffinity{}}
		s.EphemeralContainers = []corev1.EphemeralContainer{{}}
		s.Volumes = []corev1.Volume{
			{Name: "conf", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{}}},
			{Name: "kube-api-access-x", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{}}},
		}
		probe := &corev1.Probe{}
		for _, list := range [][]corev1.Container{s.Containers, s.InitContainers} {
			for i := range list {
				c := &list[i]
				c.LivenessProbe, c.ReadinessProbe, c.StartupProbe = probe, probe, probe
				c.Lifecycle = &corev1.Lifecycle{}
				c.Ports = []corev1.ContainerPort{{ContainerPort: 80, HostPort: 80}}
			}
		}
		app := &s.Containers[0]
		app.Stdin, app.StdinOnce, app.TTY, app.WorkingDir = true, true, true, "/srv"
		app.Command, app.Args = []string{"/server"}, []string{"--name=$(NAME)", "two words"}
		app.VolumeMounts = []corev1.VolumeMount{{Name: "conf", MountPath: "/etc/web"}}
		app.Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1"), "gpu.test/gpu": resource.MustParse("1")}
		app.Env = []corev1.EnvVar{
			{Name: "NAME", Value: "n"}, ref("LABEL", "metadata.labels['app']"), ref("POD", "metadata.name"), ref("IP", "status.podIP"),
		}
	}).Build()
}

func ref(name, path string) corev1.EnvVar {
	return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: path}}}
}

// TestCopy compares the whole copy of a rich pod with what it should be.
func TestCopy(t *testing.T) {
	t.Parallel()
	from := rich()
	before := from.DeepCopy()
	r := request()
	r.User, r.Reason, r.Version = "dana", "why", "v1"
	r.Security = corev1.SecurityContext{RunAsUser: new(int64(7))}
	r.PullPolicy = corev1.PullNever
	got := made(t, from, r)
	if diff := cmp.Diff(before, from); diff != "" {
		t.Errorf("the pod was changed (-before +after):\n%s", diff)
	}
	meta := metav1.ObjectMeta{Namespace: "shop", Name: "web-copy", Annotations: map[string]string{
		"container.apparmor.security.beta.kubernetes.io/app": "localhost/a", "kubectl.kubernetes.io/default-container": "app",
		"mindebug/copy-of": "web", "mindebug/copy-of-uid": string(from.UID),
		"mindebug/user": "dana", "mindebug/reason": "why", "mindebug/version": "v1",
	}}
	if diff := cmp.Diff(meta, got.Pod.ObjectMeta); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}

	want := before.Spec.DeepCopy()
	want.NodeName, want.Priority, want.PriorityClassName, want.SchedulingGates, want.ReadinessGates = "", nil, "", nil, nil
	want.TopologySpreadConstraints, want.EphemeralContainers, want.Affinity.PodAntiAffinity = nil, nil, nil
	want.RestartPolicy, want.ActiveDeadlineSeconds, want.TerminationGracePeriodSeconds = corev1.RestartPolicyNever, new(int64(3600)), new(int64(2))
	want.AutomountServiceAccountToken = new(false)
	want.Volumes = append(want.Volumes, corev1.Volume{Name: "mindebug", VolumeSource: corev1.VolumeSource{
		EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: new(resource.MustParse("16Mi"))},
	}})
	for _, list := range [][]corev1.Container{want.Containers, want.InitContainers} {
		for i := range list {
			c := &list[i]
			c.LivenessProbe, c.ReadinessProbe, c.StartupProbe, c.Lifecycle = nil, nil, nil, nil
			c.Ports[0].HostPort = 0
		}
	}
	app := &want.Containers[0]
	app.Stdin, app.StdinOnce, app.TTY = false, false, false
	app.Command = []string{"/.mindebug/bin/sh", "-c", "d=/.mindebug; . $d/COPY_ENV; hold", "mindebug-target"}
	app.Args = []string{"/server", "--name=$(NAME)", "two words"}
	app.Env[1] = corev1.EnvVar{Name: "LABEL", Value: "web"}
	app.VolumeMounts = append(app.VolumeMounts, corev1.VolumeMount{Name: "mindebug", MountPath: "/.mindebug", ReadOnly: true})

	installer := got.Pod.Spec.InitContainers[0]
	names := []string{"COPY_ENV", "COPY_ENTER", "COPY_COMMAND", "COPY_START", "MINDEBUG_LIB"}
	var env []string
	for _, v := range installer.Env {
		env = append(env, v.Name)
		if v.Value == "" || strings.Contains(strings.ReplaceAll(v.Value, "$$", ""), "$") {
			t.Errorf("the kubelet would change variable %s: %q", v.Name, v.Value)
		}
	}
	if diff := cmp.Diff(names, env); diff != "" {
		t.Errorf("scripts (-want +got):\n%s", diff)
	}
	if words := installer.Command[3:]; !slices.Equal(words, append([]string{"mindebug-install", "/.mindebug"}, names...)) {
		t.Errorf("the installer's words: %q", words)
	}
	want.InitContainers = append([]corev1.Container{{
		Name: "mindebug-install", Image: "debug:1", ImagePullPolicy: corev1.PullNever,
		Command: installer.Command, Env: installer.Env, SecurityContext: &corev1.SecurityContext{RunAsUser: new(int64(7))},
		Resources:                corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1")}},
		VolumeMounts:             []corev1.VolumeMount{{Name: "mindebug", MountPath: "/.mindebug"}},
		TerminationMessagePolicy: corev1.TerminationMessageFallbackToLogsOnError,
	}}, want.InitContainers...)
	if diff := cmp.Diff(*want, got.Pod.Spec); diff != "" {
		t.Errorf("spec (-want +got):\n%s", diff)
	}
	if !got.Known || got.Installer != "mindebug-install" || got.Dir != "/.mindebug" {
		t.Errorf("Known %t, Installer %q, Dir %q", got.Known, got.Installer, got.Dir)
	}
	first, with := got.Beside("app")
	if diff := cmp.Diff([][]string{{"migrate"}, {"proxy"}}, [][]string{first, with}); diff != "" {
		t.Errorf("beside (-want +got):\n%s", diff)
	}
}

// TestNamesThatAreTaken: nothing that is added has the name or the place of what is there.
func TestNamesThatAreTaken(t *testing.T) {
	t.Parallel()
	from := pod().InitContainer("mindebug-install").Container("mindebug-install2").With(func(p *corev1.Pod) {
		p.Spec.Volumes = []corev1.Volume{{Name: "mindebug"}, {Name: "mindebug2"}}
		p.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "mindebug", MountPath: "/.mindebug/"}, {Name: "mindebug2", MountPath: "/.mindebug2/x"}}
	}).Build()
	c := made(t, from, request())
	mount := c.Pod.Spec.Containers[0].VolumeMounts[2]
	if c.Installer != "mindebug-install3" || c.Dir != "/.mindebug3" || mount.Name != "mindebug3" || mount.MountPath != c.Dir || c.Pod.Spec.Volumes[2].Name != "mindebug3" {
		t.Errorf("installer %q, folder %q, mount %v", c.Installer, c.Dir, mount)
	}
	if first := c.Pod.Spec.InitContainers[0]; first.Name != c.Installer || first.VolumeMounts[0].Name != "mindebug3" || first.VolumeMounts[0].MountPath != c.Dir {
		t.Errorf("the installer is %v", first)
	}
}

// TestCommand: the container's own command is that of the spec, else of the image, as the kubelet puts them together.
func TestCommand(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name                           string
		command, args, entrypoint, cmd []string
		want                           []string
	}{
		{name: "nothing is known", want: nil},
		{name: "nothing is known but arguments", args: []string{"-x"}, want: nil},
		{name: "spec", command: []string{"/a"}, want: []string{"/a"}},
		{name: "spec with arguments, over the image", command: []string{"/a"}, args: []string{"$(B)"}, entrypoint: []string{"/e"}, cmd: []string{"c"}, want: []string{"/a", "$(B)"}},
		{name: "command over the image's arguments", command: []string{"/a"}, cmd: []string{"c"}, want: []string{"/a"}},
		{name: "image, in which nothing is replaced", entrypoint: []string{"/e", "$(E)"}, cmd: []string{"$c"}, want: []string{"/e", "$$(E)", "$$c"}},
		{name: "image with arguments of the spec", args: []string{"$(B)"}, entrypoint: []string{"/e"}, cmd: []string{"c"}, want: []string{"/e", "$(B)"}},
		{name: "image without entrypoint", args: []string{"b"}, cmd: []string{"c"}, want: []string{"b"}},
		{name: "image's cmd alone", cmd: []string{"c"}, want: []string{"c"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			from := pod().With(func(p *corev1.Pod) { p.Spec.Containers[0].Command, p.Spec.Containers[0].Args = test.command, test.args }).Build()
			r := request()
			r.Entrypoint, r.Cmd = test.entrypoint, test.cmd
			c := made(t, from, r)
			if diff := cmp.Diff(test.want, c.Pod.Spec.Containers[0].Args); diff != "" || c.Known != (test.want != nil) {
				t.Errorf("known: %t; words (-want +got):\n%s", c.Known, diff)
			}
		})
	}
}

func claim(readOnly bool) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Spec.Volumes = append(p.Spec.Volumes, corev1.Volume{Name: "data", VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data-web-0", ReadOnly: readOnly},
		}})
	}
}

func mount(readOnly bool) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Spec.Containers[0].VolumeMounts = append(p.Spec.Containers[0].VolumeMounts, corev1.VolumeMount{Name: "data", MountPath: "/data", ReadOnly: readOnly})
	}
}

// TestClaims: a copy that could write to its pod's data is made only where that is asked for, and on its node.
func TestClaims(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		pod     *kubetest.PodBuilder
		refused bool
	}{
		{"written", pod().With(claim(false)).With(mount(false)), true},
		{"read", pod().With(claim(false)).With(mount(true)), false},
		{"read by one, written by another", pod().With(claim(false)).With(mount(true)).With(func(p *corev1.Pod) {
			p.Spec.InitContainers = []corev1.Container{{Name: "i", VolumeMounts: []corev1.VolumeMount{{Name: "data"}}}}
		}), true},
		{"read-only claim", pod().With(claim(true)).With(mount(false)), false},
		{"a device", pod().With(claim(false)).With(func(p *corev1.Pod) {
			p.Spec.Containers[0].VolumeDevices = []corev1.VolumeDevice{{Name: "data", DevicePath: "/dev/x"}}
		}), true},
		{"mounted nowhere", pod().With(claim(false)), false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			from := test.pod.Running(1, 1).Build()
			_, err := podcopy.Make(from, request())
			var claims *fault.Claims
			if errors.As(err, &claims) != test.refused {
				t.Fatalf("refused: %v; want %t", err, test.refused)
			}
			if test.refused && !slices.Equal(claims.Volumes, []string{"data (claim data-web-0)"}) {
				t.Errorf("volumes %q", claims.Volumes)
			}
			r := request()
			r.WithClaims = true
			if node := pinnedTo(made(t, from, r).Pod); node != "node" {
				t.Errorf("the copy may be on node %q", node)
			}
		})
	}
	if node := pinnedTo(made(t, pod().Running(1, 1).Build(), request()).Pod); node != "" {
		t.Errorf("a copy without such volumes must be on node %q", node)
	}
	mirror := pod().Running(1, 1).With(func(p *corev1.Pod) { p.Annotations = map[string]string{corev1.MirrorPodAnnotationKey: "x"} }).Build()
	if c := made(t, mirror, request()); pinnedTo(c.Pod) != "node" || c.Pod.Annotations[corev1.MirrorPodAnnotationKey] != "" {
		t.Errorf("the copy of a mirror pod: %v", c.Pod)
	}
}

// pinnedTo is the node that every way of choosing one names.
func pinnedTo(p *corev1.Pod) string {
	if p.Spec.Affinity == nil || p.Spec.Affinity.NodeAffinity == nil {
		return ""
	}
	node := ""
	for _, term := range p.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms {
		last := term.MatchFields[len(term.MatchFields)-1]
		node = last.Key + last.Values[0]
	}
	return strings.TrimPrefix(node, "metadata.name")
}

// TestPinnedBesideOtherRules: the pod's node is added to each alternative, not beside them.
func TestPinnedBesideOtherRules(t *testing.T) {
	t.Parallel()
	zone := []corev1.NodeSelectorRequirement{{Key: "zone", Operator: corev1.NodeSelectorOpExists}}
	from := pod().Running(1, 1).With(claim(true)).With(func(p *corev1.Pod) {
		p.Spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{
			NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchExpressions: zone}, {MatchExpressions: zone}},
		}}}
	}).Build()
	terms := made(t, from, request()).Pod.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms
	for _, term := range terms {
		if len(term.MatchExpressions) != 1 || len(term.MatchFields) != 1 {
			t.Errorf("an alternative is %v", term)
		}
	}
	if len(terms) != 2 {
		t.Errorf("%d alternatives", len(terms))
	}
}

func TestImages(t *testing.T) {
	t.Parallel()
	const digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	for _, test := range [][3]string{
		{"shop/web:1", "docker.io/shop/web@" + digest, "docker.io/shop/web@" + digest},
		{"reg.test/web:1", "docker-pullable://reg.test/web@" + digest, "reg.test/web@" + digest},
		{"shop/web:1", digest, "shop/web:1"},
		{"shop/web:1", "", "shop/web:1"},
		{"shop/web:1", "docker.io/library/import-2026-11-22@" + digest, "shop/web:1"},
		{"shop/web:1", "docker.io/shop/web:1", "shop/web:1"},
		{"Not An Image", "docker.io/shop/web@" + digest, "Not An Image"},
	} {
		if got := podcopy.Pinned(test[0], test[1]); got != test[2] {
			t.Errorf("%s, which ran as %q: %s; want %s", test[0], test[1], got, test[2])
		}
	}
	r := request()
	r.Images = map[string]string{"app": "twin", "*": "rest"}
	c := made(t, pod().Sidecar("proxy").Build(), r)
	for name, want := range map[string]string{"app": "twin", "proxy": "rest"} {
		if container, _ := target.Find(c.Pod, name); container.Image != want {
			t.Errorf("image of %s: %s; want %s", name, container.Image, want)
		}
	}
	r.Images = map[string]string{"ap": "twin"}
	var none *fault.NoContainer
	if _, err := podcopy.Make(pod().Build(), r); !errors.As(err, &none) || none.Name != "ap" {
		t.Errorf("an image for a container that there is not: %v", err)
	}
}

// TestHostNetwork: no port is left of which the API server would make one of the node.
func TestHostNetwork(t *testing.T) {
	t.Parallel()
	from := rich()
	from.Spec.HostNetwork = true
	if ports := made(t, from, request()).Pod.Spec.Containers[0].Ports; len(ports) > 0 {
		t.Errorf("ports %v", ports)
	}
}

// TestHeldSidecar: what is held does not hold up what follows, nor is it started again.
func TestHeldSidecar(t *testing.T) {
	t.Parallel()
	r := request()
	r.Container = "proxy"
	c := made(t, pod().Sidecar("proxy").Sidecar("logs").Build(), r)
	if held, _ := target.Find(c.Pod, "proxy"); held.RestartPolicy != nil {
		t.Errorf("restartPolicy %s", *held.RestartPolicy)
	}
	if other, _ := target.Find(c.Pod, "logs"); other.RestartPolicy == nil {
		t.Error("the other sidecar is none any more")
	}
	first, with := c.Beside("proxy")
	if len(first)+len(with) > 0 {
		t.Errorf("before it %q, beside it %q", first, with)
	}
}
