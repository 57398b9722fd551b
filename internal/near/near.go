// Package near finds what a user may have meant by a name that there is not.
package near

import (
	"slices"
	"strings"
)

// atMost is how many names are offered.
const atMost = 5

// Names returns the names that are most like want, five at most: those that contain it or are contained in it, then those within a
// few letters of it: two, or a third of a long name, and of a short one not all.
func Names(want string, names []string) []string {
	type scored struct {
		name     string
		distance int
	}
	var found []scored
	for _, name := range names {
		distance := editDistance(want, name)
		if min(len(name), len(want)) > 1 && (strings.Contains(name, want) || strings.Contains(want, name)) {
			distance = 0
		}
		if distance <= max(min(2, len(want)-1), len(want)/3) {
			found = append(found, scored{name, distance})
		}
	}
	slices.SortFunc(found, func(a, b scored) int {
		if a.distance != b.distance {
			return a.distance - b.distance
		}
		return strings.Compare(a.name, b.name)
	})
	var out []string
	for _, f := range found[:min(len(found), atMost)] {
		out = append(out, f.name)
	}
	return out
}

// editDistance is Levenshtein's: how many letters to change, add or remove.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substitute := diagonal
			if a[i] != b[j] {
				substitute++
			}
			diagonal = row[j+1]
			row[j+1] = min(substitute, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
