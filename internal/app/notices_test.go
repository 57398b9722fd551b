package app

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mindebug/kubectl-mindebug/internal/session"
	"github.com/mindebug/kubectl-mindebug/pkg/profiles"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

func TestRemarks(t *testing.T) {
	t.Parallel()
	as := func(uid, gid int64) session.Greeting {
		return session.Greeting{
			UID: [4]int64{uid, uid, uid, uid}, GID: [4]int64{gid, gid, gid, gid}, Open: true, Hidden: true, OOMScoreAdj: 1000, MemoryInUse: 40 << 20,
		}
	}
	const closed, general = "its files under /proc are closed to this session", "--profile=general sees it"
	tests := []struct {
		name   string
		facts  target.Facts
		plan   profiles.Plan
		change func(*session.Greeting)
		want   []string
	}{
		{name: "as one would expect"},
		{
			name: "limits", facts: target.Facts{MemoryLimit: 64 << 20, EphemeralStorageLimit: 1 << 30},
			want: []string{
				"memory: the target has a limit of 64Mi and uses 40Mi; what a session uses counts against the pod, too",
				"ephemeral storage: the target has a limit of 1Gi; what a session writes counts against the pod, too",
			},
		},
		{
			name:   "the program changed its user",
			change: func(g *session.Greeting) { *g = as(101, 102); g.Open = false },
			want: []string{
				"the target's process runs as 101:102, not as 65532:65532, since it changed its user after it was started: " + closed +
					"; try --run-as 101:102; if that is not enough, --profile=general sees it",
			},
		},
		{
			name:   "it changed its effective user only",
			change: func(g *session.Greeting) { g.UID[1], g.Open = 101, false },
			want: []string{
				"the target's process runs as 101:65532, not as 65532:65532, since it changed its user after it was started: " + closed + "; " + general,
			},
		},
		{
			name:   "it changed its user, and yet open",
			change: func(g *session.Greeting) { *g = as(101, 102) },
		},
		{
			name:   "file capabilities",
			change: func(g *session.Greeting) { g.Open, g.CapPrm = false, 0x400 },
			want:   []string{"the target's process has capabilities from its program's file that this session lacks (NET_BIND_SERVICE): " + closed + "; " + general},
		},
		{
			name: "a root target with more", plan: profiles.Plan{},
			change: func(g *session.Greeting) { *g = as(0, 0); g.Open, g.CapPrm, g.OwnCapPrm = false, 0x1401, 0x1 },
			want:   []string{"the target's process has capabilities that this session lacks (NET_BIND_SERVICE, NET_ADMIN): " + closed + "; they are not with --cap-add=NET_BIND_SERVICE,NET_ADMIN"},
		},
		{
			name: "netadmin", plan: profiles.Plan{StepUp: true},
			change: func(g *session.Greeting) { g.Open, g.OwnCapPrm = false, 0x3000 },
			want:   []string{"uid 0 without SYS_PTRACE and DAC_OVERRIDE cannot look into the target's process, which runs as 65532:65532: " + closed + "; " + general},
		},
		{
			name: "SYS_PTRACE alone", plan: profiles.Plan{StepUp: true},
			change: func(g *session.Greeting) { g.Open, g.OwnCapPrm = false, 0x80000 },
			want:   []string{"uid 0 without SYS_PTRACE and DAC_OVERRIDE cannot look into the target's process, which runs as 65532:65532: " + closed + "; " + general},
		},
		{
			name: "closed even to SYS_PTRACE", plan: profiles.Plan{StepUp: true},
			change: func(g *session.Greeting) { g.Open, g.OwnCapPrm = false, 0x80002 },
			want:   []string{"the target's process is closed even to SYS_PTRACE: " + closed + "; AppArmor or SELinux may stand in the way"},
		},
		{
			name:   "capabilities, and yet open",
			change: func(g *session.Greeting) { g.CapPrm = 0x400 },
		},
		{
			name:   "not dumpable",
			change: func(g *session.Greeting) { g.Open = false },
			want:   []string{"the target's process is not dumpable: " + closed + "; " + general},
		},
		{
			name: "groups of the debug image", facts: target.Facts{Groups: []int64{5001}},
			change: func(g *session.Greeting) {
				g.Groups, g.OwnGroups = []int64{7}, []int64{7, 5001, 65532, 2001, 2002}
			},
			want: []string{"this session is in groups that its target is not in: 2001, 2002; the /etc/group of image debug:1 lists its user in them: name another with --image"},
		},
		{
			name:   "the target's groups are not told",
			change: func(g *session.Greeting) { g.OwnGroups = []int64{2001} },
		},
		{
			name:   "programs that can be read",
			change: func(g *session.Greeting) { g.Hidden = false },
			want:   []string{"others who run as the same user in this pod can look into this session: the programs in image debug:1 can be read by their user"},
		},
		{
			name: "root", plan: profiles.Plan{},
			change: func(g *session.Greeting) { *g = as(0, 0); g.Hidden = false; g.CapPrm = 1 },
			want:   []string{"others who run as the same user in this pod can look into this session: the target is root"},
		},
		{
			name: "root beside another user", plan: profiles.Plan{StepUp: true},
			change: func(g *session.Greeting) { g.Hidden = false },
			want:   []string{"others who run as the same user in this pod can look into this session: it runs as root"},
		},
		{
			name:   "the score was not raised",
			change: func(g *session.Greeting) { g.OOMScoreAdj = -997 },
			want:   []string{"this session has oom_score_adj -997: if the pod runs out of memory, the target may be killed first"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if test.name != "root" && test.name != "a root target with more" && !test.plan.StepUp {
				test.plan = profiles.Plan{UID: 65532, GID: 65532}
			}
			s := &sessionRun{request: SessionRequest{Image: "debug:1"}, facts: test.facts, plan: test.plan}
			g := as(65532, 65532)
			if test.change != nil {
				test.change(&g)
			}
			if diff := cmp.Diff(test.want, s.remarks(g)); diff != "" {
				t.Errorf("remarks (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPlace(t *testing.T) {
	t.Parallel()
	s := &sessionRun{
		request: SessionRequest{TargetRequest: TargetRequest{Context: "prod $(id)"}},
		facts:   target.Facts{Namespace: "shop", Pod: "web", Container: "app"},
		plan:    profiles.Plan{UID: 7},
	}
	if got, want := s.place(), "prod $(id) shop/web app"; got != want {
		t.Errorf("place = %q; want %q", got, want)
	}
	if got, want := s.prompt(), "prod ??id? shop/web app uid 7"; got != want {
		t.Errorf("prompt = %q; want %q", got, want)
	}
	s.request.Context = ""
	if got, want := s.place(), "shop/web app"; got != want {
		t.Errorf("place in a pod = %q; want %q", got, want)
	}
}

func TestBytesText(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{
		0: "0", 1: "1", 1023: "1023", 1 << 20: "1Mi", 1<<20 + 1: "1Mi", 64 << 20: "64Mi", 1 << 30: "1Gi", 1<<63 - 1: "8796093022207Mi",
	} {
		if got := bytesText(n); got != want {
			t.Errorf("bytesText(%d) = %q; want %q", n, got, want)
		}
	}
}
