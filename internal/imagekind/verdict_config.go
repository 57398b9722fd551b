package imagekind

import (
	"regexp"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// baseName is where tools that make images say what they built on (OCI image specification, annotations.md).
const baseName = "org.opencontainers.image.base.name"

// The words of builders in an image's history: a step that ran in a shell of the image, and a distribution's own end of
// its base image. Docker's classic builder and buildah write `/bin/sh -c apt-get …` (and `#(nop)` for what runs nothing),
// BuildKit `RUN |1 ARG=x /bin/sh -c apt-get … # buildkit`. They are compiled where they are used: every start would pay.
var (
	ranShell = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(?:RUN )?(?:\|\d+ .*?)?(/\S*/\w*sh) (?:-\w+ (?:pipefail )?)*-\w*c (?:[^#\s]|#[^(])`)
	})
	// removesShell is a step that takes a shell, or the folder of one, away: then the history does not tell what is left.
	removesShell = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`\brm (?:[^;&|]*[\s/*])?(?:\*?sh|bash|dash|ash|busybox|bin|bin/\*)(?:[\s;&|]|$)|\bapk (?:\S+ )*del [^;&|]*busybox`)
	})
	shellIsCmd = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\bCMD \["((?:/\S*/)?(?:sh|bash|ash|dash))"\]`) })
)

// FromConfig returns what an image's manifest and configuration tell: the history of how it was made, then the base image
// that its maker names. It is no proof: what a step made another may have removed.
func FromConfig(annotations map[string]string, config *v1.ConfigFile) Verdict {
	for _, step := range config.History {
		if removesShell().MatchString(step.CreatedBy) {
			return nothing
		}
	}
	for _, step := range config.History {
		if match := ranShell().FindStringSubmatch(step.CreatedBy); match != nil {
			return Verdict{WithShell, "a step of its history ran " + match[1], Likely}
		}
		if match := shellIsCmd().FindStringSubmatch(step.CreatedBy); match != nil {
			return Verdict{WithShell, "a step of its history made its command " + match[1], Likely}
		}
	}
	command := config.Config.Entrypoint
	if len(command) == 0 {
		command = config.Config.Cmd
	}
	if shell := shellOf(command); shell != "" {
		return Verdict{WithShell, "its configuration runs " + shell, Likely}
	}
	for _, said := range []struct{ where, base string }{
		{"annotation", annotations[baseName]},
		{"label", config.Config.Labels[baseName]},
	} {
		if v := FromReference(said.base); v.Known() {
			v.Evidence = said.where + " " + baseName + ": " + said.base
			return v
		}
	}
	return nothing
}
