package app

import (
	"context"
	"errors"
	"fmt"
	"path"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/internal/facts"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/imagekind"
	"github.com/mindebug/kubectl-mindebug/internal/inspect"
	"github.com/mindebug/kubectl-mindebug/internal/preflight"
	"github.com/mindebug/kubectl-mindebug/internal/registry"
	"github.com/mindebug/kubectl-mindebug/internal/session"
	"github.com/mindebug/kubectl-mindebug/internal/ui"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// InspectRequest is what a user asks of an inspection.
type InspectRequest struct {
	SessionRequest
	// FromImage asks for the image where the container runs, too.
	FromImage bool
	// MaxBytes is how much of the files of an image is kept on the disk.
	MaxBytes int64
}

// The sources of an inspection.
const (
	SourceSession = "session"
	SourceImage   = "image"
	SourceFile    = "file"
)

// Inspected is what was found in a container or an image.
type Inspected struct {
	// From is a source; Namespace, Pod and Container are empty of a file, which File names.
	From                      string
	Namespace, Pod, Container string
	File                      string
	// Image is the reference, Digest that of what was looked at, Platform the image's; each where it is known.
	Image, Digest, Platform string
	Kind                    imagekind.Verdict
	Report                  inspect.Report
}

// imageWithin bounds the reading of an image.
const imageWithin = 10 * time.Minute

// Inspect looks at what is in a container: through a session where it runs, else in its image.
func Inspect(ctx context.Context, cluster Cluster, execer session.Execer, images Images, streams Streams, r InspectRequest) (Inspected, error) {
	notices := inspectNotices(streams, r)
	pod, err := findInspected(ctx, cluster, streams, notices, r)
	if err != nil {
		return Inspected{}, err
	}
	name, err := findContainer(ctx, streams, pod, r.Container)
	if err != nil {
		return Inspected{}, err
	}
	c, _ := target.Find(pod, name)
	found := Inspected{From: SourceImage, Namespace: pod.Namespace, Pod: pod.Name, Container: name, Image: c.Image}
	said := imagekind.Best(imagekind.FromPod(pod, name), imagekind.FromReference(c.Image))
	if r.FromImage || preflight.State(pod, name) != nil {
		reader := imageReader{cluster, images, r.PlanRequest, notices}
		err := inspectImage(ctx, &found, reader, pod, said, r)
		return found, err
	}
	found.From = SourceSession
	r.Query, r.Selector, r.Pick, r.Container = target.Query{Kind: target.Pods, Name: pod.Name}, "", "", name
	runner, err := OpenRunner(ctx, cluster, execer, images, streams, r.SessionRequest)
	if err != nil {
		return found, err
	}
	defer runner.Close()
	err = inspectSession(ctx, &found, runner, said)
	return found, err
}

// inspectNotices are for who waits at a terminal.
func inspectNotices(streams Streams, r InspectRequest) *ui.Notices {
	if r.Quiet || !ui.IsTerminal(streams.Err) {
		return nil
	}
	return ui.NewNotices(streams.Err)
}

// findInspected reads the pod that is meant. Where none runs, one that does not will do: its image has the reason.
func findInspected(ctx context.Context, cluster Cluster, streams Streams, notices *ui.Notices, r InspectRequest) (*corev1.Pod, error) {
	pod, err := findPod(ctx, cluster, streams, notices, r.TargetRequest, wouldEnter(ctx, cluster, r.SessionRequest))
	var none *fault.NoneRuns
	if !errors.As(err, &none) || len(none.Pods) == 0 {
		return pod, err
	}
	return cluster.Pod(ctx, r.Namespace, none.Pods[0].Name)
}

// inspectSession looks at what runs.
func inspectSession(ctx context.Context, found *Inspected, runner *Runner, said imagekind.Verdict) error {
	f := runner.Facts()
	if why, hint := runner.Closed(); why != "" {
		return &fault.Closed{Pod: fault.Pod{Namespace: f.Namespace, Name: f.Pod}, Container: f.Container, Why: why, Hint: hint}
	}
	view := inspect.OpenSession(ctx, runner)
	process, words, environment, dir, err := view.Process()
	if err != nil {
		if lost := view.Close(); lost != nil {
			return lost
		}
		return err
	}
	_, status := target.Find(runner.Pod(), f.Container)
	if status != nil {
		found.Digest = status.ImageID
	}
	found.Report = inspect.Analyse(inspect.Subject{
		View: view, Words: words, Env: environment, Dir: dir, Process: &process,
		UID: &f.UID.Value, GID: &f.GID.Value, Groups: f.Groups, Origin: string(f.UID.Origin), Now: time.Now(),
	})
	found.Kind = imagekind.Best(verdict(view, found.Report, found.Report.Shells, false), said)
	return view.Close()
}

// verdict tells the kind by the files.
func verdict(view inspect.View, report inspect.Report, shells []string, whole bool) imagekind.Verdict {
	files := imagekind.Files{Shells: shells, Whole: whole}
	if report.System != nil {
		files.OSRelease = report.System.ID
	}
	var paths []string
	for _, p := range imagekind.Databases() {
		paths = append(paths, "/"+p)
	}
	for i, e := range view.Look(paths...) {
		if e.Kind != inspect.Nothing {
			files.Packages = append(files.Packages, imagekind.Databases()[i])
		}
	}
	return imagekind.FromFiles(files)
}

// inspectImage looks at the image of a container in its registry.
func inspectImage(ctx context.Context, found *Inspected, reader imageReader, pod *corev1.Pod, said imagekind.Verdict, r InspectRequest) error {
	container, status := target.Find(pod, found.Container)
	node := reader.architecture(ctx, pod)
	request := registry.Request{
		Image: container.Image, ByTag: true, Within: imageWithin,
		Architecture: func(context.Context) string { return node },
	}
	if status != nil {
		request.ID = status.ImageID
	}
	if r.UsePullSecrets {
		var err error
		if request.PullSecrets, err = reader.pullSecrets(ctx, pod); err != nil {
			return err
		}
	}
	images, done, err := reader.images.Open(ctx, request)
	if err != nil {
		return err
	}
	defer done()
	s := inspect.Subject{Node: node, Now: time.Now()}
	asked := facts.Read(pod, found.Container)
	bySpec := func(id target.Sourced[int64]) bool { return id.Known() && id.Origin != target.FromStatus } // else the image tells
	if bySpec(asked.UID) {
		s.UID, s.Origin = &asked.UID.Value, string(asked.UID.Origin)
	}
	if bySpec(asked.GID) {
		s.GID = &asked.GID.Value
	}
	s.Groups, s.NonRoot, s.Dir = asked.Groups, refusesRoot(pod, container), container.WorkingDir
	for _, e := range container.Env {
		s.Env = append(s.Env, e.Name+"="+e.Value)
	}
	err = lookAtImage(ctx, found, images, s, podWords{container.Command, container.Args}, said, r, reader.notices)
	if err != nil || len(images) > 1 { // of which the digest in the status tells none
		return err
	}
	digest := found.Digest
	if request.ID != "" {
		digest = digestOf(request.ID)
	}
	_ = r.Seen.Put(digest, found.Kind) // else find asks the registry itself
	return nil
}

// refusesRoot is the container's runAsNonRoot, else the pod's.
func refusesRoot(pod *corev1.Pod, c *corev1.Container) bool {
	if sc := c.SecurityContext; sc != nil && sc.RunAsNonRoot != nil {
		return *sc.RunAsNonRoot
	}
	sc := pod.Spec.SecurityContext
	return sc != nil && sc.RunAsNonRoot != nil && *sc.RunAsNonRoot
}

// podWords are what a container's spec has in place of the image's entrypoint and command.
type podWords struct{ command, args []string }

// over are the words that the kubelet runs (container.args in the API's documentation).
func (w podWords) over(config v1.Config) []string {
	entrypoint, cmd := config.Entrypoint, config.Cmd
	switch {
	case len(w.command) > 0:
		entrypoint, cmd = w.command, w.args
	case len(w.args) > 0:
		cmd = w.args
	}
	return append(append([]string{}, entrypoint...), cmd...)
}

// InspectFile looks at an image in a file. It needs no cluster.
func InspectFile(ctx context.Context, file string, streams Streams, r InspectRequest) (Inspected, error) {
	found := Inspected{From: SourceFile, File: file}
	images, err := registry.OpenFile(file)
	if err == nil {
		err = lookAtImage(ctx, &found, images, inspect.Subject{Now: time.Now()}, podWords{}, imagekind.Verdict{}, r, inspectNotices(streams, r))
	}
	if err != nil && ctx.Err() == nil {
		err = &fault.ImageFile{File: file, Cause: err}
	}
	return found, err
}

// lookAtImage looks at the first of the images, and says so where there are more.
func lookAtImage(ctx context.Context, found *Inspected, images []registry.Image, s inspect.Subject, words podWords, said imagekind.Verdict, r InspectRequest, notices *ui.Notices) error {
	image := images[0]
	if len(images) > 1 {
		notices.Say("the image is for %d platforms, and nothing tells which is meant: looked at is %s", len(images), image.Platform)
	}
	config, err := image.Config()
	if err != nil {
		return err
	}
	if digest, err := image.Digest(); err == nil {
		found.Digest = digest.String()
	}
	if p := config.Platform(); p != nil {
		found.Platform, s.Architecture = p.String(), p.Architecture
	}
	defer notices.Await("")
	layers, err := inspect.ReadLayers(ctx, image, r.MaxBytes, func(done, all int64) {
		notices.Await(fmt.Sprintf("reading the image, %d of %d MB", done/1e6, all/1e6))
	})
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return image.Explain(err)
	}
	defer layers.Close()
	s.View, s.Config, s.Compressed, s.Layers = layers, true, layers.Compressed, layers.Count
	s.Words, s.User, s.Env = words.over(config.Config), config.Config.User, append(config.Config.Env, s.Env...)
	if s.Dir == "" {
		s.Dir = config.Config.WorkingDir
	}
	found.Report = inspect.Analyse(s)
	shells := layers.Programs(func(file string) bool { return imagekind.IsShell(path.Base(file)) })
	var annotations map[string]string
	if manifest, err := image.Manifest(); err == nil {
		annotations = manifest.Annotations
	}
	found.Kind = imagekind.Best(verdict(layers, found.Report, shells, true), said, imagekind.FromConfig(annotations, config))
	return nil
}
