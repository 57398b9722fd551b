package images

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed packages.lock
var lockText string

// Locked is a package of Debian at one version. Sum is the SHA-256 of its file, in hexadecimal.
type Locked struct{ Name, Version, Sum string }

// renew is how a new lock is written.
const renew = "`go run ./test/images/lock` writes a new test/images/packages.lock of what Debian offers today"

// ParseLock reads packages.lock: a package, its version and the SHA-256 of its file a line.
func ParseLock(text string) (map[string]Locked, error) {
	all := map[string]Locked{}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		switch {
		case len(words) == 0 || strings.HasPrefix(words[0], "#"):
		case len(words) == 3:
			all[words[0]] = Locked{words[0], words[1], words[2]}
		default:
			return nil, fmt.Errorf("packages.lock: %q is no package, version and sum", strings.TrimSpace(line))
		}
	}
	return all, nil
}

// Packages returns the names of all packages that the images are made from, sorted.
func Packages() []string {
	all := slices.Concat(staticPackages, basePackages, ccPackages, javaPackages, nodePackages, pythonPackages, slimPackages, []string{"busybox-static"})
	slices.Sort(all)
	return slices.Compact(all)
}

// packages are those of the lock, whose files are kept in dir.
type packages struct {
	dir  string
	lock map[string]Locked
}

// file returns the file of a package. The first call that finds one missing downloads all: apt-get takes longer to begin than
// to download.
func (p packages) file(ctx context.Context, name string) (string, error) {
	locked, ok := p.lock[name]
	if !ok {
		return "", fmt.Errorf("package %s is not in the lock: %s", name, renew)
	}
	if err := p.fill(ctx); err != nil {
		return "", err
	}
	return p.kept(locked), nil
}

func (p packages) kept(l Locked) string { return filepath.Join(p.dir, l.Sum+".deb") }

// fill downloads what the folder lacks.
func (p packages) fill(ctx context.Context) error {
	if err := os.MkdirAll(p.dir, 0o755); err != nil {
		return err
	}
	unlock, err := lockFile(filepath.Join(p.dir, ".lock"))
	if err != nil {
		return err
	}
	defer unlock()
	var wanted []string
	bySum := map[string]Locked{}
	for _, locked := range p.lock {
		if _, err := os.Stat(p.kept(locked)); err == nil {
			continue
		}
		wanted = append(wanted, locked.Name+"="+locked.Version)
		bySum[locked.Sum] = locked
	}
	if len(wanted) == 0 {
		return nil
	}
	work, err := os.MkdirTemp(p.dir, ".half-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	files, err := Download(ctx, work, wanted)
	if err != nil {
		return fmt.Errorf("%w\nhint: where a version is no longer offered, %s", err, renew)
	}
	for file, sum := range files {
		locked, ok := bySum[sum]
		if !ok {
			return fmt.Errorf("%s has SHA-256 %s, which is not in the lock: %s", filepath.Base(file), sum, renew)
		}
		if err := os.Rename(file, p.kept(locked)); err != nil {
			return err
		}
		delete(bySum, sum)
	}
	if len(bySum) > 0 {
		return fmt.Errorf("apt-get did not download %v", slices.Collect(maps.Values(bySum)))
	}
	return nil
}

// Download downloads packages, each "NAME=VERSION", into a folder and returns their files with the SHA-256 of each. The
// lists of packages may be absent or too old: then they are read anew.
func Download(ctx context.Context, dir string, what []string) (map[string]string, error) {
	apt := func(args ...string) error {
		cmd := exec.CommandContext(ctx, "apt-get", append([]string{"-qq", "-o", "APT::Sandbox::User=root", "-o", "DPkg::Lock::Timeout=300"}, args...)...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get %s: %w\n%s", args[0], err, bytes.TrimSpace(out))
		}
		return nil
	}
	download := append([]string{"download"}, what...)
	if err := apt(download...); err != nil {
		if err := errors.Join(apt("update"), apt(download...)); err != nil {
			return nil, err
		}
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		files[path] = fmt.Sprintf("%x", sha256.Sum256(content))
	}
	return files, nil
}

// deb is a package that was unpacked.
type deb struct {
	name string
	// control is its entry in a database of packages, md5sums the list of its files that dpkg keeps.
	control, md5sums string
	files            *layer
}

// open reads a package; rename is as for addTar.
func (p packages) open(ctx context.Context, name string, rename func(string) string) (deb, error) {
	file, err := p.file(ctx, name)
	if err != nil {
		return deb{}, err
	}
	control, files := newLayer(), newLayer()
	keep := func(name string) string { return name }
	err = errors.Join(
		dpkgDeb(ctx, "--ctrl-tarfile", file, func(r io.Reader) error { return control.addTar(r, keep) }),
		dpkgDeb(ctx, "--fsys-tarfile", file, func(r io.Reader) error { return files.addTar(r, rename) }),
	)
	if err != nil {
		return deb{}, fmt.Errorf("reading package %s: %w", name, err)
	}
	return deb{name, string(control.entries["control"].content), string(control.entries["md5sums"].content), files}, nil
}

func dpkgDeb(ctx context.Context, what, file string, read func(io.Reader) error) error {
	cmd := exec.CommandContext(ctx, "dpkg-deb", what, file)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	readErr := read(out)
	_, restErr := io.Copy(io.Discard, out)
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("dpkg-deb %s: %w: %s", what, err, stderr.Bytes())
	}
	return errors.Join(readErr, restErr)
}

// needless reports whether a file is one that images without a shell leave out. Licences stay.
func needless(name string) bool {
	for _, dir := range []string{"usr/share/man", "usr/share/locale", "usr/share/lintian", "usr/share/bug", "usr/share/info", "usr/share/menu"} {
		if name == dir || strings.HasPrefix(name, dir+"/") {
			return true
		}
	}
	return strings.HasPrefix(name, "usr/share/doc/") && filepath.Base(name) != "copyright"
}

// asShipped keeps the paths of a package, as distroless images do.
func asShipped(name string) string {
	if needless(name) {
		return ""
	}
	return name
}

// merged moves what is in /bin, /sbin and /lib to /usr, as Debian's own images do.
func merged(name string) string {
	first, rest, _ := strings.Cut(name, "/")
	switch {
	case needless(name):
		return ""
	case slices.Contains(mergedFolders, first):
		if rest == "" {
			return ""
		}
		return "usr/" + name
	}
	return name
}

var mergedFolders = []string{"bin", "sbin", "lib", "lib64"}
