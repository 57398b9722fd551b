package machine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// MakeBridge makes a bridge with an address, unless it is there.
func MakeBridge(ctx context.Context, name, cidr string) error {
	if !hasDevice(name) {
		if err := ip(ctx, "link", "add", name, "type", "bridge"); err != nil {
			return fmt.Errorf("making bridge %s: %w", name, err)
		}
	}
	if err := ip(ctx, "address", "replace", cidr, "dev", name); err != nil {
		return fmt.Errorf("giving bridge %s its address: %w", name, err)
	}
	if err := ip(ctx, "link", "set", name, "up"); err != nil {
		return fmt.Errorf("starting bridge %s: %w", name, err)
	}
	return nil
}

// RemoveBridge removes it and every device that is connected to it.
func RemoveBridge(ctx context.Context, name string) error {
	ports, err := os.ReadDir(filepath.Join("/sys/class/net", name, "brif"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("listing the devices on bridge %s: %w", name, err)
	}
	var failed []error
	for _, port := range ports {
		// A device goes with its network namespace, so it may be gone by itself at any moment.
		if err := ip(ctx, "link", "delete", port.Name()); err != nil && hasDevice(port.Name()) {
			failed = append(failed, err)
		}
	}
	if err := ip(ctx, "link", "delete", name); err != nil {
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

func hasDevice(name string) bool {
	_, err := os.Stat(filepath.Join("/sys/class/net", name))
	return err == nil
}

func ip(ctx context.Context, args ...string) error {
	if out, err := exec.CommandContext(ctx, "ip", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %q: %w: %s", args, err, bytes.TrimSpace(out))
	}
	return nil
}
