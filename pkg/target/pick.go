package target

import (
	"fmt"
	"slices"
)

// Pick says which of several pods is meant. The zero value leaves it to the order of the pods.
type Pick string

// The picks: a pod that is ready, one that is not, the one that was created last, or first.
const (
	PickReady    Pick = "ready"
	PickNotReady Pick = "not-ready"
	PickNewest   Pick = "newest"
	PickOldest   Pick = "oldest"
)

// ParsePick reads the word for a pick. The empty word is the zero value; any other than those above is an error.
func ParsePick(word string) (Pick, error) {
	if pick := Pick(word); slices.Contains([]Pick{"", PickReady, PickNotReady, PickNewest, PickOldest}, pick) {
		return pick, nil
	}
	return "", fmt.Errorf("%q is none of %s, %s, %s, %s", word, PickReady, PickNotReady, PickNewest, PickOldest)
}
