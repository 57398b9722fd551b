//go:build unix

package transfer

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
)

// hostile is a Runner that answers what it is told, as somebody may who has taken over the container.
type hostile struct{ list, fetch string }

// ferryStream ends each of some records, each about the file of the same number, as the container would.
func ferryStream(end string, records ...string) string {
	text := "files ferry\n"
	for i, r := range records {
		sum := crc32.Checksum([]byte(fmt.Sprintf("proc/7/root/d/%d", i)+r), castagnoli)
		text += fmt.Sprintf("%s%08x\n", r, sum)
	}
	return text + end
}

// numbered are files whose names are numbers.
func numbered(modes ...string) string {
	files := []string{aFolder}
	for i, mode := range modes {
		files = append(files, fmt.Sprintf("%s/%d", mode, i))
	}
	return listed(files...)
}

// aState is what comes after the content of a file that has not changed.
const aState = "end\nstate 4 981173106.000000000\n"

// TestHostileFerry: whatever comes instead of records, nothing that is not proven is kept.
func TestHostileFerry(t *testing.T) {
	t.Parallel()
	const good = "file 4\n4\ngood" + aState
	for name, test := range map[string]struct {
		modes  []string
		stream string
		kept   []string
	}{
		"as it should be":           {[]string{aFile, aLink}, ferryStream("end\n", good, "link 1\nx"), []string{"0", "1"}},
		"less than there is":        {[]string{aFile}, ferryStream("end\n", "file 4\n1\ngh"+aState), nil},
		"holes":                     {[]string{aFile}, ferryStream("end\n", "file 4\n1\nghole 3\n"+aState), []string{"0"}},
		"a hole without end":        {[]string{aFile}, ferryStream("end\n", "file 4\nhole 9000000000000000000\n"+aState), nil},
		"another checksum":          {[]string{aFile, aFile}, strings.Replace(ferryStream("end\n", good, good), "good", "evil", 1), nil},
		"another one for the next":  {[]string{aFile, aFile}, ferryStream("end\n", good) + good + "00000000\nend\n", []string{"0"}},
		"more than it said":         {[]string{aFile}, ferryStream("end\n", "file 4\n5\ngoods"+aState), nil},
		"less than it said":         {[]string{aFile}, ferryStream("end\n", "file 5\n4\ngood"+aState), nil},
		"a negative size":           {[]string{aFile}, ferryStream("end\n", "file -4\n"+aState), nil},
		"a negative piece":          {[]string{aFile}, ferryStream("end\n", "file 4\n-4\n"+aState), nil},
		"an empty piece":            {[]string{aFile}, ferryStream("end\n", "file 4\n0\n4\ngood"+aState), nil},
		"a size beyond numbers":     {[]string{aFile}, ferryStream("end\n", "file 99999999999999999999\n"+aState), nil},
		"a link of no length":       {[]string{aLink}, ferryStream("end\n", "link -1\n"), nil},
		"a link without end":        {[]string{aLink}, ferryStream("end\n", "link 999999999\n"), nil},
		"a link in a file's place":  {[]string{aFile, aFile}, ferryStream("end\n", "link 1\nx", good), []string{"1"}},
		"a file in a link's place":  {[]string{aFile, aLink}, ferryStream("end\n", good, good), []string{"0"}},
		"no end":                    {[]string{aFile}, ferryStream("", good), []string{"0"}},
		"another end":               {[]string{aFile}, ferryStream("more\n", good), []string{"0"}},
		"a line without end":        {[]string{aFile}, ferryStream(strings.Repeat("x", 1<<20), good), []string{"0"}},
		"a record of another kind":  {[]string{aFile}, ferryStream("end\n", "folder\n"), nil},
		"one that cannot be opened": {[]string{aFile, aFile}, ferryStream("end\n", "shut \x1b[2J\n", good), []string{"1"}},
		"one that became shorter":   {[]string{aFile, aFile}, ferryStream("end\n", "file 9\n4\ngoodshort x\nstate 4 1.0\n", good), []string{"1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			to := t.TempDir()
			o := options()
			o.Retries = 0
			_, err := Out(t.Context(), hostile{numbered(test.modes...), test.stream}, []Remote{"/d/."}, Local(to), io.Discard, o)
			if whole := len(test.kept) == len(test.modes) && strings.HasSuffix(test.stream, "\nend\n"); (err == nil) != whole {
				t.Errorf("the error is %v", err)
			}
			var kept []string
			entries, _ := os.ReadDir(to)
			for _, e := range entries {
				kept = append(kept, e.Name())
			}
			if !slices.Equal(kept, test.kept) {
				t.Errorf("there is %q, want %q", kept, test.kept)
			}
		})
	}
}

// answering is a Runner that answers what it is told. What says "end" says it when all has come; md5's side takes nothing.
type answering struct{ answers string }

// Run implements Runner.
func (a answering) Run(_ context.Context, script string, _ []string, stdin io.Reader, stdout, _ io.Writer) (int, error) {
	if strings.HasPrefix(script, probeScript) {
		if _, err := io.WriteString(stdout, "proc/7/root/d\x00folder folder 99999999\n"); err != nil {
			return 0, err
		}
		if _, err := io.ReadFull(stdin, make([]byte, len("send\n"))); err != nil {
			return 0, err
		}
	}
	ready, answers, _ := strings.Cut(a.answers, "\n")
	if _, err := io.WriteString(stdout, ready+"\n"); err != nil {
		return 0, err
	}
	var taken sync.WaitGroup
	if ready != "ready md5" {
		taken.Go(func() { _, _ = io.Copy(io.Discard, stdin) }) // it ends with the copy
	}
	if strings.HasSuffix(answers, "end\n") {
		taken.Wait()
	}
	_, err := io.WriteString(stdout, answers)
	return 0, err
}

// sendTo copies two files to a container that answers what it is told.
func sendTo(t *testing.T, answers string) error {
	t.Helper()
	from := t.TempDir()
	for _, name := range []string{"a", "b"} {
		if err := os.WriteFile(filepath.Join(from, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	o := options()
	o.Retries = 0
	_, err := In(t.Context(), answering{answers}, []Local{Local(from + "/.")}, "/d", nil, anyRoom, o)
	return err
}

// TestHostileAnswers: what a container says of what it was sent is believed only as far as it can be true.
func TestHostileAnswers(t *testing.T) {
	t.Parallel()
	for answers, whole := range map[string]bool{
		"ready ferry\nkept 2\nend\n":                  true,
		"ready ferry\nkept 1\nend\n":                  false,
		"ready ferry\nend\n":                          false,
		"ready ferry\nkept 2\n":                       false,
		"ready ferry\nkept 1\nno \x1b[2J\nend\n":      false,
		"ready ferry\nkept -1\nend\n":                 false,
		"ready ferry\nkept 99999999999999999999\n":    false,
		"ready ferry\nkept 100\nend\n":                false,
		"ready ferry\nno\nno\nno\nno\nend\n":          false,
		"ready ferry\ndamaged\n":                      false,
		"ready ferry\nfailed Read-only file system\n": false,
		"ready ferry\nrubbish\n":                      false,
		"ready md5\nfailed\n":                         false,
		"ready md5\nrubbish\n":                        false,
		"ready md5\n":                                 false,
		"ready none\n":                                false,
		"":                                            false,
	} {
		if err := sendTo(t, answers); (err == nil) != whole {
			t.Errorf("%q: the error is %v", answers, err)
		}
	}
}

// Run implements Runner.
func (h hostile) Run(_ context.Context, script string, _ []string, stdin io.Reader, stdout, _ io.Writer) (int, error) {
	if strings.HasPrefix(script, listScript) {
		if _, err := io.WriteString(stdout, h.list); err != nil {
			return 0, err
		}
	}
	ends := new(listing).read(bufio.NewReader(strings.NewReader(h.list))) == nil
	if !ends || !strings.HasSuffix(script, fetchScript) {
		return 0, nil
	}
	if _, err := io.Copy(io.Discard, stdin); err != nil {
		return 0, err
	}
	_, err := io.WriteString(stdout, h.fetch)
	return 0, err
}

// listed is what list.sh says of one root and files below it, each "MODE NAME".
func listed(files ...string) string {
	var names, lines strings.Builder
	for _, f := range files {
		mode, name, _ := strings.Cut(f, " ")
		names.WriteString("proc/7/root/d" + name + "\x00")
		fmt.Fprintf(&lines, "%s 4 8 1 0 %d 2001-02-03 04:05:06.0 +0000 proc/7/root/d%s\n", mode, lines.Len(), name)
	}
	return "root\x00proc/7/root/d\x00" + names.String() + "\x00" + lines.String() + "\x00end\x00"
}

// sentPortion is a portion of an archive with a right checksum, and a state for each of the names.
func sentPortion(n int, members ...*tar.Header) string {
	var archive, after bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, h := range members {
		if h.Typeflag == tar.TypeReg {
			h.Size = 4
		}
		_ = w.WriteHeader(h)
		if h.Typeflag == tar.TypeReg {
			_, _ = w.Write([]byte("evil"))
		}
		fmt.Fprintf(&after, "4 2001-02-03 04:05:06.0 +0000 %s\n", h.Name)
	}
	_ = w.Close()
	sum := md5.Sum(archive.Bytes())
	return fmt.Sprintf("portion md5 %d\n%s%x\n%s\x00end\n", n, archive.String(), sum, after.String())
}

const (
	aFile   = "81a4 "
	aFolder = "41ed "
	aLink   = "a1ff "
)

// TestHostile: whatever a container answers, nothing is written outside of the destination.
func TestHostile(t *testing.T) {
	t.Parallel()
	file := func(name string) *tar.Header {
		return &tar.Header{Typeflag: tar.TypeReg, Name: "proc/7/root/d" + name, Mode: 0o644}
	}
	link := func(name, to string) *tar.Header {
		return &tar.Header{Typeflag: tar.TypeSymlink, Name: "proc/7/root/d" + name, Linkname: to}
	}
	for name, test := range map[string]struct {
		answers hostile
		// there are links that the destination has already; whole is true where all the same all that is listed can be copied.
		there map[string]string
		whole bool
	}{
		"a name with ..":             {answers: hostile{listed(aFolder, aFile+"/../../x"), sentPortion(1, file("/../../x"))}},
		"a name that ends with ..":   {answers: hostile{listed(aFolder, aFolder+"/.."), ""}},
		"an absolute name":           {answers: hostile{listed(aFolder, aFile+"//etc/x"), sentPortion(1, file("//etc/x"))}},
		"a name beside the root":     {answers: hostile{listed(aFolder, aFile+"x/y"), sentPortion(1, file("x/y"))}},
		"a file that nobody wanted":  {answers: hostile{listed(aFolder, aFile+"/x"), sentPortion(1, file("/y"))}},
		"a link instead of a file":   {answers: hostile{listed(aFolder, aFile+"/x"), sentPortion(1, link("/x", "../outside"))}},
		"a file below a link":        {answers: hostile{listed(aFolder, aLink+"/x", aFile+"/x/outside"), sentPortion(2, file("/x/outside"), link("/x", "../.."))}},
		"a link and a folder":        {answers: hostile{listed(aFolder, aLink+"/x", aFolder+"/x", aFile+"/x/outside"), sentPortion(2, file("/x/outside"), link("/x", "../.."))}},
		"a link out of the tree":     {answers: hostile{listed(aFolder, aLink+"/x"), sentPortion(1, link("/x", "../../outside"))}, whole: true},
		"a link that was there":      {answers: hostile{listed(aFolder, aFolder+"/x", aFile+"/x/outside"), sentPortion(1, file("/x/outside"))}, there: map[string]string{"d/x": "../.."}},
		"a link in the root's place": {answers: hostile{listed(aFolder, aFile+"/outside"), sentPortion(1, file("/outside"))}, there: map[string]string{"d": ".."}},
		"a link in a file's place":   {answers: hostile{listed(aFolder, aFile+"/x"), sentPortion(1, file("/x"))}, there: map[string]string{"d/x": "../../outside"}, whole: true},
		"a portion without end":      {answers: hostile{listed(aFolder, aFile+"/x"), "portion md5 1\n"}},
		"more than was asked for":    {answers: hostile{listed(aFolder, aFile+"/x"), sentPortion(5, file("/x"))}},
		"a checksum of another kind": {answers: hostile{listed(aFolder, aFile+"/x"), "portion none 1\n"}},
		"a listing without a root":   {answers: hostile{"x\x00\x00\x00end\x00", ""}},
		"a size below nothing":       {answers: hostile{strings.ReplaceAll(listed(aFolder, aFile+"/x"), " 4 8 ", " -4 8 "), ""}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			outside := t.TempDir()
			to := filepath.Join(outside, "to")
			for p, target := range test.there {
				if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(to, p)), 0o755), os.Symlink(target, filepath.Join(to, p))); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.MkdirAll(to, 0o755); err != nil {
				t.Fatal(err)
			}
			o := options()
			o.Retries = 0
			_, err := Out(t.Context(), test.answers, []Remote{"/d"}, Local(to), io.Discard, o)
			if (err == nil) != test.whole {
				t.Errorf("the error is %v", err)
			}
			if left, _ := os.ReadDir(outside); len(left) != 1 {
				t.Errorf("something was written outside of the destination: %v", left)
			}
			wantClean(t, to)
		})
	}
}

// TestDamaged: a portion that is not what was sent is fetched again, and never kept.
func TestDamaged(t *testing.T) {
	t.Parallel()
	to := t.TempDir()
	good := sentPortion(1, &tar.Header{Typeflag: tar.TypeReg, Name: "proc/7/root/d/x", Mode: 0o644})
	h := hostile{listed(aFolder, aFile+"/x"), strings.Replace(good, "evil", "good", 1)}
	o := options()
	o.Retries = 1
	_, err := Out(t.Context(), h, []Remote{"/d"}, Local(to), io.Discard, o)
	var damaged *damagedError
	if !errors.As(err, &damaged) {
		t.Errorf("the error is %v", err)
	}
	if left, _ := os.ReadDir(filepath.Join(to, "d")); len(left) > 0 {
		t.Errorf("it was kept: %v", left)
	}
}

// TestChanged: what changes between the listing and the end is named with both states, and what breaks off is not kept.
func TestChanged(t *testing.T) {
	t.Parallel()
	to := t.TempDir()
	answer := strings.Replace(sentPortion(1, &tar.Header{Typeflag: tar.TypeReg, Name: "proc/7/root/d/x", Mode: 0o644}),
		"\n4 2001-02-03 04:05:06.0", "\n9 2002-02-03 04:05:06.0", 1)
	_, err := Out(t.Context(), hostile{listed(aFolder, aFile+"/x"), answer}, []Remote{"/d"}, Local(to), io.Discard, options())
	var incomplete *fault.Incomplete
	const want = "it was 4 bytes, modified 2001-02-03 04:05:06.0 +0000; it is 9 bytes, modified 2002-02-03 04:05:06.0 +0000"
	if !errors.As(err, &incomplete) || len(incomplete.Troubles) != 1 || incomplete.Troubles[0].Detail != want {
		t.Errorf("the error is %v: %+v", err, incomplete)
	}
}

// FuzzOut feeds what a container may answer: nothing may be written outside of the destination, and nothing may panic.
func FuzzOut(f *testing.F) {
	f.Add(listed(aFolder, aFile+"/x"), sentPortion(1, &tar.Header{Typeflag: tar.TypeReg, Name: "proc/7/root/d/x", Mode: 0o644}))
	f.Add(listed(aFolder, aLink+"/x"), sentPortion(1, &tar.Header{Typeflag: tar.TypeSymlink, Name: "proc/7/root/d/x", Linkname: "/etc"}))
	f.Fuzz(func(t *testing.T, list, fetch string) {
		outside := t.TempDir()
		to := filepath.Join(outside, "to")
		if err := os.Mkdir(to, 0o755); err != nil {
			t.Fatal(err)
		}
		o := options()
		o.Retries, o.MaxBytes = 0, 1<<20
		_, _ = Out(t.Context(), hostile{list, fetch}, []Remote{"/d"}, Local(to), io.Discard, o)
		if left, _ := os.ReadDir(outside); len(left) != 1 {
			t.Errorf("something was written outside of the destination: %v", left)
		}
		wantClean(t, to)
	})
}

// FuzzFerry feeds records, which NUL separates, each with a right checksum.
func FuzzFerry(f *testing.F) {
	f.Add("file 4\n4\ngood"+aState+"\x00link 1\nx\x00shut x\n", "end\n")
	f.Add("file 9\nhole 3\n1\nxshort x\nstate 1 2.3\n\x00gone\n\x00other\n", "end\n")
	f.Fuzz(func(t *testing.T, text, end string) {
		outside := t.TempDir()
		to := filepath.Join(outside, "to")
		if err := os.Mkdir(to, 0o755); err != nil {
			t.Fatal(err)
		}
		o := options()
		o.Retries, o.MaxBytes = 0, 1<<20
		records := strings.Split(text, "\x00")
		modes := make([]string, len(records))
		for i := range modes {
			modes[i] = []string{aFile, aLink}[i%2]
		}
		_, _ = Out(t.Context(), hostile{numbered(modes...), ferryStream(end, records...)}, []Remote{"/d"}, Local(to), io.Discard, o)
		if left, _ := os.ReadDir(outside); len(left) != 1 {
			t.Errorf("something was written outside of the destination: %v", left)
		}
		wantClean(t, filepath.Join(to, "d"))
	})
}

// FuzzAnswers feeds what a container may say of what it was sent: nothing may panic, and a copy of which not all was said to be
// there is not whole.
func FuzzAnswers(f *testing.F) {
	f.Add("ready ferry\nkept 1\nno x\nend\n")
	f.Add("ready md5\nkept\n\x00")
	f.Fuzz(func(t *testing.T, answers string) {
		if err := sendTo(t, answers); err == nil && !strings.Contains(answers, "kept") {
			t.Errorf("%q is taken for a whole copy", answers)
		}
	})
}

// TestDenied: find's words are matched with the names of folders, which may hold line ends.
func TestDenied(t *testing.T) {
	t.Parallel()
	l := &listing{said: "find: proc/7/root/d/a\nb: Permission denied\nfind: proc/7/root/d/c: Permission denied\nrubbish\n"}
	if err := l.read(bufio.NewReader(strings.NewReader(listed(aFolder, aFolder+"/a\nb", aFolder+"/c")))); err != nil {
		t.Fatal(err)
	}
	if got := l.denied(); len(got) != 2 || got[0].Path != "proc/7/root/d/a\nb" || got[1].Detail != "Permission denied" {
		t.Errorf("denied are %q", got)
	}
}

// TestLinkInFoldersPlace: a link that is in a folder's place is not followed, though it leads to a folder of the destination.
func TestLinkInFoldersPlace(t *testing.T) {
	t.Parallel()
	to := t.TempDir()
	if err := errors.Join(os.MkdirAll(filepath.Join(to, "d/y"), 0o755), os.Symlink("y", filepath.Join(to, "d/x"))); err != nil {
		t.Fatal(err)
	}
	h := hostile{
		listed(aFolder, aFolder+"/x", aFile+"/x/f"),
		sentPortion(1, &tar.Header{Typeflag: tar.TypeReg, Name: "proc/7/root/d/x/f", Mode: 0o644}),
	}
	_, err := Out(t.Context(), h, []Remote{"/d"}, Local(to), io.Discard, options())
	var incomplete *fault.Incomplete
	if !errors.As(err, &incomplete) || len(incomplete.Troubles) != 2 {
		t.Errorf("the error is %v", err)
	}
	if left, _ := os.ReadDir(filepath.Join(to, "d/y")); len(left) > 0 {
		t.Errorf("it was followed: %v", left)
	}
}
