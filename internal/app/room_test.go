package app

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
	"github.com/mindebug/kubectl-mindebug/internal/transfer"
)

func TestRoom(t *testing.T) {
	t.Parallel()
	limit := func(resources ...corev1.ResourceName) corev1.ResourceRequirements {
		list := corev1.ResourceList{}
		for _, r := range resources {
			list[r] = resource.MustParse("1Ki")
		}
		return corev1.ResourceRequirements{Limits: list}
	}
	emptyDir := func(name string, medium corev1.StorageMedium, size *resource.Quantity) corev1.Volume {
		return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{Medium: medium, SizeLimit: size}}}
	}
	pod := kubetest.Pod("shop", "web").With(func(p *corev1.Pod) {
		p.Spec.Volumes = []corev1.Volume{
			emptyDir("plain", "", nil), emptyDir("sized", "", new(resource.MustParse("2Ki"))), emptyDir("memory", corev1.StorageMediumMemory, nil),
			{Name: "claim", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{}}},
		}
		c := &p.Spec.Containers[0]
		c.Resources = limit(corev1.ResourceEphemeralStorage, corev1.ResourceMemory)
		c.VolumeMounts = []corev1.VolumeMount{
			{Name: "plain", MountPath: "/data"}, {Name: "sized", MountPath: "/data/sized/"}, {Name: "memory", MountPath: "/memory"}, {Name: "claim", MountPath: "/claim"},
		}
		p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: "free"}, corev1.Container{Name: "beside", Resources: limit(corev1.ResourceEphemeralStorage)})
		p.Spec.InitContainers = []corev1.Container{
			{Name: "first", Resources: limit(corev1.ResourceEphemeralStorage)},
			{Name: "sidecar", Resources: limit(corev1.ResourceEphemeralStorage), RestartPolicy: new(corev1.ContainerRestartPolicyAlways)},
		}
	}).Build()
	name := pod.Spec.Containers[0].Name
	for folder, want := range map[string]*transfer.Room{
		"/":           {Limit: 1 << 10, Says: `the limit of ephemeral storage of container "` + name + `"`},
		"/database":   {Limit: 1 << 10, Says: `the limit of ephemeral storage of container "` + name + `"`},
		"/data":       {Limit: 3 << 10, Says: "the limit of ephemeral storage of the pod's containers together", Volume: "/data"},
		"/data/sized": {Limit: 2 << 10, Says: `the size limit of volume "sized"`, Volume: "/data/sized/"},
		"/memory/x":   {Limit: 1 << 10, Says: `volume "memory" is memory, and container "` + name + `" has that limit of it`},
		"/claim":      nil,
	} {
		if diff := cmp.Diff(want, room(pod, name, folder)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", folder, diff)
		}
	}
	if got := room(pod, "free", "/"); got != nil {
		t.Errorf("without a limit: %+v", got)
	}
}
