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

// bridgeAddress is a link layer address that is administered locally.
const bridgeAddress = "0a:58:0a:57:00:01"

// MakeBridge makes a bridge with an address, unless it is there.
func MakeBridge(ctx context.Context, name, cidr string) error {
	if !hasDevice(name) {
		// One without an address of its own takes the least of its ports': it changes as pods come and go, and what others know
		// of it is wrong for some seconds.
		if err := ip(ctx, "link", "add", name, "address", bridgeAddress, "type", "bridge"); err != nil {
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
