// Package machine is what a cluster needs of the machine it runs on beside files and processes: packages, a bridge and
// cgroups. It makes them, and finds and removes what a cluster left, also one that crashed.
package machine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// Packages are Debian's that a cluster and its images are made with.
func Packages() []string {
	return []string{
		"runc",                        // runs containers
		"containernetworking-plugins", // connects them
		"iproute2",                    // makes the bridge
		"buildah",                     // builds images
		"musl-tools",                  // compiles what stands in images
		"busybox-static",              // stands in images
	}
}

// MissingPackages returns those of names that are not installed.
func MissingPackages(ctx context.Context, names []string) ([]string, error) {
	cmd := exec.CommandContext(ctx, "dpkg-query", append([]string{"--show", "--showformat", "${Package} ${db:Status-Status}\n"}, names...)...)
	out, err := cmd.Output()
	// dpkg-query fails when it does not know one of the names, and still prints the others.
	if unknown := (*exec.ExitError)(nil); err != nil && !errors.As(err, &unknown) {
		return nil, fmt.Errorf("asking which packages are installed: %w", err)
	}
	return missing(names, string(out)), nil
}

func missing(names []string, listing string) []string {
	installed := map[string]bool{}
	for line := range strings.Lines(listing) {
		if name, status, _ := strings.Cut(strings.TrimSpace(line), " "); status == "installed" {
			installed[name] = true
		}
	}
	var result []string
	for _, name := range names {
		if !installed[name] {
			result = append(result, name)
		}
	}
	return result
}

// InstallPackages installs names with their dependencies and no more.
func InstallPackages(ctx context.Context, names []string) error {
	if err := apt(ctx, "update"); err != nil {
		return err
	}
	return apt(ctx, append([]string{"install", "-y", "--no-install-recommends"}, names...)...)
}

func apt(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "apt-get", append([]string{"-qq", "-o", "DPkg::Lock::Timeout=300"}, args...)...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("apt-get %s: %w\n%s", args[0], err, out)
	}
	return nil
}
