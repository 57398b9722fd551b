package app

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/internal/imagekind"
	"github.com/mindebug/kubectl-mindebug/internal/session"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// kindUnseen reports whether a session is to see what kind of image its target runs: once for each image.
func (s *sessionRun) kindUnseen(pod *corev1.Pod) bool {
	digest := s.digest(pod)
	return s.request.Seen != nil && digest != "" && !s.request.Seen.Get(digest).Known()
}

// digest is that of the image that the target runs, or empty.
func (s *sessionRun) digest(pod *corev1.Pod) string {
	if _, status := target.Find(pod, s.facts.Container); status != nil {
		return digestOf(status.ImageID)
	}
	return ""
}

// keepKind keeps what a session has seen for `find`. It is likely and no more: a container may have got files that its image
// has not. What lies in a volume it has got for certain.
func (s *sessionRun) keepKind(pod *corev1.Pod, seen *session.ImageSeen) {
	if seen == nil {
		return
	}
	container, _ := target.Find(pod, s.facts.Container)
	files := imagekind.Files{OSRelease: seen.OSRelease}
	if seen.Packages != "" {
		files.Packages = []string{seen.Packages}
	}
	if seen.Shell != "" {
		files.Shells = []string{seen.Shell}
		if slices.ContainsFunc(container.VolumeMounts, func(m corev1.VolumeMount) bool {
			return strings.HasPrefix(seen.Shell, strings.TrimSuffix(m.MountPath, "/")+"/")
		}) {
			return
		}
	}
	v := imagekind.FromFiles(files)
	v.Certainty = imagekind.Likely
	v.Evidence += ", as a session saw"
	_ = s.request.Seen.Put(s.digest(pod), v) // else the next session sees it again
}
