package e2e

import (
	"archive/tar"
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mindebug/kubectl-mindebug/internal/access"
	"github.com/mindebug/kubectl-mindebug/pkg/attach/attachtest"
)

// volumed is a restricted target with a volume at /data and a folder of it at /sub, in a root that is read-only.
func volumed(t *testing.T, change func(*corev1.Pod)) *corev1.Pod {
	t.Helper()
	b := restrictedPod(t, newNamespace(t, "restricted"), "target").ReadOnly().With(func(p *corev1.Pod) {
		p.Spec.Volumes = append(p.Spec.Volumes, corev1.Volume{Name: "data", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}})
		p.Spec.Containers[0].VolumeMounts = append(p.Spec.Containers[0].VolumeMounts,
			corev1.VolumeMount{Name: "data", MountPath: "/data"}, corev1.VolumeMount{Name: "data", MountPath: "/sub", SubPath: "sub"})
	})
	if change != nil {
		b.With(change)
	}
	return newPod(t, b)
}

// sums are the checksums of all files below a folder of this machine, as find and sha256sum would print them.
func sums(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(p)
		sum := sha256.Sum256(text)
		name, _ := filepath.Rel(dir, p)
		out[name] = hex.EncodeToString(sum[:])
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// picture is what a copy keeps of all that is below a folder of this machine: kinds, modes, times, where links lead, which
// names are one file, and whether there are holes. A stock image writes holes, and times in whole seconds. Content is by sums.
func picture(t *testing.T, dir string, stock bool) map[string]string {
	t.Helper()
	precision := time.Nanosecond
	if stock {
		precision = time.Second
	}
	out, first := map[string]string{}, map[uint64]string{}
	err := filepath.WalkDir(dir, func(p string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Lstat(p)
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, p)
		if info.Mode().Type() == fs.ModeSymlink { // whose mode and time are not kept
			out[name], err = os.Readlink(p)
			return err
		}
		out[name] = fmt.Sprint(info.Mode(), " ", info.ModTime().UTC().Truncate(precision))
		if stat := info.Sys().(*syscall.Stat_t); info.Mode().IsRegular() { //nolint:forcetypeassert // the tests run on Linux
			if first[stat.Ino] == "" {
				first[stat.Ino] = name
			}
			out[name] += fmt.Sprint(" ", info.Size(), " bytes, holes ", !stock && stat.Blocks*512 < info.Size(), ", is ", first[stat.Ino])
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// wantSame fails the test unless two folders have the same files, with the same contents and attributes.
func wantSame(t *testing.T, want, got string, stock bool) {
	t.Helper()
	if diff := cmp.Diff(sums(t, want), sums(t, got)); diff != "" {
		t.Errorf("the files are not what they were (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(picture(t, want, stock), picture(t, got, stock)); diff != "" {
		t.Errorf("the attributes are not what they were (-want +got):\n%s", diff)
	}
	if left, _ := filepath.Glob(filepath.Join(got, "..", ".mindebug*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// awkward makes a folder with names and sizes of all kinds, more than one portion of them.
func awkward(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "tree")
	big := make([]byte, 20<<20)
	if _, err := rand.Read(big); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"plain": "text\n", "empty": "", "with space": "x", "-dash": "x", "line\nend\n": "x", "\xff\xfe\x1b[2J": "x", "$(id) '\"": "x",
		strings.Repeat("n", 250): "x", strings.Repeat("d/", 40) + "deep": "x", "big": string(big),
	}
	for i := range 800 {
		files[fmt.Sprintf("many/%d/%d", i%7, i)] = strings.Repeat("y", i)
	}
	for name, text := range files {
		p := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, []byte(text), 0o640)); err != nil {
			t.Fatal(err)
		}
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	when := func(name string) error {
		old := time.Date(2001, 2, 3, 4, 5, 6, 7_000_000, time.UTC)
		return os.Chtimes(at(name), old, old)
	}
	if err := errors.Join(os.Link(at("plain"), at("hard")), os.Symlink("/data/tree/plain", at("link")), os.Symlink("../many", at("d/beside")),
		os.WriteFile(at("holes"), []byte("x"), 0o600), os.Truncate(at("holes"), 8<<20), os.Mkdir(at("none"), 0o700),
		os.Chmod(at("empty"), 0o400), os.Chmod(at("-dash"), 0o755), os.Chmod(at("with space"), 0o711), os.Chmod(at("many/1"), 0o750),
		when("plain"), when("holes"), when("many/2"), when("none")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestCopyThereAndBack copies awkward files into a volume and back, with the debug image and with the public one.
func TestCopyThereAndBack(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{"debug image": nil, "stock image": {"--image", stockImage}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pod := volumed(t, nil)
			from, to := awkward(t), t.TempDir()
			const astray = "the link %s/link leads out of what was copied; -L copies what it leads to\n"
			mindebug(t, pod, append(args, "cp", from, "target:/data")...).want(t, 0, "", fmt.Sprintf(astray, from))
			mindebug(t, pod, append(args, "cp", "pod/target:/data/tree", to)...).want(t, 0, "", fmt.Sprintf(astray, "/data/tree"))
			wantSame(t, from, filepath.Join(to, "tree"), len(args) > 0)
			if link, err := os.Readlink(filepath.Join(to, "tree/link")); link != "/data/tree/plain" {
				t.Errorf("the link says %q (%v)", link, err)
			}
			mindebug(t, pod, append(args, "cp", "-L", "pod/target:/data/tree/link", to+"/followed")...).want(t, 0, "", "")
			if text, _ := os.ReadFile(to + "/followed"); string(text) != "text\n" {
				t.Errorf("what the link leads to is %q", text)
			}
			mindebug(t, pod, append(args, "cp", from+"/plain", "pod/target:/sub/renamed")...).want(t, 0, "", "")
			mindebug(t, pod, append(args, "pod/target", "--", "cat", "@/data/sub/renamed")...).want(t, 0, "text\n", "")
			mindebug(t, pod, append(args, "pod/target", "--", "sh", "-c", "find $T/data -name '.mindebug*'")...).want(t, 0, "", "")
		})
	}
}

// TestCpRefused: what stands in the way of a copy into a container is said before the first byte.
func TestCpRefused(t *testing.T) {
	t.Parallel()
	pod := volumed(t, func(p *corev1.Pod) {
		p.Spec.Volumes[len(p.Spec.Volumes)-1].EmptyDir.SizeLimit = new(resource.MustParse("1Mi"))
	})
	file, smaller := filepath.Join(t.TempDir(), "f"), filepath.Join(t.TempDir(), "smaller")
	if err := errors.Join(os.WriteFile(file, make([]byte, 2<<20), 0o600), os.WriteFile(smaller, make([]byte, 600<<10), 0o600)); err != nil {
		t.Fatal(err)
	}
	for to, says := range map[string]string{
		"/f":      "error: / in pod/target could not be written: ",
		"/data":   "error: there are 2.1 MB to copy, and room for 1.0 MB in /data of the container\n  the size limit of volume \"data\"\n",
		"/none/f": "error: /none in pod/target could not be written: there is no such folder\n",
	} {
		r := mindebug(t, pod, "cp", file, "target:"+to)
		if r.status != 1 || r.stdout != "" || !strings.HasPrefix(r.stderr, says) {
			t.Errorf("to %s: status %d, stderr %q, want %q", to, r.status, r.stderr, says)
		}
	}
	mindebug(t, pod, "cp", "target:/data/none", t.TempDir()).want(t, 1, "", "error: /data/none cannot be copied: No such file or directory\n"+
		"hint: see what there is: kubectl mindebug -n "+pod.Namespace+" pod/target -c app -- ls -la @/data\n")
	for range 2 { // the second time it is replaced
		mindebug(t, pod, "cp", smaller, "target:/data/there").want(t, 0, "", "")
	}
	r := mindebug(t, pod, "cp", smaller, "target:/data/another")
	if r.status != 1 || !strings.Contains(r.stderr, "the size limit of volume \"data\"\n  of which 6") {
		t.Errorf("with a volume that is in use: status %d, stderr %q", r.status, r.stderr)
	}
}

// TestCopyAcrossVolumes: what is one file here is two where its names are on two volumes.
func TestCopyAcrossVolumes(t *testing.T) {
	t.Parallel()
	pod := volumed(t, func(p *corev1.Pod) {
		p.Spec.Volumes = append(p.Spec.Volumes, corev1.Volume{Name: "below", VolumeSource: corev1.VolumeSource{
			EmptyDir: &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory, SizeLimit: new(resource.MustParse("1Mi"))},
		}})
		c := &p.Spec.Containers[0]
		c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: "below", MountPath: "/data/below"})
	})
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	when := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "first", Size: 4, Mode: 0o640, ModTime: when})
	_, writeErr := w.Write([]byte("text"))
	if err := errors.Join(err, writeErr, w.WriteHeader(&tar.Header{Typeflag: tar.TypeLink, Name: "below/second", Linkname: "first"}), w.Close()); err != nil {
		t.Fatal(err)
	}
	invocation{args: []string{"-n", pod.Namespace, "cp", "-", "target:/data"}, stdin: &archive}.run(t).want(t, 0, "", "")
	mindebug(t, pod, "pod/target", "--", "stat", "-c", "%a %Y %h %s", "@/data/first", "@/data/below/second").want(t, 0,
		"640 981173106 1 4\n640 981173106 1 4\n", "")
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, make([]byte, 600<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	mindebug(t, pod, "cp", file, "target:/data/below").want(t, 0, "", "")
	r := mindebug(t, pod, "cp", file, "target:/data/below/again")
	if r.status != 1 || !strings.Contains(r.stderr, "that much is free there\n") {
		t.Errorf("with a volume that is full: status %d, stderr %q", r.status, r.stderr)
	}
}

// TestCopyCut resets the connection of twenty copies, each at a random place: with retries all arrives, without them what is
// there is whole, and the status tells.
func TestCopyCut(t *testing.T) {
	t.Parallel()
	pod := volumed(t, nil)
	from, to := filepath.Join(t.TempDir(), "tree"), t.TempDir()
	big := make([]byte, 1<<20)
	_, _ = rand.Read(big) // never fails
	for i := range 100 {
		p := filepath.Join(from, fmt.Sprint(i%3), fmt.Sprint(i))
		if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, big[:i*i], 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(from, "big"), big, 0o600); err != nil {
		t.Fatal(err)
	}
	mindebug(t, pod, "cp", from, "target:/data").want(t, 0, "", "")
	const copies, atOnce = 20, 5
	var results [copies]result
	random := mathrand.New(mathrand.NewPCG(5, 6)) //nolint:gosec // the same places each time
	for first := 0; first < copies; first += atOnce {
		var running [atOnce]*background
		for n := range running {
			i, place := first+n, random.Int64N(1<<20)
			road := attachtest.NewRoad(t, restConfig(t))
			road.ResetAfter(place)
			words := []string{"cp", "target:/data/tree", filepath.Join(to, fmt.Sprint(i))}
			if i%2 == 0 {
				words = []string{"cp", from, fmt.Sprintf("target:/data/%d", i)}
			}
			if i%4 < 2 {
				words = append(words, "--retries=0")
			}
			running[n] = inBackground(t, pod, append(by(road.Config()), words...)...)
		}
		for n, b := range running {
			if i := first + n; i%4 < 2 {
				results[i] = b.wait()
			} else if results[i] = b.wait(); results[i].status != 0 || results[i].stderr != "" {
				t.Errorf("copy %d has status %d, stderr %q", i, results[i].status, results[i].stderr)
			}
		}
	}
	mindebug(t, pod, "cp", "target:/data/.", to).want(t, 0, "", "")
	for i, r := range results {
		wantPart(t, from, filepath.Join(to, fmt.Sprint(i)), r.status == 0)
	}
}

// TestCopyStall: a connection on which nothing comes any more is given up, which is said, and a copy that may try again goes on
// by another one.
func TestCopyStall(t *testing.T) {
	t.Parallel()
	pod := volumed(t, nil)
	mindebug(t, pod, "pod/target", "--", "sh", "-c", "fallocate -l 50000000 $T/data/large").want(t, 0, "", "")
	copying := func(words ...string) (b *background, to string, resume func()) {
		road, to := attachtest.NewRoad(t, restConfig(t)), t.TempDir()
		stalled, resume := road.StallAfter(20_000_000)
		b = inBackground(t, pod, append(by(road.Config()), append([]string{"cp", "target:/data/large", to}, words...)...)...)
		select {
		case <-stalled:
		case <-time.After(patience):
			t.Fatal("the copy did not come so far")
		}
		t.Cleanup(resume)
		return b, to, resume
	}
	once, onceTo, _ := copying("--retries=0")
	again, to, resume := copying()
	waitForNames(t, to, 2*time.Minute, func(names []string) bool { return len(names) == 0 })
	resume()
	again.wait().want(t, 0, "", "")
	if info, err := os.Stat(filepath.Join(to, "large")); err != nil || info.Size() != 50_000_000 {
		t.Errorf("the copy is %v (%v)", info, err)
	}
	r := once.wait()
	if r.status != 1 || !strings.HasPrefix(r.stderr, "error: the copy ended early: ") || !strings.Contains(r.stderr, "/data/large: missing") {
		t.Errorf("status %d, stderr %q", r.status, r.stderr)
	}
	if left, _ := os.ReadDir(onceTo); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// wantPart fails the test where a file of a copy is not what it was, or, of a whole copy, is not there.
func wantPart(t *testing.T, want, got string, whole bool) {
	t.Helper()
	all, there := sums(t, want), map[string]string{}
	if _, err := os.Stat(got); err == nil {
		there = sums(t, got)
	}
	for name, sum := range there {
		if strings.Contains(name, ".mindebug") {
			continue // of a session that is just being ended
		}
		if all[name] != sum {
			t.Errorf("%q is not what it was", name)
		}
	}
	if whole && len(there) != len(all) {
		t.Errorf("the copy is said to be whole, and has %d files of %d", len(there), len(all))
	}
}

// waitForFile waits until there is something in a folder.
func waitForFile(t *testing.T, dir string) {
	t.Helper()
	waitForNames(t, dir, patience, func(names []string) bool { return len(names) > 0 })
}

// waitForNames waits until the names in a folder are as they should be.
func waitForNames(t *testing.T, dir string, within time.Duration, right func(names []string) bool) {
	t.Helper()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	deadline := time.After(within)
	for {
		entries, err := os.ReadDir(dir)
		names := make([]string, len(entries))
		for i, e := range entries {
			names[i] = e.Name()
		}
		if err != nil || right(names) {
			return
		}
		select {
		case <-look.C:
		case <-deadline:
			t.Fatalf("in %s there is still %q", dir, names)
		}
	}
}

// TestCopyTokenRevoked: a copy whose user may not connect again ends with the reason, and half a file is not there.
func TestCopyTokenRevoked(t *testing.T) {
	t.Parallel()
	pod := volumed(t, nil)
	mindebug(t, pod, "pod/target", "--", "sh", "-c", "fallocate -l 5000000000 $T/data/large").want(t, 0, "", "")
	kim, road, to := newUser(t, pod.Namespace, "kim", access.Session()...), attachtest.NewRoad(t, restConfig(t)), t.TempDir()
	b := inBackground(t, pod, append(by(road.Config()), kim.as("cp", "target:/data/large", to)...)...)
	waitForFile(t, to)
	kim.revoke(t, pod.Namespace)
	road.Reset()
	r := b.wait()
	if r.status != 1 || !strings.HasPrefix(r.stderr, "error: the copy ended early: the API server does not know you any more: ") ||
		!strings.Contains(r.stderr, "/data/large: missing\nhint: log in again, as for kubectl\n") {
		t.Errorf("status %d, stderr %q", r.status, r.stderr)
	}
	if left, _ := os.ReadDir(to); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestCopyTargetVanishes: a pod that is deleted in the middle ends the copy with the reason, and half a file is not there.
func TestCopyTargetVanishes(t *testing.T) {
	t.Parallel()
	pod := volumed(t, nil)
	mindebug(t, pod, "pod/target", "--", "sh", "-c", "fallocate -l 5000000000 $T/data/large").want(t, 0, "", "")
	to := t.TempDir()
	b := inBackground(t, pod, "cp", "target:/data/large", to)
	waitForFile(t, to)
	if err := client.CoreV1().Pods(pod.Namespace).Delete(t.Context(), pod.Name, *metav1.NewDeleteOptions(0)); err != nil {
		t.Fatal(err)
	}
	r := b.wait()
	if r.status == 0 || !strings.HasPrefix(r.stderr, "error: the copy ended early: ") || !strings.Contains(r.stderr, "/data/large: missing") {
		t.Errorf("status %d, stderr %q", r.status, r.stderr)
	}
	if left, _ := os.ReadDir(to); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
