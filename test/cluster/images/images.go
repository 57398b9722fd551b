// Package images holds what the test images are made from, a folder each: a Dockerfile with one stage for each tag, and the
// files and links that its stages copy. Building them is not done here.
package images

import "embed"

// Files are the folders. A file "links" lists symbolic links, "PATH TARGET" a line, since they cannot be embedded.
//
//go:embed pause busybox http
var Files embed.FS
