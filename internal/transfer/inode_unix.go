//go:build unix

package transfer

import (
	"fmt"
	"io/fs"
	"syscall"
)

// stored is how many bytes of a file are stored: less than its size where it has holes.
func stored(info fs.FileInfo) int64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return s.Blocks * 512
	}
	return info.Size()
}

// inode tells a file with several names from others, and is empty for one that has only one.
func inode(info fs.FileInfo) string {
	if s, ok := info.Sys().(*syscall.Stat_t); ok && s.Nlink > 1 {
		return fmt.Sprintf("%d:%d", s.Dev, s.Ino)
	}
	return ""
}
