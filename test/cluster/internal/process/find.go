package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Kill kills all processes that run one of programs and carry mark on their command line, and returns when they are gone:
// components whose start was interrupted before they were recorded, and containerd's shims, which outlive it.
func Kill(ctx context.Context, programs []string, mark string) error {
	ctx, cancel := context.WithTimeout(ctx, killGrace)
	defer cancel()
	var pids []int
	return until(ctx, func() (bool, error) {
		var err error
		if pids, err = find(programs, mark); err != nil {
			return false, err
		}
		for _, pid := range pids {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				return false, fmt.Errorf("killing process %d: %w", pid, err)
			}
		}
		return len(pids) == 0, nil
	}, func() error { return fmt.Errorf("killing processes %v: %w", pids, errStillAlive) })
}

func find(programs []string, mark string) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("listing processes: %w", err)
	}
	var pids []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err == nil && slices.ContainsFunc(programs, func(program string) bool { return runs(pid, program, mark) }) {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// runs tells whether pid exists, is no zombie, executes a file named program and carries mark on its command line. A
// recorded id is not enough: the kernel uses it again. Where the file lies is not asked: it may have been built anew since.
func runs(pid int, program, mark string) bool {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	exe, err := os.Readlink(filepath.Join(dir, "exe"))
	if err != nil || filepath.Base(strings.TrimSuffix(exe, " (deleted)")) != program {
		return false
	}
	cmdline, err := os.ReadFile(filepath.Join(dir, "cmdline"))
	return err == nil && bytes.Contains(cmdline, []byte(mark))
}
