package transfer

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
)

func TestParseWords(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		words   string
		windows bool
		want    Copy
		wrong   string
	}{
		{words: "web:/etc/x .", want: Copy{Target: "web", Out: true, RemoteFrom: []Remote{"/etc/x"}, LocalTo: "."}},
		{words: "pod/web:/etc/x ./a:b", want: Copy{Target: "pod/web", Out: true, RemoteFrom: []Remote{"/etc/x"}, LocalTo: "./a:b"}},
		{words: "deploy/web:logs /tmp/x:y", want: Copy{Target: "deploy/web", Out: true, RemoteFrom: []Remote{"logs"}, LocalTo: "/tmp/x:y"}},
		{words: "web:/a web:b:c out", want: Copy{Target: "web", Out: true, RemoteFrom: []Remote{"/a", "b:c"}, LocalTo: "out"}},
		{words: "web:/a -", want: Copy{Target: "web", Out: true, RemoteFrom: []Remote{"/a"}, LocalTo: "-"}},
		{words: "a b sts/db:/data", want: Copy{Target: "sts/db", LocalFrom: []Local{"a", "b"}, RemoteTo: "/data"}},
		{words: "- web:/data", want: Copy{Target: "web", LocalFrom: []Local{"-"}, RemoteTo: "/data"}},
		{words: `C:\x web:/data`, windows: true, want: Copy{Target: "web", LocalFrom: []Local{`C:\x`}, RemoteTo: "/data"}},
		{words: `web:/data c:/x`, windows: true, want: Copy{Target: "web", Out: true, RemoteFrom: []Remote{"/data"}, LocalTo: "c:/x"}},
		{words: `C:/x .`, want: Copy{Target: "C", Out: true, RemoteFrom: []Remote{"/x"}, LocalTo: "."}},
		{words: "web:/a", wrong: "a copy is from somewhere to somewhere"},
		{words: "a b", wrong: `"a" and "b" are both on this machine`},
		{words: "web:/a db:/b", wrong: "both sides are in a container"},
		{words: "web:/a db:/b .", wrong: "web and db are two targets"},
		{words: ":/a .", wrong: `":/a" names no pod`},
		{words: "web: .", wrong: `"web:" names no file`},
		{words: "- a web:/b", wrong: "an archive on standard input is not copied together with other files"},
		{words: "shop/web:/a .", wrong: `in "shop/web:/a", "shop" is no type of workload`},
	} {
		got, err := ParseWords(strings.Fields(test.words), test.windows)
		if test.wrong != "" {
			var usage *fault.Usage
			if !errors.As(err, &usage) || usage.Reason != test.wrong || usage.Hint == "" {
				t.Errorf("%s: the error is %v, want %q with a hint", test.words, err, test.wrong)
			}
			continue
		}
		if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
			t.Errorf("%s: error %v; (-want +got):\n%s", test.words, err, diff)
		}
	}
	_, err := ParseWords([]string{"shop/web:/a", "."}, false)
	var usage *fault.Usage
	if errors.As(err, &usage) && !strings.Contains(usage.Hint, "kubectl mindebug cp -n shop web:/a") {
		t.Errorf("the hint %q has not the right line", usage.Hint)
	}
}

// TestPlace is the table of `cp -a`: each row was tried with GNU cp 9.1.
func TestPlace(t *testing.T) {
	t.Parallel()
	file, folder := Source{Word: "a", Name: "a"}, Source{Word: "d", Name: "d", Folder: true}
	contents := Source{Word: "d/.", Folder: true}
	for _, test := range []struct {
		to      string
		is      Kind
		sources []Source
		into    bool
		names   []string
		why     fault.WhyNotPlaced
	}{
		{to: "x", is: Absent, sources: []Source{file}, names: []string{"."}},
		{to: "x", is: File, sources: []Source{file}, names: []string{"."}},
		{to: "x", is: Folder, sources: []Source{file}, into: true, names: []string{"a"}},
		{to: "x/", is: Folder, sources: []Source{file}, into: true, names: []string{"a"}},
		{to: "x/", is: Absent, sources: []Source{file}, why: fault.NoSuchFolder},
		{to: "x/", is: File, sources: []Source{file}, why: fault.NoSuchFolder},
		{to: "x", is: Absent, sources: []Source{folder}, names: []string{"."}},
		{to: "x/", is: Absent, sources: []Source{folder}, names: []string{"."}},
		{to: "x", is: File, sources: []Source{folder}, why: fault.FolderOverFile},
		{to: "x", is: Folder, sources: []Source{folder}, into: true, names: []string{"d"}},
		{to: "x", is: Absent, sources: []Source{contents}, names: []string{"."}},
		{to: "x", is: Folder, sources: []Source{contents}, into: true, names: []string{"."}},
		{to: "x", is: Folder, sources: []Source{file, folder, contents}, into: true, names: []string{"a", "d", "."}},
		{to: "x", is: Absent, sources: []Source{file, folder}, why: fault.ManyToOne},
		{to: "x", is: File, sources: []Source{file, folder}, why: fault.ManyToOne},
		{to: "x", is: Folder, sources: []Source{file, file}, into: true, why: fault.SameName},
	} {
		into, names, err := Place(test.to, test.is, test.sources)
		var notPlaced *fault.NotPlaced
		if test.why != "" {
			if !errors.As(err, &notPlaced) || notPlaced.Why != test.why {
				t.Errorf("%v to %q (%d): the error is %v, want %q", test.sources, test.to, test.is, err, test.why)
			}
			continue
		}
		if diff := cmp.Diff(test.names, names); diff != "" || into != test.into || err != nil {
			t.Errorf("%v to %q (%d): into %v, error %v, names %q", test.sources, test.to, test.is, into, err, names)
		}
	}
}
