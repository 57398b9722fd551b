package triage

import "testing"

func TestFiles(t *testing.T) {
	t.Parallel()
	wantReadings(t, files, map[string]reading{
		"healthy": {sample: "v1-healthy", facts: map[string]string{
			"process 1 server": "8 of 20000 open: files 2, pipes 2, devices 1, eventfd 1, eventpoll 1, sockets 1",
		}},
		"nearly all": {
			sample: "v1-healthy", replace: []string{"1 8\n", "1 16500\n"},
			findings: []string{"warning: process 1 server has 16500 of 20000 open: files 2, pipes 2, devices 1, eventfd 1, eventpoll 1, sockets 1"},
		},
		"all": {
			sample: "v1-healthy", replace: []string{"1 8\n", "1 20000\n"},
			findings: []string{"critical: process 1 server has 20000 of 20000 open: files 2, pipes 2, devices 1, eventfd 1, eventpoll 1, sockets 1"},
		},
		"without limit": {sample: "v1-healthy", replace: []string{"            20000                20000", "            unlimited            unlimited"}, facts: map[string]string{
			"process 1 server": "8 open: files 2, pipes 2, devices 1, eventfd 1, eventpoll 1, sockets 1",
		}},
		"deleted": { // by several processes that share it
			sample: "v1-busy", findings: []string{"notice: deleted files that are still open take 2.9 MiB: /tmp/gone"},
			facts: map[string]string{"deleted and open": "2.9 MiB in 1 file: /tmp/gone", "process 10 nc": "5 of 20000 open: pipes 2, devices 1, files 1, sockets 1"},
		},
		"much deleted": {
			sample: "v1-busy", replace: []string{" 5864 512 ", " 586400 512 "},
			findings: []string{"warning: deleted files that are still open take 286 MiB: /tmp/gone"},
		},
		"deleted memory": {sample: "v1-busy", replace: []string{"/tmp/gone", "/memfd:x"}},
		"closed":         {sample: "v1-healthy", replace: []string{"1 8\n", ""}, unread: []string{"the descriptors of the container's processes"}},
	})
}

func TestKindOfFile(t *testing.T) {
	t.Parallel()
	for to, want := range map[string]string{
		"/data/x": "files", "/data/x (deleted)": "files", "/dev/null": "devices", "socket:[1]": "sockets", "pipe:[1]": "pipes",
		"anon_inode:[eventpoll]": "eventpoll", "anon_inode:inotify": "inotify", "/memfd:x (deleted)": "memory files", "net:[4026531840]": "others", "": "others",
	} {
		if got := kindOfFile(to); got != want {
			t.Errorf("%q is of %q, want %q", to, got, want)
		}
	}
}
