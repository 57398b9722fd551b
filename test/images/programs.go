package images

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha1"
	"embed"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed programs
var programFiles embed.FS

// program is a source of one's own.
func program(name string) string {
	text, err := programFiles.ReadFile("programs/" + name)
	if err != nil {
		panic(err) // it is compiled in
	}
	return string(text)
}

// workshop is what images are made with: the packages, the compilers, and the first error.
type workshop struct {
	ctx  context.Context // of one build, which is one call
	name string
	pkgs packages
	work string // a folder that is removed after the build
	err  error
}

func (w *workshop) deb(name string, rename func(string) string) deb {
	if w.err != nil {
		return deb{files: newLayer()}
	}
	d, err := w.pkgs.open(w.ctx, name, rename)
	if err != nil {
		w.err = err
		return deb{files: newLayer()}
	}
	return d
}

// run runs a command in a folder and returns what it prints.
func (w *workshop) run(dir string, env []string, name string, args ...string) []byte {
	if w.err != nil {
		return nil
	}
	cmd := exec.CommandContext(w.ctx, name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		w.err = fmt.Errorf("%s: %w\n%s", filepath.Base(name), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return out
}

// folder makes a folder with sources in it.
func (w *workshop) folder(name string, sources map[string]string) string {
	dir := filepath.Join(w.work, name)
	if w.err == nil {
		w.err = os.MkdirAll(dir, 0o755)
	}
	for file, text := range sources {
		if w.err == nil {
			w.err = os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644)
		}
	}
	return dir
}

func (w *workshop) read(path string) []byte {
	if w.err != nil {
		return nil
	}
	content, err := os.ReadFile(path)
	w.err = err
	return content
}

// goProgram compiles a program as a module of its own, since its name and what it needs stand in the binary.
func (w *workshop) goProgram(source, module string, env ...string) []byte {
	dir := w.folder("go", map[string]string{
		"main.go": program(source),
		"go.mod":  "module " + module + "\n\ngo 1.26.0\n\nrequire golang.org/x/sync " + syncVersion + "\n",
		"go.sum":  "golang.org/x/sync " + syncVersion + " " + syncSum + "\ngolang.org/x/sync " + syncVersion + "/go.mod " + syncModSum + "\n",
	})
	w.run(dir, append([]string{"GOWORK=off", "GOFLAGS="}, env...), "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", "server", ".")
	return w.read(filepath.Join(dir, "server"))
}

// The one module that the static Go program needs: it is in its build information.
const (
	syncVersion = "v0.24.0"
	syncSum     = "h1:iqiDrGoDgyuvAKrhLQthUEzU/R378N78gXbBjxed7oA="
	syncModSum  = "h1:sUUOizhqBxiL6pEWpqNLUiaJn1ShEbZ6BBqskPbjZm0="
)

func (w *workshop) static() []byte {
	return w.goProgram("server/main.go", "mindebug.test/shop/api", "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
}

func (w *workshop) arm64() []byte {
	return w.goProgram("server/main.go", "mindebug.test/shop/api", "CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm64")
}

func (w *workshop) cgo() []byte {
	return w.goProgram("cgo/main.go", "mindebug.test/shop/pay", "CGO_ENABLED=1", "GOOS=linux", "GOARCH=amd64")
}

func (w *workshop) musl() []byte {
	dir := w.folder("c", map[string]string{"server.c": program("c/server.c")})
	w.run(dir, nil, "musl-gcc", "-static", "-Os", "-s", "-Wall", "-o", "server", "server.c")
	return w.read(filepath.Join(dir, "server"))
}

// applets are the names that a BusyBox answers to.
func (w *workshop) applets(binary []byte) []string {
	dir := w.folder("busybox", nil)
	path := filepath.Join(dir, "busybox")
	if w.err == nil {
		w.err = os.WriteFile(path, binary, 0o755)
	}
	return strings.Fields(strings.ReplaceAll(string(w.run(dir, nil, path, "--list")), "busybox\n", ""))
}

const javaHome = "usr/lib/jvm/java-17-openjdk-amd64"

// jar is the Java program: its compiler is a module of the runtime itself, which is unpacked and run here.
func (w *workshop) jar() []byte {
	if w.err != nil {
		return nil
	}
	runtime, err := w.pkgs.file(w.ctx, "openjdk-17-jre-headless")
	if err != nil {
		w.err = err
		return nil
	}
	dir := w.folder("java", map[string]string{"Server.java": program("java/Server.java")})
	w.run(dir, nil, "dpkg-deb", "--extract", runtime, "runtime")
	w.run(dir, nil, filepath.Join(dir, "runtime", javaHome, "bin", "java"), "-m", "jdk.compiler/com.sun.tools.javac.Main",
		"--release", "17", "-d", "classes", "Server.java")
	class := w.read(filepath.Join(dir, "classes", "Server.class"))
	var jar bytes.Buffer
	archive := zip.NewWriter(&jar)
	for _, file := range []struct{ name, text string }{
		{"META-INF/MANIFEST.MF", "Manifest-Version: 1.0\r\nMain-Class: Server\r\nImplementation-Title: shop-orders\r\nImplementation-Version: 4.0.1\r\n"},
		{"Server.class", string(class)},
	} {
		entry, err := archive.Create(file.name)
		if err == nil {
			_, err = io.WriteString(entry, file.text)
		}
		if w.err == nil {
			w.err = err
		}
	}
	if err := archive.Close(); w.err == nil {
		w.err = err
	}
	return jar.Bytes()
}

// javaFiles adds what the package's scripts would make: the command, and Java's own store of authorities.
func (b *builder) javaFiles() {
	l := newLayer()
	l.link("usr/bin/java", "/"+javaHome+"/bin/java")
	l.file("etc/ssl/certs/java/cacerts", 0o644, b.keyStore(authorities(b.deb("ca-certificates", asShipped))))
	b.layer(l, bazel)
}

// keyStore is a key store of Java's, in its format JKS with the usual password: trusted certificates, then a sum over the
// password and all before.
func (w *workshop) keyStore(all []authority) []byte {
	const magic, version, trusted = 0xFEEDFEED, 2, 2
	var b []byte
	text := func(s string) { b = append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...) }
	for _, word := range []uint32{magic, version, uint32(len(all))} {
		b = binary.BigEndian.AppendUint32(b, word)
	}
	for _, c := range all {
		block, _ := pem.Decode([]byte(c.text))
		if block == nil {
			w.err = fmt.Errorf("%s is no certificate", c.name)
			return nil
		}
		b = binary.BigEndian.AppendUint32(b, trusted)
		text("debian:" + strings.ToLower(strings.ToValidUTF8(c.name, "")))
		b = binary.BigEndian.AppendUint64(b, 0)
		text("X.509")
		b = binary.BigEndian.AppendUint32(b, uint32(len(block.Bytes)))
		b = append(b, block.Bytes...)
	}
	sum := sha1.New()
	for _, c := range "changeit" {
		sum.Write([]byte{0, byte(c)})
	}
	sum.Write([]byte("Mighty Aphrodite"))
	sum.Write(b)
	return sum.Sum(b)
}
