// Package imagekind tells what kind of image a container runs, above all whether it has a shell, and what says so. It never
// guesses: where nothing tells, the kind is unknown. It does not look into what an image is made of otherwise.
package imagekind

import "slices"

// Kind is the kind of an image. All but WithShell and Unknown have no shell.
type Kind string

// The kinds of images.
const (
	// Scratch has what was copied into it and no distribution.
	Scratch Kind = "scratch"
	// Distroless has packages of a distribution: those of gcr.io/distroless, or chiselled Ubuntu.
	Distroless Kind = "distroless"
	// Wolfi is made of packages of Wolfi or Chainguard OS.
	Wolfi Kind = "wolfi"
	// NoShell is any other without a shell.
	NoShell   Kind = "no-shell"
	WithShell Kind = "shell"
	Unknown   Kind = "unknown"
)

// Kinds returns all kinds, Unknown last.
func Kinds() []Kind { return []Kind{Scratch, Distroless, Wolfi, NoShell, WithShell, Unknown} }

// Certainty is how sure a verdict is.
type Certainty string

// The certainties of a verdict; an unknown kind has none.
const (
	// Certain is what was seen: a shell that runs, all files of the image.
	Certain Certainty = "certain"
	// Likely is what a name says, or what only a part of the files says.
	Likely Certainty = "likely"
)

// Verdict is what kind of image a container runs.
type Verdict struct {
	Kind Kind `json:"kind"`
	// Evidence is what says so, in words for the user. It may have text of a pod or an image in it.
	Evidence  string    `json:"evidence"`
	Certainty Certainty `json:"certainty"`
}

// nothing is the verdict where nothing tells.
var nothing = Verdict{Kind: Unknown}

// Known reports whether the verdict says anything.
func (v Verdict) Known() bool { return v.Kind != "" && v.Kind != Unknown }

// Best returns the verdict that is surest, the first of those that are alike; where none says anything, one whose kind is
// Unknown.
func Best(verdicts ...Verdict) Verdict {
	best := nothing
	for _, v := range verdicts {
		if v.Known() && (!best.Known() || v.Certainty == Certain && best.Certainty != Certain) {
			best = v
		}
	}
	return best
}

// shells are the names that shells have. Each would do for `kubectl exec`.
var shells = []string{"sh", "bash", "ash", "dash", "zsh", "ksh", "mksh", "yash", "fish", "csh", "tcsh", "rbash", "busybox", "pwsh"}

// IsShell reports whether a program of that name, without its folder, is a shell.
func IsShell(name string) bool { return slices.Contains(shells, name) }
