package e2e

import (
	"archive/tar"
	"bytes"
	"crypto/x509"
	"debug/buildinfo"
	"debug/elf"
	"encoding/pem"
	"errors"
	"io"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/mindebug/kubectl-mindebug/test/images"
)

// TestTheTableOfImages reads each image's files and configuration, with nothing of the product's, and compares what is there
// with the table that other tests believe.
func TestTheTableOfImages(t *testing.T) {
	t.Parallel()
	store := imageStore(t)
	for _, want := range images.All {
		t.Run(want.Name, func(t *testing.T) {
			t.Parallel()
			image, err := store.Image(t.Context(), want.Name)
			if err != nil {
				t.Fatal(err)
			}
			got := observe(t, image, want)
			// What an image is called, and what is wrong with it, is not in it; the rest is seen where it runs.
			got.Name, got.Ref, got.Kind, got.Trouble, got.Answer = want.Name, want.Ref, want.Kind, want.Trouble, want.Answer
			got.Executable = want.Executable
			if !want.Runs() {
				got.Command, got.Files = nil, nil
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-table +image)\n%s", diff)
			}
			if wantKind := kindFrom(got); want.Kind != wantKind {
				t.Errorf("kind %s, want %s", want.Kind, wantKind)
			}
		})
	}
}

// kindFrom says what the table's words mean.
func kindFrom(i images.Image) images.Kind {
	switch {
	case len(i.Shells) > 0:
		return images.Shell
	case i.OS == "Wolfi":
		return images.Wolfi
	case strings.HasSuffix(i.Database, ".d"):
		return images.Distroless
	case i.OS != "":
		return images.NoShell
	}
	return images.Scratch
}

// tree is an image's files as a container has them.
type tree map[string]file

type file struct {
	header  tar.Header
	content []byte
}

// flatten reads all files of an image.
func flatten(t *testing.T, image v1.Image) tree {
	t.Helper()
	all := tree{}
	blob := mutate.Extract(image)
	defer blob.Close()
	for archive := tar.NewReader(blob); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("reading the image's files: %v", err)
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			t.Fatalf("reading %s: %v", h.Name, err)
		}
		all["/"+strings.Trim(h.Name, "/")] = file{*h, content}
	}
}

// read returns a file's content and follows links.
func (f tree) read(name string) []byte {
	for range 20 {
		parts := strings.Split(strings.Trim(path.Clean(name), "/"), "/")
		next := ""
		for n := range parts {
			at := "/" + strings.Join(parts[:n+1], "/")
			if e, ok := f[at]; ok && e.header.Typeflag == tar.TypeSymlink {
				target := e.header.Linkname
				if !path.IsAbs(target) {
					target = path.Join(path.Dir(at), target)
				}
				next = path.Join(append([]string{target}, parts[n+1:]...)...)
				break
			}
		}
		if next == "" {
			return f[path.Clean(name)].content
		}
		name = next
	}
	return nil
}

// observe makes of an image what the table should say.
func observe(t *testing.T, image v1.Image, want images.Image) images.Image {
	t.Helper()
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := image.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	files := flatten(t, image)
	got := images.Image{
		User: config.Config.User, Architecture: config.Architecture, Layers: len(manifest.Layers),
		Base:    manifest.Annotations["org.opencontainers.image.base.name"] + config.Config.Labels["org.opencontainers.image.base.name"],
		Command: slices.Concat(config.Config.Entrypoint, config.Config.Cmd),
		BuiltBy: builders(config.History),
	}
	for _, name := range []string{"/etc/nsswitch.conf", "/etc/protocols", "/etc/services"} {
		if _, ok := files[name]; ok {
			got.Resolver = append(got.Resolver, name)
		}
	}
	for line := range strings.Lines(string(files.read("/etc/passwd"))) {
		got.Users = append(got.Users, strings.Split(line, ":")[0])
	}
	got.UID = uidOf(got.User, string(files.read("/etc/passwd")))
	files.observeProgram(&got, want)
	files.observeFolders(&got)
	files.observePackages(&got)
	files.observeAuthorities(t, &got)
	return got
}

func builders(history []v1.History) (who []string) {
	for _, h := range history {
		said := strings.ToLower(h.Author + " " + h.Comment)
		for _, name := range []string{"bazel", "apko", "ko", "jib", "buildkit", "debuerreotype"} {
			if strings.Contains(said, name) {
				if len(who) == 0 || who[len(who)-1] != name {
					who = append(who, name)
				}
				break
			}
		}
	}
	return who
}

func uidOf(user, passwd string) int64 {
	user, _, _ = strings.Cut(user, ":")
	if uid, err := strconv.ParseInt(user, 10, 64); err == nil {
		return uid
	}
	for line := range strings.Lines(passwd) {
		if fields := strings.Split(line, ":"); fields[0] == user {
			uid, err := strconv.ParseInt(fields[2], 10, 64)
			if err == nil {
				return uid
			}
		}
	}
	return -1
}

var release = regexp.MustCompile(`(?m)^PRETTY_NAME="(.*)"$`)

// observeFolders finds shells, one's own files, time zones and what the user may write to.
func (f tree) observeFolders(got *images.Image) {
	shells := []string{"sh", "bash", "rbash", "dash", "ash", "zsh", "ksh", "mksh"}
	for name, e := range f {
		h := e.header
		switch {
		case h.Typeflag != tar.TypeDir && slices.Contains(shells, path.Base(name)) && len(f.read(name)) > 0 && bytes.HasPrefix(f.read(name), []byte(elf.ELFMAG)):
			got.Shells = append(got.Shells, name)
		case h.Typeflag == tar.TypeDir && (h.Mode&0o002 != 0 || int64(h.Uid) == got.UID && h.Mode&0o200 != 0):
			got.Writable = append(got.Writable, name)
		case path.Dir(name) == "/app":
			got.Files = append(got.Files, path.Base(name))
		}
	}
	slices.Sort(got.Shells)
	slices.Sort(got.Writable)
	slices.Sort(got.Files)
	got.TimeZones = len(f.read("/usr/share/zoneinfo/Europe/Berlin")) > 0
	if words := release.FindSubmatch(f.read("/etc/os-release")); words != nil {
		got.OS = string(words[1])
	}
}

func (f tree) observeProgram(got *images.Image, want images.Image) {
	if len(got.Command) == 0 {
		return
	}
	got.Program = got.Command[0]
	if len(got.Command) > 1 {
		got.Script = got.Command[len(got.Command)-1]
	}
	content := f.read(got.Program)
	if info, err := buildinfo.Read(bytes.NewReader(content)); err == nil {
		got.GoModule = info.Main.Path
	}
	if program, err := elf.NewFile(bytes.NewReader(content)); err == nil {
		if section := program.Section(".interp"); section != nil {
			text, _ := section.Data()
			got.Interpreter = strings.Trim(string(text), "\x00")
			f.need(got, got.Interpreter)
		}
		libraries, _ := program.ImportedLibraries()
		for _, library := range libraries {
			f.need(got, library)
		}
		if machine := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[want.Architecture]; program.Machine != machine {
			got.Program += " is for " + program.Machine.String()
		}
	}
	if line, ok := bytes.CutPrefix(content, []byte("#!")); ok {
		f.need(got, strings.Fields(string(line))[0])
	}
	got.Runtime = f.runtime()
}

// need notes a path, or a library by its name alone, that the image lacks.
func (f tree) need(got *images.Image, wanted string) {
	if len(f.read(wanted)) > 0 {
		return
	}
	for name := range f {
		if path.Base(name) == wanted && len(f.read(name)) > 0 {
			return
		}
	}
	got.Missing = append(got.Missing, wanted)
}

// runtime reads the version of a language where its own files say it.
func (f tree) runtime() string {
	const java = "/usr/lib/jvm/java-17-openjdk-amd64/release"
	if words := regexp.MustCompile(`JAVA_VERSION="(.*)"`).FindSubmatch(f.read(java)); words != nil {
		return "Java " + string(words[1])
	}
	for name, language := range map[string]string{"nodejs": "Node.js", "python3.11-minimal": "Python"} {
		if words := regexp.MustCompile(`(?m)^Version: ([0-9.]+)`).FindSubmatch(f.read("/var/lib/dpkg/status.d/" + name)); words != nil {
			return language + " " + string(words[1])
		}
	}
	return ""
}

func (f tree) observePackages(got *images.Image) {
	for database, line := range map[string]string{"/var/lib/dpkg/status": "Package: ", "/lib/apk/db/installed": "P:"} {
		for text := range strings.Lines(string(f.read(database))) {
			if name, ok := strings.CutPrefix(text, line); ok {
				got.Database, got.Packages = database, append(got.Packages, strings.TrimSpace(name))
			}
		}
	}
	for name, e := range f {
		if path.Dir(name) == "/var/lib/dpkg/status.d" && !strings.HasSuffix(name, ".md5sums") {
			first, _, _ := strings.Cut(string(e.content), "\n")
			got.Database, got.Packages = path.Dir(name), append(got.Packages, strings.TrimPrefix(first, "Package: "))
		}
	}
	slices.Sort(got.Packages)
}

func (f tree) observeAuthorities(t *testing.T, got *images.Image) {
	const bundle = "/etc/ssl/certs/ca-certificates.crt"
	for rest := f.read(bundle); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatalf("reading %s: %v", bundle, err)
		}
		got.Bundle = bundle
		got.Authorities++
		if got.FirstEnds.IsZero() || certificate.NotAfter.Before(got.FirstEnds) {
			got.FirstEnds = certificate.NotAfter
		}
	}
}
