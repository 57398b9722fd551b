package profiles

import (
	"fmt"
	"strconv"
	"strings"
)

// MaxID is the largest uid or gid that Kubernetes accepts (validation.IsValidUserID in k8s.io/apimachinery).
const MaxID = 1<<31 - 1

// RunAs is a user as one names it: a uid and, where GID is not nil, a gid. Both are numbers from 0 to MaxID.
type RunAs struct {
	UID int64
	GID *int64
}

// RunAsError says that a text is not a user.
type RunAsError struct{ Text string }

func (e *RunAsError) Error() string { return fmt.Sprintf("%q is not UID[:GID]", e.Text) }

// ParseRunAs reads "UID" or "UID:GID", in digits. The error is a *RunAsError.
func ParseRunAs(text string) (RunAs, error) {
	uidText, gidText, both := strings.Cut(text, ":")
	uid, ok := parseID(uidText)
	r := RunAs{UID: uid}
	if both {
		gid, gidOK := parseID(gidText)
		r.GID, ok = &gid, ok && gidOK
	}
	if !ok {
		return RunAs{}, &RunAsError{Text: text}
	}
	return r, nil
}

// String is what ParseRunAs reads.
func (r RunAs) String() string {
	if r.GID == nil {
		return strconv.FormatInt(r.UID, 10)
	}
	return fmt.Sprintf("%d:%d", r.UID, *r.GID)
}

func parseID(text string) (int64, bool) {
	id, err := strconv.ParseUint(text, 10, 31)
	return int64(id), err == nil
}
