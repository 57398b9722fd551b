package doctest

import "strings"

// NotRun reads the list of what is not run, docs/NOTRUN: the pages of which no block is, and each other block as
// "PAGE: REASON".
func NotRun(list string) (pages map[string]bool, blocks []string) {
	pages = map[string]bool{}
	for line := range strings.Lines(list) {
		line = strings.TrimSpace(line)
		page, _, whole := strings.Cut(line, ": every block: ")
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case whole:
			pages[page] = true
		default:
			blocks = append(blocks, line)
		}
	}
	return pages, blocks
}
