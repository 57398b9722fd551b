package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/distribution/reference"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/util/workqueue"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/imagekind"
	"github.com/mindebug/kubectl-mindebug/internal/session"
	"github.com/mindebug/kubectl-mindebug/pkg/attach"
)

// KindSources are what tells the kind of an image, beside the pod and the image's name. Each may be nil.
type KindSources struct {
	Images Images
	// Cache has what was seen before.
	Cache *imagekind.Cache
	// Execer runs commands in containers.
	Execer session.Execer
}

// imagesAtOnce is how many images are asked about at a time, probeWithin how long a shell has to run.
const (
	imagesAtOnce = 8
	probeWithin  = 10 * time.Second
)

// kinder tells the kinds of images, each image once.
type kinder struct {
	sources KindSources
	request FindRequest
	reader  imageReader
	// named and seen are the verdicts by reference and by digest, of which asked were asked about.
	named, seen map[string]imagekind.Verdict
	asked       map[string]bool

	mu       sync.Mutex
	progress FindProgress
	tell     func(FindProgress)
	// down are the registries that gave no answer.
	down map[string]error
	// missed is what could not be seen, by what it is about and the registry's name.
	missed map[string]*Unseen
}

func newKinder(cluster Cluster, sources KindSources, r FindRequest, progress func(FindProgress)) *kinder {
	return &kinder{
		sources: sources, request: r, tell: progress,
		reader: imageReader{cluster: cluster, images: sources.Images, request: PlanRequest{UsePullSecrets: r.UsePullSecrets}},
		named:  map[string]imagekind.Verdict{}, seen: map[string]imagekind.Verdict{}, asked: map[string]bool{},
		down: map[string]error{}, missed: map[string]*Unseen{},
	}
}

// unasked is an image of which nothing has told yet, and the containers of the page that run it.
type unasked struct {
	pod       *corev1.Pod
	container string
	found     []*Found
	verdict   imagekind.Verdict
}

// judge fills in the kinds of a page of containers, of which each belongs to the pod at the same place. Sources are asked in
// the order of what they cost.
func (k *kinder) judge(ctx context.Context, found []Found, pods []*corev1.Pod) error {
	images := map[string]*unasked{}
	for i := range found {
		one := &found[i]
		one.Verdict = imagekind.Best(imagekind.FromPod(pods[i], one.Container), k.byName(one.Image), k.byDigest(one.Digest))
		switch {
		case one.Known():
		case one.Digest == "":
			one.Evidence = "it has not run yet"
		case k.asked[one.Digest]:
			one.Verdict = k.seen[one.Digest]
		case k.request.Registry || k.request.Probe:
			if images[one.Digest] == nil {
				images[one.Digest] = &unasked{pod: pods[i], container: one.Container}
			}
			images[one.Digest].found = append(images[one.Digest].found, one)
		}
	}
	if err := k.ask(ctx, images); err != nil {
		return err
	}
	for digest, u := range images {
		k.seen[digest], k.asked[digest] = u.verdict, true
		for _, one := range u.found {
			one.Verdict = u.verdict
		}
	}
	return nil
}

// byName is what the reference tells.
func (k *kinder) byName(image string) imagekind.Verdict {
	v, ok := k.named[image]
	if !ok {
		v = imagekind.FromReference(image)
		k.named[image] = v
	}
	return v
}

// byDigest is what this search, or one before, has seen.
func (k *kinder) byDigest(digest string) imagekind.Verdict {
	v, ok := k.seen[digest]
	if !ok {
		v = k.sources.Cache.Get(digest)
		k.seen[digest] = v
	}
	return v
}

// ask asks the registries about images, and where that tells nothing, their containers.
func (k *kinder) ask(ctx context.Context, images map[string]*unasked) error {
	k.progress.Images = len(images)
	digests := slices.Sorted(maps.Keys(images))
	workqueue.ParallelizeUntil(ctx, imagesAtOnce, len(digests), func(i int) {
		u := images[digests[i]]
		u.verdict = imagekind.Verdict{Kind: imagekind.Unknown}
		if k.request.Registry {
			u.verdict = k.askRegistry(ctx, u)
		}
		if k.request.Probe && !u.verdict.Known() {
			u.verdict = k.probe(ctx, u)
		}
		// A cache that cannot be written is only slower the next time.
		_ = k.sources.Cache.Put(digests[i], u.verdict)
		k.mu.Lock()
		defer k.mu.Unlock()
		k.progress.Asked++
		k.tell(k.progress)
	})
	return context.Cause(ctx)
}

// askRegistry reads the image from its registry. One that has given no answer is not asked again.
func (k *kinder) askRegistry(ctx context.Context, u *unasked) imagekind.Verdict {
	host := hostOf(u.found[0].Image)
	k.mu.Lock()
	err := k.down[host]
	k.mu.Unlock()
	var v imagekind.Verdict
	if err == nil {
		v, err = k.readImage(ctx, u)
	}
	if err == nil || ctx.Err() != nil {
		return v
	}
	var failed *fault.Registry
	reason := "not asked" // since the API server tells no pull secrets
	k.mu.Lock()
	defer k.mu.Unlock()
	if errors.As(err, &failed) {
		reason = string(failed.Reason)
		if failed.Reason == fault.RegistryUnreachable {
			k.down[host] = err
		}
	}
	k.miss(UnseenImages, host, err)
	return imagekind.Verdict{Kind: imagekind.Unknown, Evidence: fmt.Sprintf("registry %s: %s", host, reason)}
}

// readImage reads one image. Where it is not known which of several platforms runs, they must agree.
func (k *kinder) readImage(ctx context.Context, u *unasked) (first imagekind.Verdict, err error) {
	images, done, err := k.reader.open(ctx, u.pod, u.container)
	if err != nil {
		return first, err
	}
	defer done()
	for n, image := range images {
		v, err := imagekind.FromImage(image.Image, k.request.MaxBytes)
		switch {
		case err != nil:
			return first, image.Explain(err)
		case n == 0:
			first = v
		case v.Kind != first.Kind:
			return imagekind.Verdict{Kind: imagekind.Unknown, Evidence: fmt.Sprintf(
				"%s on %s, %s on %s, and nothing tells which the node is", first.Kind, images[0].Platform, v.Kind, image.Platform,
			)}, nil
		case v.Certainty != imagekind.Certain:
			first = v
		}
	}
	return first, nil
}

// hostOf is the registry of an image.
func hostOf(image string) string {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return image
	}
	return reference.Domain(named)
}

// shellsTried are the shells that a probe tries, the likeliest first.
var shellsTried = []string{"sh", "/busybox/sh", "bash"}

// probe runs a shell in one container of the image that runs.
func (k *kinder) probe(ctx context.Context, u *unasked) imagekind.Verdict {
	ctx, cancel := context.WithTimeout(ctx, probeWithin)
	defer cancel()
	i := slices.IndexFunc(u.found, func(one *Found) bool { return one.State == "running" })
	if i < 0 {
		return u.verdict
	}
	one := u.found[i]
	c := attach.Container{Namespace: one.Namespace, Pod: one.Pod, Name: one.Container}
	for _, shell := range shellsTried {
		status, err := k.sources.Execer.Exec(ctx, c, []string{shell, "-c", ":"}, attach.Streams{Stdout: io.Discard, Stderr: io.Discard})
		switch {
		case err == nil && status == 0:
			return imagekind.Verdict{Kind: imagekind.WithShell, Evidence: shell + " was run in it", Certainty: imagekind.Certain}
		case err == nil || noProgram(err):
			continue
		}
		k.mu.Lock()
		k.miss(UnseenProbes, "", err)
		k.mu.Unlock()
		return imagekind.Verdict{Kind: imagekind.Unknown, Evidence: "no command could be run in it"}
	}
	return imagekind.Verdict{
		Kind: imagekind.NoShell, Evidence: "none of these could be run in it: " + strings.Join(shellsTried, ", "), Certainty: imagekind.Likely,
	}
}

// noProgram reports whether a command was not run because there is no such program. The runtime says so in the text of its
// error only: runc 1.1 to 1.4 (finding the program, in libcontainer) by way of containerd and CRI-O.
func noProgram(err error) bool {
	_, text, found := strings.Cut(err.Error(), "exec: ")
	return found && (strings.Contains(text, "executable file not found in $PATH") || strings.Contains(text, "no such file or directory"))
}

// miss notes that something could not be seen. The lock is held.
func (k *kinder) miss(about UnseenAbout, name string, err error) {
	key := string(about) + " " + name
	if k.missed[key] == nil {
		k.missed[key] = &Unseen{About: about, Err: err}
		if name != "" {
			k.missed[key].Names = []string{name}
		}
	}
	k.missed[key].Count++
}

// unseen is what could not be seen, in an order that is always the same.
func (k *kinder) unseen() (all []Unseen) {
	for _, key := range slices.Sorted(maps.Keys(k.missed)) {
		all = append(all, *k.missed[key])
	}
	return all
}
