package transfer

import (
	"bufio"
	_ "embed"
	"path"
	"strconv"
	"strings"
)

//go:embed probe.sh
var probeScript string

// place is what there is at a path of the target.
type place struct {
	// real is where it is, below the session container's root.
	real string
	// is is what there is, above what there is in its parent's place.
	is, above Kind
	// free is how many bytes are free there, or negative where that is not told.
	free int64
}

// folder is the real path of the folder that files come into.
func (p place) folder() string {
	if p.is == Folder {
		return p.real
	}
	return path.Dir(p.real)
}

// probe reads what probe.sh says there is at a path.
func probe(in *bufio.Reader) (p place, err error) {
	kinds := map[string]Kind{"folder": Folder, "file": File, "absent": Absent}
	if p.real, err = field(in); err != nil {
		return p, err
	}
	line, err := in.ReadString('\n')
	words := strings.Fields(line)
	if err != nil || len(words) != 3 {
		return p, errProtocol
	}
	p.is, p.above = kinds[words[0]], kinds[words[1]]
	free, err := strconv.ParseInt(words[2], 10, 53)
	p.free = free << 10
	return p, err
}
