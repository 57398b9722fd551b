// Package image makes the images that a cluster begins with, with buildah and from no registry, and keeps their archives by
// a hash of all they are made from.
package image

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/mindebug/kubectl-mindebug/test/cluster/internal/config"
)

// Names of the images that others ask for. None is tagged latest, so that the default pull policy is IfNotPresent.
const (
	Debug = "mindebug.test/debug:dev"
	Stock = "mindebug.test/busybox:stock"
)

// Image is one folder of sources and the archives made from it.
type Image struct {
	Name   string            // of the folder, and in the archives' names
	Refs   map[string]string // image reference by archive, "nonroot.tar"
	Inputs []string          // files of the machine that it is made from, and folders of such
	Salt   string            // whatever else changes the result
	Build  func(ctx context.Context, job Job) error
}

// Job is one build: where its archives go, a folder for what lies about meanwhile, and the environment of its commands.
type Job struct {
	Out, Work string
	Env       []string
}

// archives are the paths of its archives in the folder out, with their references.
func (i Image) archives(out string) map[string]string {
	paths := map[string]string{}
	for file, ref := range i.Refs {
		paths[filepath.Join(out, file)] = ref
	}
	return paths
}

// Sources are the places that images are made from, outside of this module.
type Sources struct {
	PauseC   string // pause's source
	DebugDir string // the repository's images/debug
	Compiler string // the version of Go
}

// All returns every image that a cluster begins with; the sandbox's comes first.
func All(s Sources) []Image {
	return []Image{
		embedded("pause", map[string]string{"3.10": config.PauseImage}, []string{s.PauseC}, "", func(ctx context.Context, dir string) error {
			return compileC(ctx, s.PauseC, filepath.Join(dir, "pause"))
		}),
		embedded("busybox", map[string]string{"stock": Stock}, []string{busybox}, "", busyboxTree),
		embedded("http", map[string]string{
			"nonroot":  "mindebug.test/http:nonroot",
			"named":    "mindebug.test/http:named",
			"root":     "mindebug.test/http:root",
			"uid":      "mindebug.test/http:uid",
			"filecaps": "mindebug.test/http:filecaps",
			"setuid":   "mindebug.test/http:setuid",
			"nodump":   "mindebug.test/http:nodump",
		}, nil, s.Compiler, httpServer),
		{
			Name:   "debug",
			Refs:   map[string]string{"dev.tar": Debug},
			Inputs: []string{s.DebugDir},
			Build: func(ctx context.Context, job Job) error {
				return run(ctx, "", job.Env, filepath.Join(s.DebugDir, "build"), filepath.Join(job.Out, "dev.tar"))
			},
		},
	}
}

// FindDebugDir looks for images/debug in the folder from and those above it.
func FindDebugDir(from string) (string, error) {
	for dir := from; ; dir = filepath.Dir(dir) {
		candidate := filepath.Join(dir, "images", "debug")
		if _, err := os.Stat(filepath.Join(candidate, "build")); err == nil {
			return candidate, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no images/debug/build in %s or above: run this in the repository (go -C test/cluster run .)", from)
		}
	}
}
