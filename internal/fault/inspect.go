package fault

import "fmt"

// ImageFile says that a file is no image that can be read.
type ImageFile struct {
	File  string
	Cause error
}

func (e *ImageFile) Error() string { return fmt.Sprintf("reading image %q: %v", e.File, e.Cause) }

// Unwrap returns the cause.
func (e *ImageFile) Unwrap() error { return e.Cause }
