package facts

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// Image is the image that a container runs, as far as it tells whom it runs as.
type Image interface {
	// User is the USER of its configuration.
	User() (string, error)
	// File is the content of a regular file in it; found is false where there is none.
	File(name string) (content []byte, found bool, err error)
}

// maxID is the largest uid or gid that the kubelet and the runtime take for a number (minUserID to maxUserID in
// containerd's pkg/oci).
const maxID = 1<<31 - 1

// FromImage fills in what the pod leaves open of its target's uid and gid, as the kubelet and the runtime do when they
// create the container:
//
//   - The kubelet takes what stands before the colon of USER, as a number or a name, and 0 where there is none. What
//     stands after it, the group, it drops (getUserFromImage in containerd and CRI-O, getImageUser in the kubelet).
//   - The runtime looks a name up in the image's /etc/passwd. Where runAsGroup is not set, the gid is that of the first
//     entry of /etc/passwd with the name or the uid, and 0 where no entry has the uid (WithUserID and WithUsername in
//     containerd's pkg/oci, GetExecUser in CRI-O).
//
// A value that f has stays as it is. An error says what the image leaves open or why it cannot be read.
func FromImage(f target.Facts, image Image) (target.Facts, error) {
	if f.UID.Known() && f.GID.Known() {
		return f, nil
	}
	uid, name := f.UID, ""
	if !uid.Known() {
		user, err := image.User()
		if err != nil {
			return f, err
		}
		if uid, name, err = fromUser(user); err != nil {
			return f, err
		}
	}
	var entry *account
	if name != "" || !f.GID.Known() {
		passwd, _, err := image.File("/etc/passwd")
		if err != nil {
			return f, err
		}
		if entry, err = find(string(passwd), name, uid.Value); err != nil {
			return f, err
		}
	}
	switch {
	case name != "" && entry == nil:
		return f, fmt.Errorf("its USER %q is not in its /etc/passwd", name)
	case name != "":
		uid = target.Sourced[int64]{Value: entry.uid, Origin: userOrigin(name)}
	}
	f.UID = uid
	switch {
	case f.GID.Known():
	case entry != nil:
		f.GID = target.Sourced[int64]{Value: entry.gid, Origin: target.FromPasswd}
	default:
		f.GID = target.Sourced[int64]{Origin: target.FromNoPasswd}
	}
	return f, nil
}

// fromUser reads USER: a uid, or the name of one.
func fromUser(user string) (uid target.Sourced[int64], name string, err error) {
	text, _, _ := strings.Cut(user, ":")
	if text == "" {
		if user != "" {
			return uid, "", fmt.Errorf("its USER %q names no user", user)
		}
		return target.Sourced[int64]{Origin: target.FromNoUser}, "", nil
	}
	id, err := strconv.ParseInt(text, 10, 64)
	switch {
	case errors.Is(err, strconv.ErrSyntax):
		return uid, text, nil
	case err != nil || id < 0 || id > maxID:
		return uid, "", fmt.Errorf("its USER %q is no uid", user)
	}
	return target.Sourced[int64]{Value: id, Origin: userOrigin(user)}, "", nil
}

func userOrigin(user string) target.Origin {
	return target.Origin(fmt.Sprintf("image config (USER %s)", user))
}

// account is an entry of /etc/passwd.
type account struct{ uid, gid int64 }

// find returns the first entry with that name or, where name is empty, that uid; nil where there is none. As in the
// runtime, what is missing of a line, or is no number, is 0 (parseParts in github.com/moby/sys/user).
func find(passwd, name string, uid int64) (*account, error) {
	for line := range strings.Lines(passwd) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		fields := append(strings.Split(line, ":"), "", "", "")
		entry := account{number(fields[2]), number(fields[3])}
		if name != "" && fields[0] != name || name == "" && entry.uid != uid {
			continue
		}
		if min(entry.uid, entry.gid) < 0 || max(entry.uid, entry.gid) > maxID {
			return nil, fmt.Errorf("its /etc/passwd has ids that are out of bounds: %.100q", line)
		}
		return &entry, nil
	}
	return nil, nil
}

func number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0
	}
	return n
}
