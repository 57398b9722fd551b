package transfer

import (
	"fmt"
	"path"
	"strings"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// Local is a path on this machine, as it was written; Remote one in the target. They are different types, so that the
// compiler stops a mix-up.
type (
	Local  string
	Remote string
)

// Stream is the Local that stands for a tar archive on standard input or output.
const Stream Local = "-"

// Copy is what the words of a command line ask for: From one or more files of the container To this machine, or the other way
// round.
type Copy struct {
	// Target is the word for the pod: "web", "deploy/web".
	Target string
	// Out is true for a copy out of the container: then RemoteFrom and LocalTo are set, else LocalFrom and RemoteTo.
	Out        bool
	RemoteFrom []Remote
	LocalTo    Local
	LocalFrom  []Local
	RemoteTo   Remote
}

// word is one of the words.
type word struct {
	target, path string
	remote       bool
}

// ParseWords reads the words of a copy. A colon makes a word the container's: POD:PATH or TYPE/NAME:PATH. A path of this
// machine with a colon is written ./a:b. Where windows is true, C:\x is local. The error is a *fault.Usage.
func ParseWords(words []string, windows bool) (Copy, error) {
	if len(words) < 2 {
		return Copy{}, &fault.Usage{
			Reason: "a copy is from somewhere to somewhere",
			Hint:   "kubectl mindebug cp POD:/path ./local, or kubectl mindebug cp ./local POD:/path",
		}
	}
	var parsed []word
	for _, text := range words {
		w, err := parseWord(text, windows)
		if err != nil {
			return Copy{}, err
		}
		parsed = append(parsed, w)
	}
	last := parsed[len(parsed)-1]
	c := Copy{Target: last.target, Out: !last.remote, LocalTo: Local(last.path), RemoteTo: Remote(last.path)}
	if c.Out {
		c.Target, c.RemoteTo = parsed[0].target, ""
	} else {
		c.LocalTo = ""
	}
	for i, w := range parsed[:len(parsed)-1] {
		switch {
		case w.remote && last.remote:
			return c, &fault.Usage{Reason: "both sides are in a container", Hint: "copy to this machine first, and from here in a second step"}
		case !w.remote && !last.remote:
			return c, &fault.Usage{
				Reason: fmt.Sprintf("%q and %q are both on this machine", words[i], words[len(words)-1]),
				Hint:   "name the container's side with its pod: POD:/path",
			}
		case c.Out && w.target != c.Target:
			return c, &fault.Usage{Reason: fmt.Sprintf("%s and %s are two targets", c.Target, w.target), Hint: "copy from one at a time"}
		case c.Out:
			c.RemoteFrom = append(c.RemoteFrom, Remote(w.path))
		case Local(w.path) == Stream && len(words) > 2:
			return c, &fault.Usage{Reason: "an archive on standard input is not copied together with other files", Hint: "copy it by itself: … - POD:/path"}
		default:
			c.LocalFrom = append(c.LocalFrom, Local(w.path))
		}
	}
	return c, nil
}

func parseWord(text string, windows bool) (word, error) {
	before, after, colon := strings.Cut(text, ":")
	switch {
	case text == "":
		return word{}, &fault.Usage{Reason: "a path is empty", Hint: "write . for the current folder"}
	case !colon, strings.HasPrefix(text, "."), strings.HasPrefix(text, "/"):
		return word{path: text}, nil
	case windows && len(before) == 1 && (after == "" || after[0] == '\\' || after[0] == '/'), windows && strings.HasPrefix(text, `\`):
		return word{path: text}, nil
	case before == "":
		return word{}, &fault.Usage{Reason: fmt.Sprintf("%q names no pod", text), Hint: "POD:/path for a container's file, ./" + text + " for one of this machine"}
	case after == "":
		return word{}, &fault.Usage{Reason: fmt.Sprintf("%q names no file", text), Hint: text + "/ is all of the container, " + text + ". its working directory"}
	}
	first, rest, slash := strings.Cut(before, "/")
	if _, known := target.KindOf(first); slash && !known {
		usage := &fault.Usage{Reason: fmt.Sprintf("in %q, %q is no type of workload", text, first)}
		usage.Hint = fmt.Sprintf("a namespace is named with -n: kubectl mindebug cp -n %s %s:%s …; a file of this machine is ./%s", first, rest, after, text)
		return word{}, usage
	}
	return word{target: before, path: after, remote: true}, nil
}

// name is what cp calls the last part of a path: empty where it is the contents of a folder that are meant.
func (r Remote) name() string { return lastPart(string(r)) }

// follows reports whether a path names what a symbolic link leads to, as a slash at its end says.
func follows(p string) bool {
	return strings.HasSuffix(p, "/") || path.Base(p) == "." || path.Base(p) == ".."
}

func lastPart(p string) string {
	switch base := path.Base(p); base {
	case ".", "..", "/":
		return ""
	default:
		return base
	}
}
