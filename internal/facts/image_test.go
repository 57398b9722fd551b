package facts_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mindebug/kubectl-mindebug/internal/facts"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// image is one in memory; nothing may be read of it that is not there.
type image struct {
	user, passwd    string
	userErr, noFile error
	read            []string
}

func (i *image) User() (string, error) {
	i.read = append(i.read, "USER")
	return i.user, i.userErr
}

func (i *image) File(name string) ([]byte, bool, error) {
	i.read = append(i.read, name)
	return []byte(i.passwd), i.passwd != "", i.noFile
}

const passwd = "root:x:0:0:root:/root:/bin/sh\nnonroot:x:65532:65533:nonroot:/:\n\n  web:x:7:8::/:  \nweb:x:9:9::/:\nadmin:x:0:44::/:\n"

// TestFromImage has what was seen on Kubernetes 1.36.3 with containerd 2.4.2 (TestImageIdentities of test/e2e).
func TestFromImage(t *testing.T) {
	t.Parallel()
	spec := func(n int64) target.Sourced[int64] { return sourced(target.FromContainer, n) }
	user := func(user string, n int64) target.Sourced[int64] {
		return sourced(target.Origin("image config (USER "+user+")"), n)
	}
	inPasswd := func(n int64) target.Sourced[int64] { return sourced(target.FromPasswd, n) }
	notInPasswd := sourced(target.FromNoPasswd, int64(0))
	noUser := sourced(target.FromNoUser, int64(0))
	both := []string{"USER", "/etc/passwd"}
	tests := []struct {
		name             string
		image            image
		uid, gid         target.Sourced[int64]
		wantUID, wantGID target.Sourced[int64]
		read             []string
		err              string
	}{
		{name: "number", image: image{user: "65532", passwd: passwd}, wantUID: user("65532", 65532), wantGID: inPasswd(65533), read: both},
		{name: "number:group: the group is dropped", image: image{user: "65532:4242", passwd: passwd}, wantUID: user("65532:4242", 65532), wantGID: inPasswd(65533), read: both},
		{name: "number without passwd", image: image{user: "31337:4242"}, wantUID: user("31337:4242", 31337), wantGID: notInPasswd, read: both},
		{name: "number not in passwd", image: image{user: "31337", passwd: passwd}, wantUID: user("31337", 31337), wantGID: notInPasswd, read: both},
		{name: "name: the first entry", image: image{user: "web", passwd: passwd}, wantUID: user("web", 7), wantGID: inPasswd(8), read: both},
		{name: "name:group", image: image{user: "web:4242", passwd: passwd}, wantUID: user("web", 7), wantGID: inPasswd(8), read: both},
		{name: "name of uid 0", image: image{user: "admin", passwd: passwd}, wantUID: user("admin", 0), wantGID: inPasswd(44), read: both},
		{name: "no USER", image: image{passwd: passwd}, wantUID: noUser, wantGID: inPasswd(0), read: both},
		{name: "no USER, another group of root", image: image{passwd: "admin:x:0:44::/:\n" + passwd}, wantUID: noUser, wantGID: inPasswd(44), read: both},
		{name: "no USER, no passwd", wantUID: noUser, wantGID: notInPasswd, read: both},
		{name: "runAsUser over USER", image: image{user: "65532", passwd: passwd}, uid: spec(7), wantUID: spec(7), wantGID: inPasswd(8), read: both[1:]},
		{name: "runAsUser not in passwd", image: image{user: "web", passwd: passwd}, uid: spec(1234), wantUID: spec(1234), wantGID: notInPasswd, read: both[1:]},
		{name: "runAsUser 0", image: image{user: "web", passwd: passwd}, uid: spec(0), wantUID: spec(0), wantGID: inPasswd(0), read: both[1:]},
		{name: "runAsGroup and number: no layer is read", image: image{user: "65532:1", noFile: errors.New("read")}, gid: spec(5), wantUID: user("65532:1", 65532), wantGID: spec(5), read: both[:1]},
		{name: "runAsGroup and name", image: image{user: "web", passwd: passwd}, gid: spec(5), wantUID: user("web", 7), wantGID: spec(5), read: both},
		{name: "both in the spec: nothing is read", image: image{userErr: errors.New("read")}, uid: spec(1), gid: spec(2), wantUID: spec(1), wantGID: spec(2)},
		{name: "what is no number is 0, as for the runtime", image: image{user: "x", passwd: "x:x:abc"}, wantUID: user("x", 0), wantGID: inPasswd(0), read: both},

		{name: "name not in passwd", image: image{user: "ghost", passwd: passwd}, read: both, err: `USER "ghost" is not in its /etc/passwd`},
		{name: "name without passwd", image: image{user: "ghost"}, read: both, err: `USER "ghost" is not in its /etc/passwd`},
		{name: "only a group", image: image{user: ":5", passwd: passwd}, read: both[:1], err: "names no user"},
		{name: "too large", image: image{user: "4294967296"}, read: both[:1], err: "is no uid"},
		{name: "far too large", image: image{user: "99999999999999999999"}, read: both[:1], err: "is no uid"},
		{name: "negative", image: image{user: "-1"}, read: both[:1], err: "is no uid"},
		{name: "out of bounds in passwd", image: image{user: "x", passwd: "x:x:5:4294967296::/:"}, read: both, err: "out of bounds"},
		{name: "the configuration cannot be read", image: image{userErr: errors.New("gone")}, read: both[:1], err: "gone"},
		{name: "the layers cannot be read", image: image{user: "7", noFile: errors.New("gone")}, read: both, err: "gone"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			before := target.Facts{UID: test.uid, GID: test.gid}
			got, err := facts.FromImage(before, &test.image)
			want := target.Facts{UID: test.wantUID, GID: test.wantGID}
			if test.err != "" {
				want = before
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("error %v; want %q", err, test.err)
				}
			} else if err != nil {
				t.Errorf("error %v", err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("facts (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.read, test.image.read); diff != "" {
				t.Errorf("read of the image (-want +got):\n%s", diff)
			}
		})
	}
}
