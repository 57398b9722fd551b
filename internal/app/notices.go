package app

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/mindebug/kubectl-mindebug/internal/resolve"
	"github.com/mindebug/kubectl-mindebug/internal/session"
	"github.com/mindebug/kubectl-mindebug/internal/ui"
	"github.com/mindebug/kubectl-mindebug/pkg/profiles"
	"github.com/mindebug/kubectl-mindebug/pkg/profiles/exceed"
)

// place says where one is: "prod-eu shop/web-7d app".
func (s *sessionRun) place() string {
	return strings.TrimSpace(fmt.Sprintf("%s %s/%s %s", s.request.Context, s.facts.Namespace, s.facts.Pod, s.facts.Container))
}

// prompt is the place and the user, in characters that no shell expands.
func (s *sessionRun) prompt() string {
	return ui.Plain(fmt.Sprintf("%s uid %d", s.place(), s.plan.UID))
}

// kind says what the plan is, in a user's words.
func (s *sessionRun) kind() string { return Kind(s.plan) }

// Kind says what a plan is, in a user's words.
func Kind(plan profiles.Plan) string {
	if len(plan.Asked) == 0 {
		return "mirror"
	}
	return strings.Join(plan.Asked, " ")
}

// whichPod says which pod it is, of how many, and which of them are not as they should be:
// "pod/web-7d (1 of 12; not ready: web-9k, 4 restarts)".
func whichPod(chosen *corev1.Pod, all []*corev1.Pod) string {
	worst, _ := resolve.WorstFirst(all)
	var unwell []string
	for _, state := range states(worst) {
		if text := state.Ailment(); text != "" {
			unwell = append(unwell, text)
		}
	}
	parts := []string{fmt.Sprintf("1 of %d", len(all))}
	parts = append(parts, unwell[:min(len(unwell), named)]...)
	if more := len(unwell) - named; more > 0 {
		parts = append(parts, fmt.Sprintf("%d more", more))
	}
	return fmt.Sprintf("pod/%s (%s)", chosen.Name, strings.Join(parts, "; "))
}

// sayBegun says where one is and as whom, and what about it is not as one would expect.
func (s *sessionRun) sayBegun(g session.Greeting, in session.Found) {
	s.sayAttached(in)
	s.notices.Say("%s uid %d (%s)", s.place(), s.plan.UID, s.kind())
	if s.request.TTLGiven && in.TTL != s.request.TTL {
		s.notices.Say("the session container that is there keeps its time to live, %s", duration.HumanDuration(in.TTL))
	}
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
	if !g.Open {
		why, hint := s.whyClosed(g)
		say("%s: its files under /proc are closed to this session; %s", why, hint)
	}
	if groups := s.foreignGroups(g); len(groups) > 0 {
		say("this session is in groups that its target is not in: %s; the /etc/group of image %s lists its user in them: name another with --image",
			numbers(groups), s.request.Image)
	}
	if !g.Hidden {
		say("others who run as the same user in this pod can look into this session: %s", s.whyNotHidden(g))
	}
	if g.OOMScoreAdj != 1000 {
		say("this session has oom_score_adj %d: if the pod runs out of memory, the target may be killed first", g.OOMScoreAdj)
	}
	return out
}

// whyClosed says why the kernel does not let the session look into the target, and what would (ptrace(2), "Ptrace access
// mode checking").
func (s *sessionRun) whyClosed(g session.Greeting) (why, hint string) {
	const general = "--profile=general sees it"
	uid, gid := g.UID[1], g.GID[1]
	own, lacks := exceed.Capabilities(g.OwnCapPrm), exceed.Capabilities(g.CapPrm&^g.OwnCapPrm)
	switch {
	case s.plan.StepUp && s.plan.UID == 0 && uid != 0 && (!own.Has(sysPtrace) || own&readAny == 0):
		// The first is for the kernel's rule, the second since environ and its like are files of mode 0400 that are the target's.
		return fmt.Sprintf("uid 0 without SYS_PTRACE and DAC_OVERRIDE cannot look into the target's process, which runs as %d:%d", uid, gid), general
	case own.Has(sysPtrace):
		return "the target's process is closed even to SYS_PTRACE", "AppArmor or SELinux may stand in the way"
	case uid != s.plan.UID || gid != s.plan.GID:
		hint = general
		if lacks == 0 && same(g.UID) && same(g.GID) {
			hint = fmt.Sprintf("try --run-as %d:%d; if that is not enough, %s", uid, gid, general)
		}
		return fmt.Sprintf("the target's process runs as %d:%d, not as %d:%d, since it changed its user after it was started", uid, gid, s.plan.UID, s.plan.GID), hint
	case lacks != 0 && uid != 0:
		return fmt.Sprintf("the target's process has capabilities from its program's file that this session lacks (%s)", lacks), general
	case lacks != 0:
		flag := "--cap-add=" + strings.ReplaceAll(lacks.String(), ", ", ",")
		return fmt.Sprintf("the target's process has capabilities that this session lacks (%s)", lacks), "they are not with " + flag
	}
	return "the target's process is not dumpable", general
}

// sysPtrace is CAP_SYS_PTRACE; with one of readAny, CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH, a process reads files that
// are another user's (include/uapi/linux/capability.h).
const (
	sysPtrace exceed.Capabilities = 1 << 19
	readAny   exceed.Capabilities = 1<<1 | 1<<2
)

// same reports whether a process' real, effective and saved ids are one.
func same(ids [4]int64) bool { return ids[0] == ids[1] && ids[1] == ids[2] }

// foreignGroups are the session's groups that neither its target has nor the pod gives.
func (s *sessionRun) foreignGroups(g session.Greeting) []int64 {
	if g.Groups == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(g.OwnGroups), func(group int64) bool {
		return group == s.plan.GID || slices.Contains(g.Groups, group) || slices.Contains(s.facts.Groups, group)
	})
}

func numbers(list []int64) string {
	var words []string
	for _, n := range list {
		words = append(words, strconv.FormatInt(n, 10))
	}
	return strings.Join(words, ", ")
}

// whyNotHidden says why the session's processes are open to others.
func (s *sessionRun) whyNotHidden(g session.Greeting) string {
	switch {
	case s.plan.UID != 0:
		return fmt.Sprintf("the programs in image %s can be read by their user", s.request.Image)
	case g.UID[1] == 0:
		return "the target is root"
	}
	return "it runs as root"
}

// sayLeft says, after a shell, what becomes of its container and how to come back.
func (s *sessionRun) sayLeft(in session.Found) {
	if s.readyOnly || len(s.request.Command) > 0 {
		return
	}
	if s.request.Attach {
		s.notices.Say("left %s: container %s has ended; its log stays until the pod is deleted", s.place(), in.Name)
		return
	}
	if in.TTL == 0 {
		s.notices.Say("left %s: container %s ends with its last session", s.place(), in.Name)
		return
	}
	again := "the same command"
	if s.request.New {
		again += " without --new"
	}
	s.notices.Say("left %s: container %s ends after %s without use; until then %s enters it again", s.place(), in.Name, duration.HumanDuration(in.TTL), again)
}

// bytesText writes a number of bytes as Kubernetes does: "64Mi".
func bytesText(n int64) string {
	const mi = 1 << 20
	if n >= mi {
		n -= n % mi
	}
	return resource.NewQuantity(n, resource.BinarySI).String()
}
