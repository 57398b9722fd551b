package machine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const leftoversBound = 5 * time.Second

// Leftovers returns the processes that execute a file below binaries and name dir on their command line: components whose
// start was interrupted before they were recorded, and containerd's shims, which outlive it.
func Leftovers(binaries, dir string) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("listing processes: %w", err)
	}
	var pids []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		// Any process may end while it is looked at: what cannot be read is not ours.
		exe, err := os.Readlink(filepath.Join("/proc", entry.Name(), "exe"))
		if err != nil || !strings.HasPrefix(exe, binaries+"/") {
			continue
		}
		cmdline, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "cmdline"))
		if err == nil && bytes.Contains(cmdline, []byte(dir+"/")) {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// KillLeftovers kills them and returns when they are gone.
func KillLeftovers(ctx context.Context, binaries, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, leftoversBound)
	defer cancel()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		pids, err := Leftovers(binaries, dir)
		if err != nil || len(pids) == 0 {
			return err
		}
		for _, pid := range pids {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("killing process %d: %w", pid, err)
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("killing processes %v: %w", pids, ctx.Err())
		}
	}
}

// RemoveStrays removes the few files that components write outside of dir, whatever they are told: the network plugins'
// records of network, and the kubelet's links to logs.
func RemoveStrays(network, dir string) error {
	var failed []error
	records, err := filepath.Glob("/var/lib/cni/results/" + network + "-*")
	if err != nil {
		return fmt.Errorf("listing the network's records: %w", err)
	}
	for _, record := range records {
		failed = append(failed, os.Remove(record))
	}
	links, err := filepath.Glob("/var/log/containers/*")
	if err != nil {
		return fmt.Errorf("listing the links to logs: %w", err)
	}
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && strings.HasPrefix(target, dir+"/") {
			failed = append(failed, os.Remove(link))
		}
	}
	for _, folder := range []string{"/var/lib/cni/results", "/var/lib/cni", "/var/log/containers"} {
		// Only when nobody else uses it: a folder that is not empty stays.
		if err := os.Remove(folder); err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, syscall.ENOTEMPTY) {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}
