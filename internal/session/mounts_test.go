package session

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

// TestMountsAreAsReadOnly: what is mounted below a volume stays as closed as it is in the target.
func TestMountsAreAsReadOnly(t *testing.T) {
	t.Parallel()
	deeply := new(corev1.RecursiveReadOnlyEnabled)
	got, left := Mounts(&corev1.Container{VolumeMounts: []corev1.VolumeMount{
		{Name: "a", MountPath: "/a"}, {Name: "b", MountPath: "/b", ReadOnly: true, RecursiveReadOnly: deeply},
	}})
	want := []corev1.VolumeMount{{Name: "a", MountPath: "/a", ReadOnly: true}, {Name: "b", MountPath: "/b", ReadOnly: true, RecursiveReadOnly: deeply}}
	if diff := cmp.Diff(want, got); diff != "" || len(left) > 0 {
		t.Errorf("mounts (-want +got):\n%s\nleft out: %v", diff, left)
	}
}
