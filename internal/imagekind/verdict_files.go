package imagekind

import (
	"fmt"
	"slices"
)

// Files is what is known of the files of an image, or of a container's root.
type Files struct {
	// Shells are the paths of its shells, as /bin/sh.
	Shells []string
	// OSRelease is the ID of its os-release(5), as "debian"; empty where it has no such file.
	OSRelease string
	// Packages are the paths of its package databases, of those in Databases.
	Packages []string
	// Whole is true where all files were looked at, false where only the usual places were.
	Whole bool
}

// The package databases that tell a kind.
const (
	// DpkgStatusD is the folder in which distroless images keep what dpkg keeps in one file.
	DpkgStatusD = "var/lib/dpkg/status.d"
	// Chisel is the manifest of chiselled Ubuntu.
	Chisel = "var/lib/chisel/manifest.wall"
)

// Databases are where package databases are, as paths below the root: those above, and those of dpkg, apk and rpm.
func Databases() []string {
	return []string{
		DpkgStatusD, Chisel, "var/lib/dpkg/status", "lib/apk/db/installed", "usr/lib/apk/db/installed", "var/lib/rpm", "usr/lib/sysimage/rpm",
	}
}

// OSReleases are where an os-release(5) is, as paths below the root: the first that there is counts.
func OSReleases() []string { return []string{"etc/os-release", "usr/lib/os-release"} }

// FromFiles returns what the files of an image tell. That a shell is not in the usual places is no proof that there is
// none.
func FromFiles(f Files) Verdict {
	if len(f.Shells) > 0 {
		return Verdict{WithShell, "it has " + slices.Min(f.Shells), Certain}
	}
	v := Verdict{Certainty: Certain}
	none := "no shell among its files"
	if !f.Whole {
		v.Certainty, none = Likely, "no shell in the usual places"
	}
	database := ""
	if len(f.Packages) > 0 {
		database = f.Packages[0]
	}
	switch has := func(path string) bool { return slices.Contains(f.Packages, path) }; {
	case f.OSRelease == "wolfi" || f.OSRelease == "chainguard":
		v.Kind, v.Evidence = Wolfi, fmt.Sprintf("%s; its os-release says %q", none, f.OSRelease)
	case has(DpkgStatusD):
		v.Kind, v.Evidence = Distroless, none+"; packages in /"+DpkgStatusD
	case has(Chisel):
		v.Kind, v.Evidence = Distroless, none+"; packages in /"+Chisel
	case f.OSRelease != "":
		v.Kind, v.Evidence = NoShell, fmt.Sprintf("%s; its os-release says %q", none, f.OSRelease)
	case database != "":
		v.Kind, v.Evidence = NoShell, none+"; packages in /"+database
	default:
		v.Kind, v.Evidence = Scratch, none+", and no distribution"
	}
	return v
}
