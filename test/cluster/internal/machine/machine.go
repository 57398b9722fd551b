// Package machine is what a cluster needs of the machine it runs on beside files and processes: packages, a bridge and
// cgroups. It makes them, and finds and removes what a cluster left, also one that crashed.
package machine

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
)

// run executes a command of the machine; its output is part of the error.
func run(ctx context.Context, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return out, fmt.Errorf("%s %q: %w: %s", name, args, err, bytes.TrimSpace(out))
	}
	return out, nil
}
