// Package kubeversion holds the one number that decides what a cluster is made of: the Kubernetes release.
// It is not a general semantic version: pre-releases are not built here.
package kubeversion

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Default is the release that a cluster runs when none is asked for.
const Default = "1.36.3"

// oldest is the first minor release whose kubelet settings this program knows.
const oldest = 30

// Version is a Kubernetes release, 1.Minor.Patch.
type Version struct {
	Minor, Patch int
}

// Parse reads "1.36.3" or "v1.36.3".
func Parse(s string) (Version, error) {
	parts := regexp.MustCompile(`^1\.(\d{1,3})\.(\d{1,3})$`).FindStringSubmatch(strings.TrimPrefix(s, "v"))
	if parts == nil {
		return Version{}, fmt.Errorf("version %q of Kubernetes is not of the form 1.MINOR.PATCH", s)
	}
	minor, err := strconv.Atoi(parts[1])
	if err != nil {
		return Version{}, fmt.Errorf("reading version %q of Kubernetes: %w", s, err)
	}
	patch, err := strconv.Atoi(parts[2])
	if err != nil {
		return Version{}, fmt.Errorf("reading version %q of Kubernetes: %w", s, err)
	}
	if minor < oldest {
		return Version{}, fmt.Errorf("version %q of Kubernetes is older than 1.%d, the oldest that can be started here", s, oldest)
	}
	return Version{Minor: minor, Patch: patch}, nil
}

// String is the version as people write it, 1.36.3.
func (v Version) String() string { return fmt.Sprintf("1.%d.%d", v.Minor, v.Patch) }

// Tag is the version of the module k8s.io/kubernetes, v1.36.3.
func (v Version) Tag() string { return "v" + v.String() }

// StagingTag is the version of the modules that are published from its staging folder, v0.36.3.
func (v Version) StagingTag() string { return fmt.Sprintf("v0.%d.%d", v.Minor, v.Patch) }

// AtLeast tells whether v is of 1.minor or newer.
func (v Version) AtLeast(minor int) bool { return v.Minor >= minor }
