package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "error: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	var r release
	flags := flag.NewFlagSet("dist", flag.ContinueOnError)
	flags.StringVar(&r.version, "version", "", "`tag` of the release: v1.2.3")
	flags.StringVar(&r.image, "image", "", "debug `image` of the release, by digest; by default the program names none")
	flags.StringVar(&r.root, "root", ".", "`folder` of the repository")
	flags.StringVar(&r.out, "out", "dist", "`folder` to write to; what is in it is removed")
	only := flags.String("platforms", "", "only these: linux/amd64,darwin/arm64; no krew manifest is written then")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if !isVersion(r.version) {
		return fmt.Errorf("-version=%q is no version: v1.2.3, v1.3.0-rc.1", r.version)
	}
	for _, p := range platforms {
		if *only == "" || strings.Contains(","+*only+",", ","+p.String()+",") {
			r.platforms = append(r.platforms, p)
		}
	}
	if len(r.platforms) == 0 {
		return fmt.Errorf("-platforms=%s names none that is released", *only)
	}
	return r.make(ctx)
}

// platform is one that a release has a program for.
type platform struct{ os, arch string }

// platforms are those of every release, in the order of the krew manifest.
var platforms = []platform{
	{"linux", "amd64"},
	{"linux", "arm64"},
	{"linux", "arm"},
	{"linux", "ppc64le"},
	{"darwin", "amd64"},
	{"darwin", "arm64"},
	{"windows", "amd64"},
	{"windows", "arm64"},
}

// String is the platform as Go has it.
func (p platform) String() string { return p.os + "/" + p.arch }

// program is the name of the program's file.
func (p platform) program() string {
	if p.os == "windows" {
		return "kubectl-mindebug.exe"
	}
	return "kubectl-mindebug"
}

// release is what is to be made.
type release struct {
	version, image, root, out string
	platforms                 []platform
}

// stem is what the names of a platform's files begin with.
func (r *release) stem(p platform) string {
	return fmt.Sprintf("kubectl-mindebug_%s_%s_%s", r.version, p.os, p.arch)
}

// archive is the name of a platform's archive.
func (r *release) archive(p platform) string {
	if p.os == "windows" {
		return r.stem(p) + ".zip"
	}
	return r.stem(p) + ".tar.gz"
}

func (r *release) make(ctx context.Context) error {
	work, err := os.MkdirTemp("", "mindebug-dist-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if err := os.RemoveAll(r.out); err != nil {
		return err
	}
	if err := os.MkdirAll(r.out, 0o755); err != nil {
		return err
	}
	common := filepath.Join(work, "common")
	for _, what := range []string{"man", "completion"} {
		if _, err := r.goCommand(ctx, platform{runtime.GOOS, runtime.GOARCH}, "run", "./hack/docs", what, filepath.Join(common, what)); err != nil {
			return err
		}
	}
	for _, p := range r.platforms {
		if err := r.makePlatform(ctx, p, common, filepath.Join(work, p.os, p.arch)); err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
	}
	if len(r.platforms) == len(platforms) {
		if err := r.writeManifest(); err != nil {
			return err
		}
	}
	return r.writeChecksums()
}

// makePlatform makes the archive of a platform and its bill of materials. Common is the folder of what all archives have.
func (r *release) makePlatform(ctx context.Context, p platform, common, work string) error {
	program := filepath.Join(work, p.program())
	linked := "-s -w -buildid= -X main.version=" + r.version
	if r.image != "" {
		linked += " -X github.com/mindebug/kubectl-mindebug/internal/config.releasedImage=" + r.image
	}
	if _, err := r.goCommand(ctx, p, "build", "-trimpath", "-ldflags", linked, "-o", program, "./cmd/kubectl-mindebug"); err != nil {
		return err
	}
	others := filepath.Join(work, noticesName)
	if err := r.writeNotices(ctx, others, p); err != nil {
		return err
	}
	files := []file{
		{p.program(), program, 0o755}, {"LICENSE", filepath.Join(r.root, "LICENSE"), 0o644}, {noticesName, others, 0o644},
	}
	for _, dir := range []string{"completion", "man"} {
		entries, err := os.ReadDir(filepath.Join(common, dir))
		if err != nil {
			return err
		}
		for _, entry := range entries { // in the order of their names
			files = append(files, file{dir + "/" + entry.Name(), filepath.Join(common, dir, entry.Name()), 0o644})
		}
	}
	write := writeTarGz
	if p.os == "windows" {
		write = writeZip
	}
	if err := write(filepath.Join(r.out, r.archive(p)), files); err != nil {
		return err
	}
	return writeBill(filepath.Join(r.out, r.stem(p)+".cdx.json"), program, r.version)
}

// goCommand runs go in the repository, for a platform, with settings of its own instead of the user's, and returns its output.
func (r *release) goCommand(ctx context.Context, p platform, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = r.root
	cmd.Env = append(os.Environ(), "GOOS="+p.os, "GOARCH="+p.arch, "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false",
		"GOAMD64=v1", "GOARM=6", "GOARM64=v8.0", "GOPPC64=power8", "GOEXPERIMENT=")
	var talk strings.Builder
	cmd.Stderr = &talk
	out, err := cmd.Output()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("go %s: %w", strings.Join(args, " "), err), errors.New(talk.String()))
	}
	return out, nil
}
