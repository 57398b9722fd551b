package session

import (
	"path"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Unmountable is a volume of the target that its debug container cannot have.
type Unmountable struct {
	// Path is where the target has it.
	Path string
	// Why is "subPath" or "subPathExpr", which the API allows for no ephemeral container (validateEphemeralContainers in
	// pkg/apis/core/validation), "volumeDevices", which cannot be read-only, or "hides" where its path would hide the
	// debug image's programs or what the kernel shows.
	Why string
}

// Mounts returns the target's volumes as its debug container can have them, each where the target has it and read-only,
// and those that it cannot have.
func Mounts(target *corev1.Container) (mounts []corev1.VolumeMount, left []Unmountable) {
	for _, m := range target.VolumeMounts {
		switch {
		case m.SubPath != "":
			left = append(left, Unmountable{m.MountPath, "subPath"})
		case m.SubPathExpr != "":
			left = append(left, Unmountable{m.MountPath, "subPathExpr"})
		case hides(m.MountPath):
			left = append(left, Unmountable{m.MountPath, "hides"})
		default:
			mounts = append(mounts, corev1.VolumeMount{Name: m.Name, MountPath: m.MountPath, ReadOnly: true, RecursiveReadOnly: m.RecursiveReadOnly})
		}
	}
	for _, d := range target.VolumeDevices {
		left = append(left, Unmountable{d.DevicePath, "volumeDevices"})
	}
	return mounts, left
}

// hides reports whether a session could not start with something else at that path.
func hides(mountPath string) bool {
	mountPath = strings.TrimSuffix(path.Clean(mountPath), "/") + "/"
	for _, needed := range []string{"/bin", "/dev", "/lib", "/lib64", "/proc", "/sbin", "/sys", "/usr/bin", "/usr/lib", "/usr/sbin"} {
		if strings.HasPrefix(needed+"/", mountPath) {
			return true
		}
	}
	return false
}
