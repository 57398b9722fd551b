package cli

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
)

// inContent is about images in files, and about targets that were to be touched and were not.
func inContent(err error, m *message) bool {
	var untouched *fault.Untouched
	if errors.As(err, &untouched) {
		m.text = fmt.Sprintf("the topic %s was not asked of container %q of pod/%s, and nothing was done to it", untouched.Topic, untouched.Container, untouched.Pod.Name)
		m.facts, m.hint = []string{untouched.Why}, untouched.Hint
		return true
	}
	var file *fault.ImageFile
	if !errors.As(err, &file) {
		return false
	}
	m.text = fmt.Sprintf("%s: %v", file.File, file.Cause)
	if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
		m.hint = "make the file with: docker save IMAGE -o IMAGE.tar, or podman save --format=oci-archive"
	}
	return true
}
