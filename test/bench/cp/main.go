// Command cp measures `kubectl mindebug cp` beside `kubectl cp` and bare streams through `kubectl exec`, in turn, and prints a
// table: one large file and many small ones, both directions. The target has tar, which the peers need. It asserts nothing but
// that what mindebug copied has the right size; only figures of one run compare.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	if err := run(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "error: %v\n", err)
		os.Exit(1)
	}
}

// lab is where it is measured: folders of this machine and of the pod with the same files, and a place for copies.
type lab struct {
	namespace, local, copies string
	large                    int64
	small                    int
}

func run(ctx context.Context) (err error) {
	large := flag.Int64("large", 1000, "size of the large file, in MB")
	small := flag.Int("small", 20_000, "how many files of 4 KB there are")
	rounds := flag.Int("n", 3, "rounds, each of which measures every case once")
	bin := flag.String("bin", "bin", "`folder` of the kubectl-mindebug that is measured")
	flag.Parse()
	folder, err := filepath.Abs(*bin)
	if err != nil {
		return err
	}
	if err := os.Setenv("PATH", folder+string(filepath.ListSeparator)+os.Getenv("PATH")); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "bench-cp-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	l := &lab{
		namespace: "bench-cp-" + strings.ToLower(rand.Text()[:6]), local: filepath.Join(dir, "files"), copies: filepath.Join(dir, "copies"),
		large: *large * 1e6, small: *small,
	}
	defer func() { err = errors.Join(err, l.remove(ctx)) }()
	if err := l.prepare(ctx); err != nil {
		return err
	}
	return l.compare(ctx, *rounds)
}

// prepare makes the files, and a pod that has them as well.
func (l *lab) prepare(ctx context.Context) error {
	content := make([]byte, 1<<20)
	if _, err := rand.Read(content); err != nil {
		return err
	}
	if err := errors.Join(os.MkdirAll(l.local, 0o755), os.Mkdir(l.copies, 0o755)); err != nil {
		return err
	}
	file, err := os.Create(filepath.Join(l.local, "large"))
	if err != nil {
		return err
	}
	for left := l.large; left > 0; left -= int64(len(content)) {
		if _, err := file.Write(content[:min(left, int64(len(content)))]); err != nil {
			return errors.Join(err, file.Close())
		}
	}
	if err := file.Close(); err != nil {
		return err
	}
	for i := range l.small {
		name := filepath.Join(l.local, "small", fmt.Sprint(i/1000), fmt.Sprint(i))
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, content[i:i+4096], 0o644)); err != nil {
			return err
		}
	}
	pod := kubetest.Pod(l.namespace, "target").Restricted().Image(os.Getenv("MINDEBUG_STOCK_IMAGE")).With(func(p *corev1.Pod) {
		p.UID = ""
		p.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
		c := &p.Spec.Containers[0]
		c.Command, c.SecurityContext.RunAsUser = []string{"sleep", "86400"}, new(int64(65532))
		c.VolumeMounts = []corev1.VolumeMount{{Name: "data", MountPath: "/data"}}
	}).Build()
	pod.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Pod"))
	text, err := yaml.Marshal(pod)
	if err != nil {
		return err
	}
	for _, step := range []string{
		"kubectl create namespace $NS",
		"echo \"$POD\" | kubectl create -f -",
		"kubectl wait -n $NS --for=condition=Ready pod/target --timeout=60s",
		"tar -c -C $LOCAL . | kubectl exec -i -n $NS target -- tar -x -C /data",
		"kubectl-mindebug start pod/target -n $NS --ttl=2h -q",
	} {
		if _, err := l.shell(ctx, step, "POD="+string(text)); err != nil {
			return err
		}
	}
	return nil
}

func (l *lab) remove(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	_, err := l.shell(ctx, "kubectl delete namespace $NS --ignore-not-found")
	return err
}

// measured is one run of a command: the client's CPU is that of all its processes, memory that of the largest, in bytes.
type measured struct {
	took, cpu time.Duration
	memory    int64
	failed    bool
}

// shell runs a line of shell, in which are NS, LOCAL and COPIES.
func (l *lab) shell(ctx context.Context, line string, env ...string) (measured, error) {
	began := time.Now()
	cmd := exec.CommandContext(ctx, "bash", "-c", "set -euo pipefail; "+line)
	cmd.Env = append(append(os.Environ(), "NS="+l.namespace, "LOCAL="+l.local, "COPIES="+l.copies), env...)
	if text, err := cmd.CombinedOutput(); err != nil {
		return measured{}, fmt.Errorf("running %q: %w: %s", line, err, text)
	}
	m := measured{took: time.Since(began), cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		m.memory = usage.Maxrss << 10
	}
	return m, nil
}

// group are commands that do the same. The first is what is compared with the others.
type group struct {
	name     string
	files    int
	commands []string
	// out is set where the copy is on this machine.
	out bool
}

func (l *lab) groups() []group {
	return []group{
		{"large file out", 1, []string{
			"kubectl-mindebug cp -q -n $NS pod/target:/data/large $COPIES/copy",
			"kubectl exec -n $NS target -c app -- cat /data/large > $COPIES/copy",
			"kubectl cp -c app -n $NS target:/data/large $COPIES/copy",
		}, true},
		{"small files out", l.small, []string{
			"kubectl-mindebug cp -q -n $NS pod/target:/data/small $COPIES/copy",
			"mkdir $COPIES/copy && kubectl exec -n $NS target -c app -- tar -c -C /data/small . | tar -x -C $COPIES/copy",
			"kubectl cp -c app -n $NS target:/data/small $COPIES/copy",
		}, true},
		{"large file in", 1, []string{
			"kubectl-mindebug cp -q -n $NS $LOCAL/large pod/target:/data/copy",
			"kubectl exec -i -n $NS target -c app -- sh -c 'cat > /data/copy' < $LOCAL/large",
			"kubectl cp -c app -n $NS $LOCAL/large target:/data/copy",
		}, false},
		{"small files in", l.small, []string{
			"kubectl-mindebug cp -q -n $NS $LOCAL/small pod/target:/data/copy",
			"tar -c -C $LOCAL/small . | kubectl exec -i -n $NS target -c app -- sh -c 'mkdir /data/copy && tar -x -C /data/copy'",
			"kubectl cp -c app -n $NS $LOCAL/small target:/data/copy",
		}, false},
	}
}

// compare runs all commands in turn and prints the table.
func (l *lab) compare(ctx context.Context, rounds int) error {
	before := loadAverage()
	results := map[string][]measured{}
	for round := range rounds {
		for _, g := range l.groups() {
			for i := range g.commands {
				command := g.commands[(i+round)%len(g.commands)] // none comes always first
				fmt.Fprintf(os.Stderr, "bench: round %d of %d: %s\n", round+1, rounds, command)
				m, err := l.shell(ctx, command)
				if err == nil {
					err = l.check(ctx, g)
				}
				if err != nil && (ctx.Err() != nil || command == g.commands[0]) {
					return err
				}
				if err != nil { // the peer's own failure is a result
					fmt.Fprintf(os.Stderr, "bench: %v\n", err)
					m.failed = true
				}
				results[command] = append(results[command], m)
			}
		}
	}
	fmt.Printf("%d MB in one file; %d files of 4 KB. Load average before %s, after %s; medians of %d, times as often as mindebug.\n\n",
		l.large/1e6, l.small, before, loadAverage(), rounds)
	fmt.Println("| case | command | time | times | min | client's CPU | memory | failed |")
	fmt.Println("| --- | --- | --: | --: | --: | --: | --: | --: |")
	for _, g := range l.groups() {
		for _, command := range g.commands {
			failed := len(results[command])
			whole := slices.DeleteFunc(results[command], func(m measured) bool { return m.failed })
			if failed -= len(whole); len(whole) == 0 {
				fmt.Printf("| %s | `%s` | | | | | | %d |\n", g.name, command, failed)
				continue
			}
			m, own := median(whole), median(results[g.commands[0]])
			fmt.Printf("| %s | `%s` | %.1f s | %.2f | %.1f s | %.1f s | %d MB | %d |\n", g.name, command, m.took.Seconds(),
				m.took.Seconds()/own.took.Seconds(), slices.MinFunc(whole, byTime).took.Seconds(), m.cpu.Seconds(), m.memory/1e6, failed)
		}
	}
	return nil
}

// check asks whether all has arrived, and removes it.
func (l *lab) check(ctx context.Context, g group) error {
	want := int64(g.files) * 4096
	if g.files == 1 {
		want = l.large
	}
	if !g.out {
		_, err := l.shell(ctx, fmt.Sprintf(`trap "kubectl exec -n $NS target -c app -- rm -rf /data/copy" EXIT
			test "$(kubectl exec -n $NS target -c app -- sh -c 'find /data/copy -type f -print0 | xargs -0 cat | wc -c')" = %d`, want))
		return err
	}
	files, size := 0, int64(0)
	copied := filepath.Join(l.copies, "copy")
	err := filepath.WalkDir(copied, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			files, size = files+1, size+info.Size()
		}
		return err
	})
	if err == nil && (files != g.files || size != want) {
		err = fmt.Errorf("%d files with %d bytes have arrived", files, size)
	}
	return errors.Join(err, os.RemoveAll(copied))
}

func byTime(a, b measured) int { return int(a.took - b.took) }

// median is that of the times, with the figures of the same run.
func median(all []measured) measured {
	return slices.SortedFunc(slices.Values(all), byTime)[len(all)/2]
}

func loadAverage() string {
	text, _ := os.ReadFile("/proc/loadavg")
	return strings.Join(strings.Fields(string(text))[:min(3, len(strings.Fields(string(text))))], " ")
}
