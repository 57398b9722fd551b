//go:build unix

package transfer

import (
	"fmt"
	"io/fs"
	"syscall"
)

// inode tells a file with several names from others, and is empty for one that has only one.
func inode(info fs.FileInfo) string {
	if s, ok := info.Sys().(*syscall.Stat_t); ok && s.Nlink > 1 {
		return fmt.Sprintf("%d:%d", s.Dev, s.Ino)
	}
	return ""
}
