package transfer

import (
	"github.com/mindebug/kubectl-mindebug/internal/fault"
)

// Kind is what there is at a path.
type Kind int

// The values of Kind. What is neither a folder nor absent is a file here.
const (
	Absent Kind = iota
	File
	Folder
)

// Source is what is copied, as far as the place of it depends on that. Name is empty where the contents of a folder are
// meant: "x/." or "/".
type Source struct {
	Word, Name string
	Folder     bool
}

// names are the names of what is copied from several sources, each with whether it is a folder.
type names map[string]bool

// add takes in a name. It returns false where something else has it already, over which it would come: folders become one.
func (n names) add(name string, folder bool) bool {
	is, there := n[name]
	n[name] = folder
	return !there || is && folder
}

// Place decides under which names sources come to a destination, as `cp -a` does (cp in POSIX, and GNU for several
// sources). Into is true where the names are below the destination; else the one name is the destination's own. A name is "."
// for the destination itself. The error is a *fault.NotPlaced.
func Place(destination string, is Kind, sources []Source) (into bool, names []string, err error) {
	refuse := func(s Source, why fault.WhyNotPlaced) (bool, []string, error) {
		return false, nil, &fault.NotPlaced{Source: s.Word, Destination: destination, Why: why}
	}
	if is != Folder {
		s := sources[0]
		switch {
		case len(sources) > 1:
			return refuse(s, fault.ManyToOne)
		case !s.Folder && follows(destination):
			return refuse(s, fault.NoSuchFolder)
		case s.Folder && is == File:
			return refuse(s, fault.FolderOverFile)
		}
		return false, []string{"."}, nil
	}
	seen := map[string]bool{}
	for _, s := range sources {
		name := s.Name
		if name == "" {
			name = "."
		}
		if seen[name] && name != "." {
			return refuse(s, fault.SameName)
		}
		seen[name] = true
		names = append(names, name)
	}
	return true, names, nil
}
