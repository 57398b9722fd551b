package transfer

import (
	"bufio"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
)

//go:embed list.sh
var listScript string

// remoteFile is a file of the target as it was listed.
type remoteFile struct {
	// real is where it is, below the session container's root and without a slash before it: "proc/7/root/app/x".
	real string
	// name is its place at the destination, with slashes; "." is the destination itself.
	name string
	mode fs.FileMode
	size int64
	// stored is how much of it is stored: less than size where it has holes.
	stored   int64
	links    int
	inode    string
	modified string
	// kept is set once it is in its place at the destination.
	kept bool
}

// statTime is how stat says a time.
const statTime = "2006-01-02 15:04:05.999999999 -0700"

// modTime is when it was last modified; the zero time where the pod's stat says it in another form than BusyBox' and GNU's.
func (f *remoteFile) modTime() time.Time {
	t, err := time.Parse(statTime, f.modified)
	if err != nil {
		return time.Time{}
	}
	return t
}

func (f *remoteFile) isLink() bool { return f.mode.Type() == fs.ModeSymlink }

// state says of a file what tells that it has changed.
func (f *remoteFile) state() string { return stateText(f.size, f.modified) }

func stateText(size int64, modified string) string {
	return fmt.Sprintf("%d bytes, modified %s", size, modified)
}

// tree is what was listed for one path.
type tree struct {
	// root is the real path, and below it is all the rest; files are root and what is below it, folders before what is in them.
	root  string
	files []*remoteFile
}

// listing is what was listed for some paths.
type listing struct {
	trees []tree
	// said is what find had to say.
	said     string
	troubles []fault.NotCopied
}

// list asks what there is at and below paths of the target.
func list(ctx context.Context, runner Runner, follow bool, paths []string) (*listing, error) {
	t := start(ctx, runner, listScript, listArgs(follow, paths), nil)
	l, err := readListing(t, len(paths))
	if err != nil {
		return nil, notListed(t, err)
	}
	_, _, err = t.end(nil)
	return l, err
}

// readListing takes in what list.sh writes about so many paths.
func readListing(t *talk, paths int) (*listing, error) {
	l := &listing{}
	err := l.read(t.in)
	if err == nil && len(l.trees) != paths {
		err = errProtocol
	}
	return l, err
}

// notListed ends a script whose listing could not be read, and says why.
func notListed(t *talk, err error) error {
	status, said, err := t.end(err)
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, errProtocol) {
		err = fmt.Errorf("listing files in the container: %w: status %d: %s", err, status, strings.TrimSpace(said))
	}
	return err
}

// listArgs are the arguments of list.sh.
func listArgs(follow bool, paths []string) []string {
	args := []string{"0"}
	if follow {
		args[0] = "1"
	}
	return append(args, paths...)
}

// read takes in what list.sh writes.
func (l *listing) read(in *bufio.Reader) error {
	for {
		word, err := field(in)
		switch {
		case err != nil:
			return err
		case word == "end":
			return nil
		case word == "root":
			root, err := field(in)
			if err != nil {
				return err
			}
			l.trees = append(l.trees, tree{root: root})
		case word == "said":
			said, err := field(in)
			if err != nil {
				return err
			}
			l.said += said + "\n"
		case len(l.trees) == 0:
			return errProtocol
		default:
			if err := l.portion(in, word); err != nil {
				return err
			}
		}
	}
}

// errProtocol is what a container says that is none of our scripts.
var errProtocol = errors.New("the container's answer is not what its tools would say")

// field reads up to a NUL.
func field(in *bufio.Reader) (string, error) {
	text, err := in.ReadString(0)
	if err != nil {
		return "", io.ErrUnexpectedEOF
	}
	return text[:len(text)-1], nil
}

// portion reads names, the first of which is known, and then what stat says of them.
func (l *listing) portion(in *bufio.Reader, name string) error {
	var names []string
	for name != "" {
		names = append(names, name)
		next, err := field(in)
		if err != nil {
			return err
		}
		name = next
	}
	text, err := field(in)
	if err != nil {
		return err
	}
	t := &l.trees[len(l.trees)-1]
	for _, name := range names {
		fields, rest, ok := statLine(text, 9, name)
		if !ok {
			l.troubles = append(l.troubles, fault.NotCopied{Path: name, Trouble: fault.Vanished, Detail: "before it could be read"})
			continue
		}
		text = rest
		f, err := parseFile(name, fields)
		if err != nil {
			return err
		}
		if f.name, ok = below(t.root, name); !ok {
			return fmt.Errorf("%w: it lists %q below %q", errProtocol, name, t.root)
		}
		t.files = append(t.files, f)
	}
	return nil
}

// statLine takes from text a line of n fields and a name, which may hold anything. It returns false where the next line is not
// about that name.
func statLine(text string, n int, name string) (fields []string, rest string, ok bool) {
	rest = text
	for range n {
		field, after, found := strings.Cut(rest, " ")
		if !found {
			return nil, text, false
		}
		fields, rest = append(fields, field), after
	}
	rest, ok = strings.CutPrefix(rest, name+"\n")
	if !ok {
		return nil, text, false
	}
	return fields, rest, true
}

func parseFile(name string, fields []string) (*remoteFile, error) {
	mode, err := strconv.ParseUint(fields[0], 16, 32)
	size, err2 := strconv.ParseInt(fields[1], 10, 64)
	blocks, err3 := strconv.ParseInt(fields[2], 10, 64)
	links, err4 := strconv.Atoi(fields[3])
	if err := errors.Join(err, err2, err3, err4); err != nil || size < 0 {
		return nil, fmt.Errorf("%w: stat says %q of %q", errProtocol, fields, name)
	}
	return &remoteFile{
		real: name, mode: unixMode(uint32(mode)), size: size, stored: blocks * 512, links: links,
		inode: fields[4] + ":" + fields[5], modified: strings.Join(fields[6:9], " "),
	}, nil
}

// unixMode is a file's mode as Linux has it (inode(7)), as Go has it.
func unixMode(m uint32) fs.FileMode {
	mode := fs.FileMode(m & 0o777)
	switch m & 0o170000 {
	case 0o040000:
		mode |= fs.ModeDir
	case 0o120000:
		mode |= fs.ModeSymlink
	case 0o100000:
	case 0o010000:
		mode |= fs.ModeNamedPipe
	case 0o140000:
		mode |= fs.ModeSocket
	case 0o020000:
		mode |= fs.ModeDevice | fs.ModeCharDevice
	default:
		mode |= fs.ModeDevice
	}
	if m&0o4000 != 0 {
		mode |= fs.ModeSetuid
	}
	if m&0o2000 != 0 {
		mode |= fs.ModeSetgid
	}
	if m&0o1000 != 0 {
		mode |= fs.ModeSticky
	}
	return mode
}

// below is name as a path from root: "." for root itself. It returns false where name is not below root, or has parts that
// could lead elsewhere.
func below(root, name string) (string, bool) {
	if name == root {
		return ".", true
	}
	rest, ok := strings.CutPrefix(name, root+"/")
	if !ok || path.Clean(rest) != rest || rest == ".." || strings.HasPrefix(rest, "../") || strings.HasPrefix(rest, "/") {
		return "", false
	}
	return rest, true
}

// denied are those of the names that find could not enter, with its word for why.
func (l *listing) denied() []fault.NotCopied {
	folders := map[string]bool{}
	for _, t := range l.trees {
		for _, f := range t.files {
			if f.mode.IsDir() {
				folders[f.real] = true
			}
		}
	}
	var out []fault.NotCopied
	line := ""
	for part := range strings.SplitSeq(l.said, "\n") {
		line += part
		rest, ours := strings.CutPrefix(line, "find: ")
		name, why, found := cutLast(rest, ": ")
		if quoted := strings.TrimSuffix(strings.TrimPrefix(name, "'"), "'"); folders[quoted] { // GNU's
			name = quoted
		}
		switch {
		case ours && found && folders[name]:
			out = append(out, fault.NotCopied{Path: name, Trouble: fault.Unreadable, Detail: why})
			line = ""
		case ours && len(line) < 1<<16: // a name may hold line ends
			line += "\n"
		default:
			line = ""
		}
	}
	return slices.Clip(out)
}

// cutLast cuts around the last separator.
func cutLast(s, separator string) (before, after string, found bool) {
	i := strings.LastIndex(s, separator)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(separator):], true
}
