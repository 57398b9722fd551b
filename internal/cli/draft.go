package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/mindebug/kubectl-mindebug/internal/app"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/registry"
	"github.com/mindebug/kubectl-mindebug/internal/ui"
)

// The values of --dry-run, as kubectl has them.
const (
	dryRunNone   = "none"
	dryRunClient = "client"
	dryRunServer = "server"
)

// checkDryRun validates --dry-run and --output, which depends on it.
func (f *sessionFlags) checkDryRun() error {
	switch f.dryRun {
	case dryRunNone, dryRunClient, dryRunServer:
	default:
		return &fault.Usage{Reason: fmt.Sprintf("--dry-run=%q is none of none, client, server", f.dryRun)}
	}
	if f.dryRun == dryRunNone && f.output == formatYAML {
		return &fault.Usage{
			Reason: "--output=yaml is for what --dry-run prints",
			Hint:   "show the container that would be added: --dry-run=client",
		}
	}
	return nil
}

// draft prints the container that a session would add.
func (f *factory) draft(ctx context.Context, r app.SessionRequest, flags sessionFlags) error {
	c, err := f.connect()
	if err != nil {
		return err
	}
	if err := f.settle(ctx, c, &r); err != nil {
		return err
	}
	r.Context, r.Namespace, r.Version = c.Context, c.Namespace, f.program.Version
	streams := f.streams()
	d, err := app.MakeDraft(ctx, c, registry.Client{}, streams, r, flags.dryRun == dryRunServer)
	if err != nil {
		return err
	}
	if flags.output == formatJSON {
		return writeJSON(f.program.Out, struct {
			APIVersion string                    `json:"apiVersion"`
			Kind       string                    `json:"kind"`
			Container  corev1.EphemeralContainer `json:"container"`
			Origins    map[string]string         `json:"origins"`
		}{apiVersion, "SessionContainer", d.Container, d.Origins})
	}
	return writeDraft(f.program.Out, d)
}

// writeDraft writes the container as YAML, the origin of each value as a comment beside it.
func writeDraft(out io.Writer, d app.Draft) error {
	text, err := yaml.Marshal(d.Container)
	if err != nil {
		return fmt.Errorf("writing YAML: %w", err)
	}
	var page bytes.Buffer
	parent := ""
	for line := range strings.Lines(string(text)) {
		path := ""
		// Scripts and lists stand further in, or begin with "-": only keys of the container and of its security context
		// can be mistaken for what they are.
		key, _, isKey := strings.Cut(strings.TrimSpace(line), ":")
		switch indent := len(line) - len(strings.TrimLeft(line, " ")); {
		case isKey && indent == 0 && !strings.HasPrefix(line, "-"):
			parent, path = key, key
		case isKey && indent == 2 && parent == "securityContext" && !strings.HasPrefix(key, "-"):
			path = parent + "." + key
		}
		line = strings.TrimSuffix(line, "\n")
		if origin := d.Origins[path]; origin != "" {
			line += " # " + strings.ReplaceAll(ui.Escape(origin), "\n", " ")
		}
		page.WriteString(line + "\n")
	}
	return write(out, page.Bytes())
}
