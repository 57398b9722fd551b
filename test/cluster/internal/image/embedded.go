package image

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/mindebug/kubectl-mindebug/test/cluster/images"
)

const busybox = "/bin/busybox"

// embedded is an image whose Dockerfile stands in this module. Stages maps its stages to image references; prepare adds
// what is compiled to the folder that the Dockerfile copies from.
func embedded(name string, stages map[string]string, inputs []string, salt string, prepare func(context.Context, string) error) Image {
	refs := map[string]string{}
	for stage, ref := range stages {
		refs[stage+".tar"] = ref
	}
	return Image{Name: name, Refs: refs, Inputs: inputs, Salt: salt, Build: func(ctx context.Context, job Job) error {
		dir := filepath.Join(job.Work, "context")
		if err := unpack(name, dir); err != nil {
			return err
		}
		if err := prepare(ctx, dir); err != nil {
			return err
		}
		buildah := func(args ...string) error {
			return run(ctx, "", job.Env, "buildah", append([]string{
				"--storage-driver", "vfs",
				"--root", filepath.Join(job.Work, "storage"), "--runroot", filepath.Join(job.Work, "run"),
			}, args...)...)
		}
		for stage, ref := range stages {
			if err := buildah("bud", "--quiet", "--isolation", "chroot", "--timestamp", "0", "--target", stage, "--tag", ref, dir); err != nil {
				return err
			}
			if err := buildah("push", "--quiet", ref, "oci-archive:"+filepath.Join(job.Out, stage+".tar")+":"+ref); err != nil {
				return err
			}
		}
		return nil
	}}
}

// unpack writes the embedded folder to dir, with modes that do not depend on who checked it out, and makes its links.
func unpack(name, dir string) error {
	source, err := fs.Sub(images.Files, name)
	if err != nil {
		return err
	}
	if err := os.CopyFS(dir, source); err != nil {
		return err
	}
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			return os.Chmod(path, 0o755)
		}
		return os.Chmod(path, 0o644)
	})
	if err != nil {
		return err
	}
	links, err := os.ReadFile(filepath.Join(dir, "links"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(links)) {
		path, target, _ := strings.Cut(strings.TrimSpace(line), " ")
		if err := os.Symlink(target, filepath.Join(dir, "rootfs", path)); err != nil {
			return err
		}
	}
	return nil
}

func compileC(ctx context.Context, source, target string) error {
	return run(ctx, "", nil, "musl-gcc", "-static", "-Os", "-s", "-Wall", "-DVERSION=mindebug", "-o", target, source)
}

// httpServer compiles the program, and copies it to a file that carries a capability.
func httpServer(ctx context.Context, dir string) error {
	if err := compileServer(ctx, dir); err != nil {
		return err
	}
	program, err := os.ReadFile(filepath.Join(dir, "server"))
	if err != nil {
		return err
	}
	path := filepath.Join(dir, "server-with-capability")
	if err := os.WriteFile(path, program, 0o755); err != nil {
		return err
	}
	if err := syscall.Setxattr(path, "security.capability", fileCapability(netBindService), 0); err != nil {
		return fmt.Errorf("giving a capability to %s: %w", path, err)
	}
	return nil
}

// netBindService is the number of CAP_NET_BIND_SERVICE (capabilities(7)).
const netBindService = 10

// fileCapability is what makes a capability of a file permitted and effective: struct vfs_cap_data of the kernel's
// linux/capability.h, revision 2. It becomes the record SCHILY.xattr.security.capability of the layer.
func fileCapability(number uint) []byte {
	const revision2, effective = 0x02000000, 1
	var data []byte
	for _, word := range []uint32{revision2 | effective, 1 << number, 0, 0, 0} {
		data = binary.LittleEndian.AppendUint32(data, word)
	}
	return data
}

func compileServer(ctx context.Context, dir string) error {
	env := append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=")
	return run(ctx, dir, env, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", "server", "main.go")
}

// busyboxTree adds to the files of the image what is no text: the binary, a link for each applet, and folders.
func busyboxTree(ctx context.Context, dir string) error {
	root := filepath.Join(dir, "rootfs")
	for path, mode := range map[string]os.FileMode{
		"bin": 0o755, "dev": 0o755, "etc": 0o755, "home": 0o755, "proc": 0o755, "root": 0o700, "sys": 0o755, "usr/bin": 0o755,
		"var/spool/mail": 0o755, "var/www": 0o755, "tmp": 0o777 | os.ModeSticky,
	} {
		if err := os.MkdirAll(filepath.Join(root, path), 0o755); err != nil {
			return err
		}
		if err := os.Chmod(filepath.Join(root, path), mode); err != nil {
			return err
		}
	}
	binary, err := os.ReadFile(busybox)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(root, "bin", "busybox"), binary, 0o755); err != nil {
		return err
	}
	applets, err := exec.CommandContext(ctx, busybox, "--list").Output()
	if err != nil {
		return fmt.Errorf("listing BusyBox's applets: %w", err)
	}
	for applet := range strings.FieldsSeq(string(applets)) {
		if applet == "busybox" {
			continue
		}
		if err := os.Symlink("busybox", filepath.Join(root, "bin", applet)); err != nil {
			return err
		}
	}
	return os.Symlink("../../bin/env", filepath.Join(root, "usr/bin/env"))
}

func run(ctx context.Context, dir string, env []string, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, env
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", filepath.Base(name), err, bytes.TrimSpace(out))
	}
	return nil
}
