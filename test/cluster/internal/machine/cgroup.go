package machine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// MakeCgroup makes the cgroup in every hierarchy: the kubelet wants its root to exist.
func MakeCgroup(path string) error {
	hierarchies, err := hierarchies()
	if err != nil {
		return err
	}
	for _, h := range hierarchies {
		if err := os.MkdirAll(filepath.Join(h, path), 0o755); err != nil {
			return fmt.Errorf("making cgroup %s: %w", path, err)
		}
	}
	return nil
}

// RemoveCgroup kills all that is in the cgroup and below, and removes it from every hierarchy.
func RemoveCgroup(ctx context.Context, path string, bound time.Duration) error {
	hierarchies, err := hierarchies()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		var left error
		for _, h := range hierarchies {
			left = errors.Join(left, removeTree(filepath.Join(h, path)))
		}
		if left == nil {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("removing cgroup %s: %w", path, left)
		}
	}
}

// removeTree tries once; a process that was killed may take a moment to leave.
func removeTree(root string) error {
	var dirs []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err == nil && entry.IsDir() {
			dirs = append(dirs, path)
		}
		return err
	})
	if err != nil {
		return err
	}
	slices.Reverse(dirs)
	var left error
	for _, dir := range dirs {
		if err := killAll(dir); err != nil {
			left = errors.Join(left, err)
			continue
		}
		if err := os.Remove(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
			left = errors.Join(left, err)
		}
	}
	return left
}

func killAll(dir string) error {
	text, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENODEV) {
		return nil
	}
	if err != nil {
		return err
	}
	for field := range strings.FieldsSeq(string(text)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			return fmt.Errorf("reading %s/cgroup.procs: %w", dir, err)
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("killing process %d in %s: %w", pid, dir, err)
		}
	}
	return nil
}

// hierarchies are the roots of all cgroup trees: one with cgroup v2, one a controller with v1, both kinds when mixed.
func hierarchies() ([]string, error) {
	mounts, err := mounts()
	if err != nil {
		return nil, err
	}
	var roots []string
	for _, m := range mounts {
		// The same tree may be mounted twice; under /sys/fs/cgroup it stands once.
		if strings.HasPrefix(m.fstype, "cgroup") && strings.HasPrefix(m.point, "/sys/fs/cgroup") {
			roots = append(roots, m.point)
		}
	}
	if len(roots) == 0 {
		return nil, errors.New("no cgroups are mounted under /sys/fs/cgroup")
	}
	return roots, nil
}
