package images

import (
	"fmt"
	"path"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// builder builds one image. After an error it does nothing more.
type builder struct {
	*workshop
	parts        []mutate.Addendum
	config       v1.Config
	architecture string
	author       string
	annotations  map[string]string
	silent       bool // no history is left
}

// layer adds a layer with what its builder says about it.
func (b *builder) layer(l *layer, told v1.History) {
	if b.err != nil {
		return
	}
	blob, err := l.blob()
	if err != nil {
		b.err = err
		return
	}
	b.parts = append(b.parts, mutate.Addendum{Layer: blob, History: told, MediaType: types.OCILayer})
}

// note adds what a builder says about an instruction that makes no layer.
func (b *builder) note(told ...v1.History) {
	for _, h := range told {
		h.EmptyLayer = true
		b.parts = append(b.parts, mutate.Addendum{History: h})
	}
}

// untold leaves no history.
func (b *builder) untold() { b.silent = true }

// squash makes one layer of all.
func (b *builder) squash() {
	if b.err != nil {
		return
	}
	all := newLayer()
	for _, part := range b.parts {
		blob, err := part.Layer.Uncompressed()
		if err == nil {
			err = all.addTar(blob, func(name string) string { return name })
		}
		if err != nil {
			b.err = err
			return
		}
	}
	b.parts = nil
	b.layer(all, v1.History{})
}

// app adds the layer with one's own program and a file of its own, and works there.
func (b *builder) app(name string, content []byte, told v1.History, with ...*layer) {
	l := newLayer()
	if len(with) > 0 {
		l = with[0]
	}
	l.file(path.Join("app", name), 0o755, content)
	l.text("app/hello.txt", fmt.Sprintf("hello from %s\n", b.name))
	b.layer(l, told)
	b.config.WorkingDir = "/app"
	if b.config.Env == nil {
		b.config.Env = []string{"PATH=" + usualPath}
	}
}

// image is what was built.
func (b *builder) image() (v1.Image, error) {
	if b.err != nil {
		return nil, b.err
	}
	i := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	i, err := mutate.Append(i, b.parts...)
	if err != nil {
		return nil, err
	}
	config, err := i.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.Architecture, config.OS, config.Author, config.Created = b.architecture, "linux", b.author, v1.Time{Time: made}
	config.Config = b.config
	if b.silent {
		config.History = nil
	}
	if i, err = mutate.ConfigFile(i, config); err != nil || b.annotations == nil {
		return i, err
	}
	return mutate.Annotations(i, b.annotations).(v1.Image), nil
}

// distroless adds a layer for each package and those that every such image has, with the metadata of its packages where
// scanners look for it.
func (b *builder) distroless(lists ...[]string) {
	for _, name := range slices.Concat(lists...) {
		d := b.deb(name, asShipped)
		if b.err != nil {
			return
		}
		if name == "ca-certificates" {
			d.files = b.certificates(d)
		}
		d.files.text("var/lib/dpkg/status.d/"+name, d.control)
		d.files.text("var/lib/dpkg/status.d/"+name+".md5sums", d.md5sums)
		b.layer(d.files, bazel)
	}
	l := newLayer()
	l.text("usr/lib/os-release", distrolessRelease)
	l.text("etc/passwd", "root:x:0:0:root:/root:/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\n"+
		"nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n")
	l.text("etc/group", "root:x:0:\nnobody:x:65534:\ntty:x:5:\nstaff:x:50:\nnonroot:x:65532:\n")
	l.text("etc/nsswitch.conf", "hosts: files dns\n")
	l.dir("home/nonroot", 0o700, nonroot)
	l.dir("tmp", 0o1777, 0)
	b.layer(l, bazel)
	b.config.User = "65532"
	b.config.Env = []string{"PATH=" + usualPath, "SSL_CERT_FILE=/" + bundle}
}

const distrolessRelease = `PRETTY_NAME="Distroless"
NAME="Debian GNU/Linux"
ID="debian"
VERSION_ID="12"
VERSION="Debian GNU/Linux 12 (bookworm)"
HOME_URL="https://github.com/GoogleContainerTools/distroless"
SUPPORT_URL="https://github.com/GoogleContainerTools/distroless/blob/master/README.md"
BUG_REPORT_URL="https://github.com/GoogleContainerTools/distroless/issues/new"
`

// certificates is the bundle that update-ca-certificates would make of the package, without the single files.
func (b *builder) certificates(d deb) *layer {
	var all strings.Builder
	for _, c := range authorities(d) {
		all.WriteString(c.text)
	}
	l := newLayer()
	l.text(bundle, all.String())
	l.text("usr/share/doc/ca-certificates/copyright", string(d.files.entries["usr/share/doc/ca-certificates/copyright"].content))
	return l
}

// authority is a certificate of the package: its name there, and the text.
type authority struct{ name, text string }

// authorities are in the order of the bundle.
func authorities(d deb) (all []authority) {
	const dir = "usr/share/ca-certificates/mozilla/"
	for file, e := range d.files.entries {
		if name, ok := strings.CutPrefix(file, dir); ok && strings.HasSuffix(name, ".crt") {
			all = append(all, authority{strings.TrimSuffix(name, ".crt"), strings.TrimSpace(string(e.content)) + "\n"})
		}
	}
	slices.SortFunc(all, func(a, b authority) int { return strings.Compare(a.name, b.name) })
	return all
}

// busybox adds a shell where the :debug images of distroless have it.
func (b *builder) busybox() {
	binary := b.deb("busybox-static", asShipped).files.entries["bin/busybox"].content
	l := newLayer()
	l.file("busybox/busybox", 0o755, binary)
	for _, applet := range b.applets(binary) {
		l.link("busybox/"+applet, "/busybox/busybox")
	}
	b.layer(l, bazel)
}

// slim adds the one layer of Debian's own image: merged /usr, a shell, dpkg and its database.
func (b *builder) slim() {
	all := newLayer()
	var status strings.Builder
	for _, name := range slimPackages {
		d := b.deb(name, merged)
		if b.err != nil {
			return
		}
		for _, e := range d.files.entries {
			all.put(e.header, e.content)
		}
		status.WriteString(strings.Replace(d.control, "\n", "\nStatus: install ok installed\n", 1) + "\n")
		all.text("var/lib/dpkg/info/"+name+".md5sums", d.md5sums)
	}
	all.text("var/lib/dpkg/status", status.String())
	for _, folder := range mergedFolders {
		all.link(folder, "usr/"+folder)
	}
	all.link("usr/bin/awk", "mawk")
	all.text("etc/passwd", string(all.entries["usr/share/base-passwd/passwd.master"].content))
	all.text("etc/group", string(all.entries["usr/share/base-passwd/group.master"].content))
	b.layer(all, v1.History{CreatedBy: "# debian.sh --arch 'amd64' out/ 'bookworm' '@1763337600'", Comment: "debuerreotype 0.16", Created: v1.Time{Time: made}})
	b.note(v1.History{CreatedBy: `CMD ["bash"]`, Comment: "debuerreotype 0.16", Created: v1.Time{Time: made}})
}
