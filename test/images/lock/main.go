// Command lock writes the packages.lock of package images anew, from what Debian offers today: of each package the version
// of the suite itself, since those of its updates come and go. Run it in the repository's root.
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"

	"github.com/mindebug/kubectl-mindebug/test/images"
)

const (
	suite = "bookworm/main"
	path  = "test/images/packages.lock"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := write(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func write(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "mindebug-lock-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var wanted []string
	for _, name := range images.Packages() {
		version, err := newest(ctx, name)
		if err != nil {
			return err
		}
		wanted = append(wanted, name+"="+version)
	}
	files, err := images.Download(ctx, dir, wanted)
	if err != nil {
		return err
	}
	var lines []string
	for file, sum := range files {
		out, err := exec.CommandContext(ctx, "dpkg-deb", "--show", "--showformat", "${Package} ${Version}", file).Output()
		if err != nil {
			return fmt.Errorf("reading %s: %w", file, err)
		}
		lines = append(lines, string(out)+" "+sum+"\n")
	}
	slices.Sort(lines)
	header := fmt.Sprintf("# Package, version and SHA-256 of its file, of Debian's %s for amd64. Written by `go run ./test/images/lock`.\n", suite)
	return os.WriteFile(path, []byte(header+strings.Join(lines, "")), 0o644)
}

// newest is the version of a package that the suite offers.
func newest(ctx context.Context, name string) (string, error) {
	out, err := exec.CommandContext(ctx, "apt-cache", "madison", name).Output()
	if err != nil {
		return "", fmt.Errorf("asking for versions of %s: %w", name, err)
	}
	for line := range strings.Lines(string(out)) {
		if columns := strings.Split(line, "|"); len(columns) == 3 && strings.Contains(columns[2], " "+suite+" ") {
			return strings.TrimSpace(columns[1]), nil
		}
	}
	return "", fmt.Errorf("%s has no package %s", suite, name)
}
