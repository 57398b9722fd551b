package transfer

import (
	"context"
	"slices"
	"strings"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
)

// longestWords is how many bytes of paths are asked for at once: they stand in the request.
const longestWords = 4 << 10

// follow puts in the place of each symbolic link in a tree what it leads to, as the target would find it.
func (c *outCopy) follow(ctx context.Context, t *tree) error {
	// way are the folders in which a file is, each as the real path that a link led to.
	way := map[*remoteFile][]string{}
	for {
		var links []*remoteFile
		var paths []string
		size := 0
		for _, f := range t.files {
			if f.isLink() && size < longestWords {
				path := inTarget(f.real)
				links, paths, size = append(links, f), append(paths, path), size+len(path)
			}
		}
		if len(links) == 0 {
			return nil
		}
		l, err := list(ctx, c.runner, true, paths)
		if err != nil {
			return err
		}
		c.summary.Troubles = append(c.summary.Troubles, append(l.troubles, l.denied()...)...)
		for i, link := range links {
			c.replace(t, link, l.trees[i], way)
		}
	}
}

// replace puts what a link leads to in its place. One that leads to a folder that it is in itself would have no end.
func (c *outCopy) replace(t *tree, link *remoteFile, found tree, way map[*remoteFile][]string) {
	at := slices.Index(t.files, link)
	inside := func(folder string) bool {
		return strings.HasPrefix(folder+"/", strings.TrimSuffix(found.root, "/.")+"/")
	}
	switch {
	case len(found.files) == 0:
		c.trouble(link, fault.Unreadable, "the link leads nowhere")
		t.files = slices.Delete(t.files, at, at+1)
		return
	case found.files[0].mode.IsDir() && (inside(link.real) || slices.ContainsFunc(way[link], inside)):
		c.trouble(link, fault.Unreadable, "the link leads to a folder that it is in")
		t.files = slices.Delete(t.files, at, at+1)
		return
	}
	on := append(slices.Clone(way[link]), link.real)
	for _, f := range found.files {
		if f.name == "." {
			f.name = link.name
		} else {
			f.name = link.name + "/" + f.name
		}
		way[f] = on
	}
	t.files = slices.Replace(t.files, at, at+1, found.files...)
}

// inTarget is a real path as the target knows it: proc/7/root/x is its /x.
func inTarget(path string) string {
	parts := strings.SplitN(path, "/", 4)
	if len(parts) < 4 {
		return "/"
	}
	return "/" + strings.TrimPrefix(parts[3], "./")
}
