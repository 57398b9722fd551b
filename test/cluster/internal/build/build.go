package build

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/mindebug/kubectl-mindebug/test/cluster/internal/layout"
	"github.com/mindebug/kubectl-mindebug/test/cluster/internal/report"
)

// Builder builds recipes into the cache.
type Builder struct {
	Layout layout.Layout
	Report *report.Reporter
}

// Binaries makes what the recipe names and the cache lacks.
func (b Builder) Binaries(ctx context.Context, r Recipe) error {
	dir := filepath.Join(b.Layout.Binaries(), r.Name)
	var missing []string
	for _, name := range slices.Sorted(maps.Keys(r.Programs)) {
		if _, err := os.Stat(filepath.Join(dir, name)); errors.Is(err, os.ErrNotExist) {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	source := filepath.Join(b.Layout.Sources(), r.Name)
	if err := b.module(ctx, r, source); err != nil {
		return fmt.Errorf("generating the module of %s: %w", r.Name, err)
	}
	for _, name := range missing {
		b.Report.Say("building %s of %s …", name, r.Name)
		err := b.Report.Step("built "+name+" of "+r.Name, func() error {
			return compile(ctx, source, r.Programs[name], r.ldflags(), filepath.Join(dir, name))
		})
		if err != nil {
			return fmt.Errorf("building %s of %s: %w", name, r.Name, err)
		}
	}
	return nil
}

// PauseSource returns the source of the sandbox image, which lies in Kubernetes' module; it is kept, so that a second
// start asks nobody for it.
func (b Builder) PauseSource(ctx context.Context, r Recipe) (string, error) {
	kept := filepath.Join(b.Layout.Sources(), r.Name, "pause.c")
	if _, err := os.Stat(kept); err == nil {
		return kept, nil
	}
	fetched, err := fetch(ctx, r)
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(filepath.Join(fetched.Dir, "build", "pause", "linux", "pause.c"))
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(kept), 0o755); err != nil {
		return "", err
	}
	return kept, os.WriteFile(kept, text, 0o644)
}

func (b Builder) module(ctx context.Context, r Recipe, dir string) error {
	fetched, err := fetch(ctx, r)
	if err != nil {
		return err
	}
	out, err := goTool(ctx, os.TempDir(), "mod", "edit", "-json", fetched.GoMod)
	if err != nil {
		return err
	}
	var upstream goMod
	if err := json.Unmarshal(out, &upstream); err != nil {
		return fmt.Errorf("reading %s: %w", fetched.GoMod, err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "go.mod"), []byte(r.render(upstream)), 0o644)
}

type module struct{ Dir, GoMod, Error string }

func fetch(ctx context.Context, r Recipe) (module, error) {
	// Outside of any module: the versions asked for are exact.
	out, err := goTool(ctx, os.TempDir(), "mod", "download", "-json", r.Module+"@"+r.Version)
	var m module
	if jsonErr := json.Unmarshal(out, &m); jsonErr == nil && m.Error != "" {
		return m, errors.New(m.Error)
	}
	if err != nil {
		return m, err
	}
	return m, nil
}

// compile builds into a temporary name first, so that an interrupted build leaves nothing that looks whole.
func compile(ctx context.Context, dir, pkg, ldflags, target string) error {
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	half := filepath.Join(filepath.Dir(target), "."+filepath.Base(target)+".half")
	defer os.Remove(half)
	if _, err := goTool(ctx, dir, "build", "-mod=mod", "-trimpath", "-buildvcs=false", "-ldflags="+ldflags, "-o", half, pkg); err != nil {
		return err
	}
	return os.Rename(half, target)
}

// goTool runs the go command without cgo, so that a C library is never needed at run time, and apart from any workspace.
func goTool(ctx context.Context, dir string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.Bytes(), fmt.Errorf("go %s: %w\n%s", args[0], err, tail(stderr.Bytes()))
	}
	return stdout.Bytes(), nil
}

// tail is the end of a compiler's output: a failing build says its cause last, after the downloads.
func tail(output []byte) []byte {
	lines := bytes.Split(bytes.TrimSpace(output), []byte("\n"))
	if len(lines) > 20 {
		lines = lines[len(lines)-20:]
	}
	return bytes.Join(lines, []byte("\n"))
}
