package imagekind

import (
	"slices"
	"strings"

	"github.com/distribution/reference"
)

// family is a set of images whose maker says what they have.
type family struct {
	// registry and folder are where they are. name reports whether one is of the family; tag, what its tag makes of it:
	// the kind and why.
	registry, folder string
	name             func(string) bool
	tag              func(string) (Kind, string)
}

func anyName(string) bool { return true }

// families are told by where an image comes from, and never by a name alone that anybody may give.
var families = []family{
	{"gcr.io", "distroless", anyName, func(tag string) (Kind, string) {
		if strings.Contains(tag, "debug") {
			return WithShell, "the debug variant of a distroless image"
		}
		return Distroless, "a distroless image"
	}},
	{
		"cgr.dev", "chainguard", func(name string) bool { return !slices.Contains(chainguardWithShell, name) },
		func(tag string) (Kind, string) {
			if strings.HasSuffix(tag, "-dev") || strings.Contains(tag, "-dev-") {
				return WithShell, "the development variant of a Chainguard image"
			}
			return Wolfi, "a Chainguard image"
		},
	},
	{"mcr.microsoft.com", "dotnet", anyName, func(tag string) (Kind, string) {
		if strings.Contains(tag, "-chiseled") {
			return Distroless, "a chiselled .NET image"
		}
		return "", ""
	}},
	{
		"registry.k8s.io", "", func(name string) bool { return name == "pause" },
		func(string) (Kind, string) { return Scratch, "the pause image of Kubernetes" },
	},
	{
		"docker.io", "library", func(name string) bool { return slices.Contains(distributions, name) },
		func(string) (Kind, string) { return WithShell, "the image of a distribution" },
	},
}

var (
	// chainguardWithShell are images of that family that have a shell, or may have one, in each variant.
	chainguardWithShell = []string{
		"bash", "busybox", "chainguard-base", "wolfi-base", "git", "jenkins", "mariadb", "mysql", "postgres", "sdk", "zsh",
	}
	distributions = []string{
		"almalinux", "alpine", "amazonlinux", "archlinux", "busybox", "debian", "fedora", "oraclelinux", "rockylinux", "ubuntu",
	}
)

// FromReference returns what an image's reference tells, where it is of a known family. A digest alone tells nothing: all
// variants of an image are in one repository.
func FromReference(image string) Verdict {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return nothing
	}
	_, byDigest := named.(reference.Digested)
	tagged, hasTag := named.(reference.Tagged)
	tag := "latest"
	switch {
	case hasTag:
		tag = tagged.Tag()
	case byDigest:
		return nothing
	}
	folder, name := "", reference.Path(named)
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		folder, name = name[:i], name[i+1:]
	}
	for _, f := range families {
		if f.registry != reference.Domain(named) || f.folder != folder || !f.name(name) {
			continue
		}
		if kind, what := f.tag(tag); kind != "" {
			return Verdict{kind, "its name is that of " + what, Likely}
		}
	}
	return nothing
}
