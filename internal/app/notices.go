package app

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/mindebug/kubectl-mindebug/internal/session"
	"github.com/mindebug/kubectl-mindebug/internal/ui"
)

// place says where one is: "prod-eu shop/web-7d app".
func (s *sessionRun) place() string {
	return strings.TrimSpace(fmt.Sprintf("%s %s/%s %s", s.request.Context, s.facts.Namespace, s.facts.Pod, s.facts.Container))
}

// prompt is the place and the user, in characters that no shell expands.
func (s *sessionRun) prompt() string {
	return ui.Plain(fmt.Sprintf("%s uid %d", s.place(), s.plan.UID))
}

// sayBegun says where one is and as whom, and what about it is not as one would expect.
func (s *sessionRun) sayBegun(g session.Greeting) {
	s.notices.Say("%s uid %d (mirror)", s.place(), s.plan.UID)
	for _, line := range s.remarks(g) {
		s.notices.Say("%s", line)
	}
}

// remarks compares what the session found with its plan.
func (s *sessionRun) remarks(g session.Greeting) []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if s.facts.MemoryLimit > 0 {
		use := ""
		if g.MemoryInUse > 0 {
			use = " and uses " + bytesText(g.MemoryInUse)
		}
		say("memory: the target has a limit of %s%s; what a session uses counts against the pod, too", bytesText(s.facts.MemoryLimit), use)
	}
	if s.facts.EphemeralStorageLimit > 0 {
		say("ephemeral storage: the target has a limit of %s; what a session writes counts against the pod, too",
			bytesText(s.facts.EphemeralStorageLimit))
	}
	switch uid, gid := g.UID[1], g.GID[1]; {
	case uid != s.plan.UID || gid != s.plan.GID:
		say("the target's process runs as %d:%d, not as %d:%d: it changed its user after it was started, so its files under /proc are closed to this session",
			uid, gid, s.plan.UID, s.plan.GID)
	case !g.Open && s.plan.UID != 0 && g.CapPrm != 0:
		say("the target's process has capabilities that this session lacks (CapPrm %016x), from its file: its files under /proc are closed to this session", g.CapPrm)
	case !g.Open:
		say("the target's process is not dumpable: its files under /proc are closed to this session")
	}
	if !g.Hidden {
		say("others who run as the same user in this pod can look into this session: %s", s.whyNotHidden())
	}
	if g.OOMScoreAdj != 1000 {
		say("this session has oom_score_adj %d: if the pod runs out of memory, the target may be killed first", g.OOMScoreAdj)
	}
	return out
}

// whyNotHidden says why the session's processes are open to the target.
func (s *sessionRun) whyNotHidden() string {
	if s.plan.UID == 0 {
		return "the target is root"
	}
	return fmt.Sprintf("the programs in image %s can be read by their user", s.request.Image)
}

// sayLeft says, after a shell, what becomes of its container and how to come back.
func (s *sessionRun) sayLeft(in session.Found) {
	if len(s.request.Command) > 0 {
		return
	}
	s.notices.Say("left %s: container %s ends after %s without use; until then the same command enters it again", s.place(), in.Name, duration.HumanDuration(in.TTL))
}

// bytesText writes a number of bytes as Kubernetes does: "64Mi".
func bytesText(n int64) string {
	const mi = 1 << 20
	if n >= mi {
		n -= n % mi
	}
	return resource.NewQuantity(n, resource.BinarySI).String()
}
