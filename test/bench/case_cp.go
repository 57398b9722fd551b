package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
)

// copyGroup are commands that copy the same; the first is ours, then a bare stream and kubectl cp.
type copyGroup struct {
	name  string
	small bool
	// out is set where the copy is on this machine.
	out   bool
	lines [3]string
}

// copyGroups are what is copied. In the lines are NS, the folder LOCAL with the files, and COPIES, where copies go.
var copyGroups = []copyGroup{
	{"large file out", false, true, [3]string{
		"kubectl-mindebug cp -q -n $NS pod/files:/data/large $COPIES/copy",
		"kubectl exec -n $NS files -c app -- cat /data/large > $COPIES/copy",
		"kubectl cp -c app -n $NS files:/data/large $COPIES/copy",
	}},
	{"small files out", true, true, [3]string{
		"kubectl-mindebug cp -q -n $NS pod/files:/data/small $COPIES/copy",
		"mkdir $COPIES/copy && kubectl exec -n $NS files -c app -- tar -c -C /data/small . | tar -x -C $COPIES/copy",
		"kubectl cp -c app -n $NS files:/data/small $COPIES/copy",
	}},
	{"large file in", false, false, [3]string{
		"kubectl-mindebug cp -q -n $NS $LOCAL/large pod/files:/data/copy",
		"kubectl exec -i -n $NS files -c app -- sh -c 'cat > /data/copy' < $LOCAL/large",
		"kubectl cp -c app -n $NS $LOCAL/large files:/data/copy",
	}},
	{"small files in", true, false, [3]string{
		"kubectl-mindebug cp -q -n $NS $LOCAL/small pod/files:/data/copy",
		"tar -c -C $LOCAL/small . | kubectl exec -i -n $NS files -c app -- sh -c 'mkdir /data/copy && tar -x -C /data/copy'",
		"kubectl cp -c app -n $NS $LOCAL/small files:/data/copy",
	}},
}

// copyNames are what the commands of a group are called.
func (g copyGroup) names() [3]string {
	return [3]string{g.name, g.name + ", stream", g.name + ", kubectl cp"}
}

// copyExperiment is cp.
func copyExperiment(b *base) experiment {
	e := experiment{
		name: "cp",
		about: fmt.Sprintf("One file of %d MB and %d of 4 KB, out of a container and into it, beside a bare stream (cat, tar) and kubectl cp, "+
			"for which the target's image has tar. How much arrived is counted each time; a peer that does not bring all of it has broken off.",
			b.large, b.small),
		whole: func(ctx context.Context, b *base, rec func(int) recorder) error { return b.measureCopies(ctx, rec) },
	}
	for _, g := range copyGroups {
		names := g.names()
		for i, line := range g.lines {
			e.commands = append(e.commands, command{name: names[i], line: line})
		}
		e.bounds = append(e.bounds,
			bound{command: names[0], figure: rate, peer: names[1], at: 0.5, limit: 0.9, least: true},
			bound{command: names[0], figure: rate, peer: names[2], at: 0.5, limit: 1, least: true})
	}
	return e
}

// copier is where it is measured: folders of this machine and of the pod with the same files, and a place for copies.
type copier struct {
	*lab
	local, copies string
}

func (b *base) measureCopies(ctx context.Context, rec func(int) recorder) (err error) {
	l, err := b.open(ctx)
	if err != nil {
		return err
	}
	defer l.remove(ctx)
	c := &copier{lab: l, local: filepath.Join(b.folder, "files"), copies: filepath.Join(b.folder, "copies")}
	defer func() { err = errors.Join(err, os.RemoveAll(c.local), os.RemoveAll(c.copies)) }()
	if err := c.prepare(ctx); err != nil {
		return err
	}
	for run := range b.runs {
		for round := range max(1, b.rounds/10) {
			for _, g := range copyGroups {
				say("run %d of %d: cp: %s", run+1, b.runs, g.name)
				if err := c.group(ctx, g, run+round, rec(run)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// attempts is how often a peer may try a copy until it is whole.
const attempts = 3

// group measures what copies the same, in turn.
func (c *copier) group(ctx context.Context, g copyGroup, round int, rec recorder) error {
	names := g.names()
	for i := range g.lines {
		n := (i + round) % len(g.lines) // none comes always first
		for attempt := range attempts {
			m, err := c.whole(ctx, g, n)
			if err == nil {
				rec.add(names[n], rate, float64(c.size(g))/1e6/m.Took.Seconds())
				rec.process(names[n], m)
				break
			}
			if ctx.Err() != nil || n == 0 {
				return err
			}
			say("attempt %d: %v", attempt+1, err) // the peer's own failure is a result
			rec.add(names[n], brokeOff, 1)
		}
	}
	return nil
}

// whole copies by one command of a group, and asks whether all has arrived.
func (c *copier) whole(ctx context.Context, g copyGroup, n int) (measured, error) {
	m, err := c.run(ctx, g.lines[n])
	return m, errors.Join(err, c.check(ctx, g))
}

// prepare makes the files, and a pod that has them as well.
func (c *copier) prepare(ctx context.Context) error {
	if err := c.makeFiles(); err != nil {
		return err
	}
	pod := c.shell("files")
	pod.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
	pod.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "data", MountPath: "/data"}}
	if err := c.makePods(ctx, pod); err != nil {
		return err
	}
	for _, line := range []string{
		"tar -c -C $LOCAL . | kubectl exec -i -n $NS files -- tar -x -C /data",
		"kubectl-mindebug start pod/files -n $NS --ttl=24h -q",
	} {
		if _, err := c.run(ctx, line); err != nil {
			return err
		}
	}
	return nil
}

func (c *copier) makeFiles() error {
	content := make([]byte, 1<<20)
	if _, err := rand.Read(content); err != nil {
		return err
	}
	if err := errors.Join(os.MkdirAll(c.local, 0o755), os.Mkdir(c.copies, 0o755)); err != nil {
		return err
	}
	file, err := os.Create(filepath.Join(c.local, "large"))
	if err != nil {
		return err
	}
	for left := c.large * 1e6; left > 0; left -= int64(len(content)) {
		if _, err := file.Write(content[:min(left, int64(len(content)))]); err != nil {
			return errors.Join(err, file.Close())
		}
	}
	if err := file.Close(); err != nil {
		return err
	}
	for i := range c.small {
		name := filepath.Join(c.local, "small", fmt.Sprint(i/1000), fmt.Sprint(i))
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, content[i:i+4096], 0o644)); err != nil {
			return err
		}
	}
	return nil
}

// run runs a line of shell. The client's CPU is that of all its processes, memory that of the largest.
func (c *copier) run(ctx context.Context, line string) (m measured, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*patience)
	defer cancel()
	p, err := c.launch(ctx, []string{"bash", "-c", "set -euo pipefail; " + line})
	if err != nil {
		return m, err
	}
	p.Env = append(os.Environ(), "NS="+c.namespace, "LOCAL="+c.local, "COPIES="+c.copies)
	err = p.run(&m)
	return m, err
}

// size is how many bytes a group copies.
func (c *copier) size(g copyGroup) int64 {
	if g.small {
		return int64(c.small) * 4096
	}
	return c.large * 1e6
}

// check asks whether all has arrived, and removes it.
func (c *copier) check(ctx context.Context, g copyGroup) error {
	if !g.out {
		_, err := c.run(ctx, fmt.Sprintf(`trap "kubectl exec -n $NS files -c app -- rm -rf /data/copy" EXIT
			test "$(kubectl exec -n $NS files -c app -- sh -c 'find /data/copy -type f -print0 | xargs -0 cat | wc -c')" = %d`, c.size(g)))
		return err
	}
	size := int64(0)
	copied := filepath.Join(c.copies, "copy")
	err := filepath.WalkDir(copied, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	if err == nil && size != c.size(g) {
		err = fmt.Errorf("%d bytes of %d have arrived", size, c.size(g))
	}
	return errors.Join(err, os.RemoveAll(copied))
}
