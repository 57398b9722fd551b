package cli

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
)

// inContent is about images in files.
func inContent(err error, m *message) bool {
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
