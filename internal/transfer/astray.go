package transfer

import (
	"path"
	"strings"
)

// mostLinks is how many symbolic links the kernel follows on one way (path_resolution(7)).
const mostLinks = 40

// leadsOut reports whether a symbolic link leads out of what is copied. Names are all that is copied, with what the links
// among them say; the link is one of them.
func leadsOut(names map[string]string, link string) bool {
	at, todo := path.Dir(link), names[link]
	for links := 1; todo != ""; {
		if strings.HasPrefix(todo, "/") || links > mostLinks {
			return true
		}
		part, rest, _ := strings.Cut(todo, "/")
		todo = strings.TrimLeft(rest, "/")
		if part == ".." && at == "." {
			return true
		}
		next := path.Join(at, part)
		says, there := names[next]
		switch {
		case part != "." && part != ".." && !there:
			return true
		case says != "":
			links++
			todo = strings.TrimSuffix(says+"/"+todo, "/")
		default:
			at = next
		}
	}
	_, there := names[at]
	return !there
}

// astray are those of the copied links that lead out of what was copied. Copied are all names, a link's with what it says.
func (c *outCopy) astray(links map[*remoteFile]string) (out []string) {
	if len(links) == 0 {
		return nil
	}
	names := map[string]string{}
	for _, f := range c.folders {
		names[f.name] = ""
	}
	for _, f := range c.files {
		names[f.name] = links[f]
	}
	for _, twin := range c.twins {
		names[twin[0].name] = ""
	}
	for _, f := range c.files {
		if links[f] != "" && leadsOut(names, f.name) {
			out = append(out, f.real)
		}
	}
	return out
}

// astray are those of the links that are to be sent that lead out of what is sent.
func (w *walk) astray() (out []string) {
	names := map[string]string{}
	for _, f := range w.folders {
		names[f.name] = ""
	}
	for _, f := range w.files {
		names[f.name] = f.link
	}
	for _, f := range w.files {
		if f.link != "" && leadsOut(names, f.name) {
			out = append(out, f.path)
		}
	}
	return out
}
