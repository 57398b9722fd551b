package images

import (
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// The packages of each base, in the order of their layers.
var (
	staticPackages = []string{"base-files", "netbase", "tzdata", "media-types", "ca-certificates"}
	basePackages   = []string{"libc6", "libssl3"}
	ccPackages     = []string{"libgcc-s1", "libstdc++6", "libgomp1"}
	javaPackages   = []string{"zlib1g", "openjdk-17-jre-headless"}
	nodePackages   = []string{"zlib1g", "libc-ares2", "libnghttp2-14", "libuv1", "libicu72", "libbrotli1", "libnode108", "node-acorn", "node-busboy", "node-cjs-module-lexer", "node-undici", "nodejs"}
	pythonPackages = []string{
		"zlib1g", "libexpat1", "libffi8", "libbz2-1.0", "liblzma5", "libsqlite3-0", "libuuid1", "libncursesw6", "libtinfo6",
		"libreadline8", "libcrypt1", "libpython3.11-minimal", "libpython3.11-stdlib", "python3.11-minimal",
	}
	slimPackages = []string{
		"base-files", "base-passwd", "bash", "coreutils", "dash", "debianutils", "dpkg", "findutils", "grep", "gzip", "hostname",
		"libacl1", "libattr1", "libbz2-1.0", "libc-bin", "libc6", "libgmp10", "liblzma5", "libmd0", "libpcre2-8-0",
		"libselinux1", "libtinfo6", "libzstd1", "mawk", "sed", "tar", "tzdata", "zlib1g",
	}
)

const (
	nonroot   = 65532
	usualPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	bundle    = "etc/ssl/certs/ca-certificates.crt"
)

// made is when all of it was made, so that the same inputs give the same digests.
var made = time.Unix(0, 0).UTC()

// recipes make the images, by name.
var recipes = map[string]func(*builder){
	"scratch-go": func(b *builder) {
		b.app("server", b.static(), docker("COPY /out/server /app/server # buildkit"))
		b.config.User = "65532:65532"
		b.config.Entrypoint = []string{"/app/server"}
		b.note(docker(`WORKDIR /app`), docker(`USER 65532:65532`), docker(`EXPOSE [8080/tcp]`), docker(`ENTRYPOINT ["/app/server"]`))
		b.config.ExposedPorts = map[string]struct{}{"8080/tcp": {}}
	},
	"scratch-c": func(b *builder) {
		b.app("server", b.musl(), v1.History{})
		b.config.User = "65532"
		b.config.Entrypoint = []string{"/app/server"}
		b.untold()
	},
	"static": func(b *builder) {
		b.distroless(staticPackages)
		b.app("server", b.static(), v1.History{Author: "ko", CreatedBy: "ko build ko://mindebug.test/shop/api", Comment: "go build output, at /ko-app/api"})
		b.config.Entrypoint = []string{"/app/server"}
		b.author = "github.com/ko-build/ko"
		b.annotations = map[string]string{baseName: "gcr.io/distroless/static-debian12:nonroot"}
	},
	"base": func(b *builder) {
		b.distroless(staticPackages, basePackages)
		b.app("server", b.cgo(), docker("COPY /out/server /app/server # buildkit"))
		b.config.Entrypoint = []string{"/app/server"}
		b.note(docker(`ENTRYPOINT ["/app/server"]`))
	},
	"java": func(b *builder) {
		b.distroless(staticPackages, basePackages, ccPackages, javaPackages)
		b.javaFiles()
		b.app("server.jar", b.jar(), v1.History{Author: "Jib", CreatedBy: "jib-maven-plugin:3.4.4", Comment: "classes"})
		b.config.Entrypoint = []string{"/usr/bin/java", "-jar"}
		b.config.Cmd = []string{"/app/server.jar"}
		b.config.Env = append(b.config.Env, "JAVA_VERSION=17", "LANG=C.UTF-8")
	},
	"nodejs": func(b *builder) {
		b.distroless(staticPackages, basePackages, ccPackages, nodePackages)
		l := newLayer()
		l.text("app/package.json", program("node/package.json"))
		b.app("server.js", []byte(program("node/server.js")), v1.History{}, l)
		b.config.Entrypoint = []string{"/usr/bin/node"}
		b.config.Cmd = []string{"/app/server.js"}
		b.squash()
		b.untold()
	},
	"python3": func(b *builder) {
		b.distroless(staticPackages, basePackages, ccPackages, pythonPackages)
		l := newLayer()
		l.link("usr/bin/python3", "python3.11")
		l.link("usr/bin/python", "python3.11")
		b.layer(l, bazel)
		b.app("server.py", []byte(program("python/server.py")), docker("COPY server.py /app/server.py # buildkit"))
		b.config.Entrypoint = []string{"/usr/bin/python3"}
		b.config.Cmd = []string{"/app/server.py"}
		b.config.Labels = map[string]string{baseName: "gcr.io/distroless/python3-debian12:nonroot"}
		b.note(docker(`CMD ["/app/server.py"]`))
	},
	"debug": func(b *builder) {
		b.distroless(staticPackages, basePackages)
		b.busybox()
		b.app("server", b.cgo(), docker("COPY /out/server /app/server # buildkit"))
		b.config.Entrypoint = []string{"/app/server"}
		b.config.Env = []string{"PATH=" + usualPath + ":/busybox", "SSL_CERT_FILE=/" + bundle}
		b.note(docker(`ENTRYPOINT ["/app/server"]`))
	},
	"wolfi": func(b *builder) {
		b.wolfi()
		b.app("server", b.cgo(), docker("COPY /out/server /app/server # buildkit"))
		b.config.Entrypoint = []string{"/app/server"}
		b.note(docker(`ENTRYPOINT ["/app/server"]`))
	},
	"slim": func(b *builder) {
		b.slim()
		b.app("server", b.static(), docker("COPY /out/server /app/server # buildkit"))
		b.config.User = "1000"
		b.config.Entrypoint = []string{"/app/server"}
		b.note(docker(`USER 1000`), docker(`ENTRYPOINT ["/app/server"]`))
	},
	"stripped": func(b *builder) {
		b.slim()
		l := newLayer()
		for _, shell := range []string{"sh", "bash", "rbash", "dash"} {
			l.remove("usr/bin/" + shell)
		}
		b.layer(l, docker("RUN /bin/sh -c rm -f /usr/bin/*sh # buildkit"))
		b.app("server", b.static(), docker("COPY /out/server /app/server # buildkit"))
		b.config.User = "1000"
		b.config.Entrypoint = []string{"/app/server"}
		b.note(docker(`USER 1000`), docker(`ENTRYPOINT ["/app/server"]`))
	},

	"broken-dynamic": func(b *builder) {
		b.app("server", b.cgo(), docker("COPY /out/server /app/server # buildkit"))
		b.config.User = "65532"
		b.config.Entrypoint = []string{"/app/server"}
		b.note(docker(`USER 65532`), docker(`ENTRYPOINT ["/app/server"]`))
	},
	"broken-architecture": func(b *builder) {
		b.app("server", b.arm64(), docker("COPY /out/server /app/server # buildkit"))
		b.config.User = "65532"
		b.config.Entrypoint = []string{"/app/server"}
		b.architecture = "arm64"
		b.note(docker(`USER 65532`), docker(`ENTRYPOINT ["/app/server"]`))
	},
	"broken-user": func(b *builder) {
		b.app("server", b.static(), docker("COPY /out/server /app/server # buildkit"))
		b.config.User = "app"
		b.config.Entrypoint = []string{"/app/server"}
		b.note(docker(`USER app`), docker(`ENTRYPOINT ["/app/server"]`))
	},
	"broken-name": func(b *builder) {
		b.distroless(staticPackages)
		b.app("server", b.static(), docker("COPY /out/server /app/server # buildkit"))
		b.config.User = "nonroot"
		b.config.Entrypoint = []string{"/app/server"}
		b.note(docker(`USER nonroot`), docker(`ENTRYPOINT ["/app/server"]`))
	},
	"broken-entrypoint": func(b *builder) {
		b.distroless(staticPackages)
		b.app("server", b.static(), docker("COPY /out/server /app/server # buildkit"))
	},
	"broken-script": func(b *builder) {
		b.distroless(staticPackages)
		l := newLayer()
		l.file("app/start.sh", 0o755, []byte("#!/bin/sh\nexec /app/server\n"))
		b.app("server", b.static(), docker("COPY /out/ /app/ # buildkit"), l)
		b.config.Entrypoint = []string{"/app/start.sh"}
		b.note(docker(`ENTRYPOINT ["/app/start.sh"]`))
	},
}

// baseName is the annotation of the OCI image specification that names the image below.
const baseName = "org.opencontainers.image.base.name"

// bazel is the line that Bazel leaves for each layer, and docker that of a Dockerfile's instruction.
var bazel = v1.History{Author: "Bazel", CreatedBy: "bazel build ...", Created: v1.Time{Time: made}}

func docker(instruction string) v1.History {
	return v1.History{CreatedBy: instruction, Comment: "buildkit.dockerfile.v0", Created: v1.Time{Time: made}}
}
