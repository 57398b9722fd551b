package images

import (
	"archive/tar"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"path"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// apkPackage is an entry of apk's database: what the real image would have, with the files of Debian's package in it.
type apkPackage struct {
	name, version, description, license string
	files                               *layer
}

// wolfi adds the one layer of an image of apko: its packages' files, and the database that lists them.
func (b *builder) wolfi() {
	libc, ssl, zones, ca := b.deb("libc6", flat), b.deb("libssl3", flat), b.deb("tzdata", asShipped), b.deb("ca-certificates", asShipped)
	if b.err != nil {
		return
	}
	layout := newLayer()
	layout.text("etc/os-release", wolfiRelease)
	layout.text("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnonroot:x:65532:65532:Account created by apko:/home/nonroot:/bin/sh\n")
	layout.text("etc/group", "root:x:0:root\nnonroot:x:65532:\n")
	layout.text("etc/nsswitch.conf", "hosts: files dns\n")
	layout.dir("home/nonroot", 0o755, nonroot)
	layout.dir("tmp", 0o1777, 0)
	layout.link("lib64", "lib")
	roots := newLayer()
	roots.text(bundle, string(b.certificates(ca).entries[bundle].content))
	delete(zones.files.entries, "usr/sbin/tzconfig")

	all := newLayer()
	var database strings.Builder
	for _, p := range []apkPackage{
		{"ca-certificates-bundle", "20241121-r1", "CA certificates in the PEM format", "MPL-2.0 AND MIT", roots},
		{"glibc", "2.40-r8", "the GNU C library", "LGPL-2.1-or-later", libc.files},
		{"libcrypto3", "3.4.1-r0", "libraries of OpenSSL", "Apache-2.0", ssl.files},
		{"tzdata", "2025a-r0", "time zones", "CC-PDDC", zones.files},
		{"wolfi-baselayout", "20230201-r20", "base layout of directories for wolfi", "MIT", layout},
	} {
		p.files.addParents()
		for _, e := range p.files.entries {
			all.put(e.header, e.content)
		}
		database.WriteString(p.entry())
	}
	all.text("lib/apk/db/installed", database.String())
	all.text("etc/apk/world", "ca-certificates-bundle\nglibc\ntzdata\nwolfi-baselayout\n")
	all.text("etc/apk/repositories", "https://packages.wolfi.dev/os\n")
	all.text("etc/apk/arch", "x86_64\n")
	b.layer(all, v1.History{Author: "apko", CreatedBy: "apko", Comment: "This is an apko single-layer image", Created: v1.Time{Time: made}})
	b.config.User = "65532"
	b.config.Env = []string{"PATH=" + usualPath, "SSL_CERT_FILE=/" + bundle}
	b.author = "github.com/chainguard-dev/apko"
	b.annotations = map[string]string{
		"dev.chainguard.image.title":       "glibc-dynamic",
		"org.opencontainers.image.authors": "Chainguard Team https://www.chainguard.dev/",
		baseName:                           "cgr.dev/chainguard/glibc-dynamic:latest",
	}
}

const wolfiRelease = `ID=wolfi
NAME="Wolfi"
PRETTY_NAME="Wolfi"
VERSION_ID="20230201"
HOME_URL="https://wolfi.dev"
BUG_REPORT_URL="https://github.com/wolfi-dev/os/issues"
`

// flat keeps the libraries of a package of Debian's, in /lib, where a Wolfi image has them.
func flat(name string) string {
	dir, base := path.Split(name)
	if strings.HasSuffix(dir, "lib/x86_64-linux-gnu/") && strings.Contains(base, ".so") {
		return "lib/" + base
	}
	return ""
}

// entry is the package in apk's database.
func (p apkPackage) entry() string {
	var names []string
	size := 0
	for name, e := range p.files.entries {
		names = append(names, name)
		size += len(e.content)
	}
	slices.Sort(names)
	var b strings.Builder
	fmt.Fprintf(&b, "C:%s\nP:%s\nV:%s\nA:x86_64\nS:%d\nI:%d\nT:%s\nU:https://wolfi.dev\nL:%s\no:%s\nm:wolfi\nt:0\n",
		apkSum([]byte(p.name+p.version)), p.name, p.version, size/2, size, p.description, p.license, p.name)
	for _, name := range names {
		if e := p.files.entries[name]; e.header.Typeflag == tar.TypeDir {
			fmt.Fprintf(&b, "F:%s\n", name)
			for _, file := range names {
				if f := p.files.entries[file]; path.Dir(file) == name && f.header.Typeflag != tar.TypeDir {
					fmt.Fprintf(&b, "R:%s\na:0:0:%o\nZ:%s\n", path.Base(file), f.header.Mode&0o7777, apkSum(f.content))
				}
			}
		}
	}
	return b.String() + "\n"
}

func apkSum(content []byte) string {
	sum := sha1.Sum(content)
	return "Q1" + base64.StdEncoding.EncodeToString(sum[:])
}
