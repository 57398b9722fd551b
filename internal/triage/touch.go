package triage

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

//go:embed touch.sh
var touchScript string

// RefusedError says why a target was not touched. Nothing was done to it.
type RefusedError struct{ Topic, Why, Hint string }

func (e *RefusedError) Error() string {
	return fmt.Sprintf("the topic %s was refused: %s", e.Topic, e.Why)
}

// Signals that a runtime has a meaning of its own for, as bits of SigCgt (proc_pid_status(5)): the number less one.
const (
	sigQuit = 1 << (3 - 1)
	sigUsr1 = 1 << (10 - 1)
)

// toTouch is a process whose runtime was established from the file that it executes.
type toTouch struct {
	pid, began, name, exe string
	// inner is its process id in its own namespace, and uid whom it runs as.
	inner, uid, gid string
	caught          uint64
	// dispatches says that it has the thread by which HotSpot takes signals.
	dispatches bool
}

// words are those by which touch.sh knows it again.
func (p toTouch) words() []string { return []string{p.pid, p.began, p.exe} }

// String names it for a reader.
func (p toTouch) String() string { return fmt.Sprintf("process %s %s", p.pid, p.name) }

// established are the processes that a script told of by `about`.
func established(raw Raw) (found []toTouch) {
	for i, b := range raw {
		if b.Name != "process" || i+1 == len(raw) || raw[i+1].Name != "exe" {
			continue
		}
		f := fields(b.Data)
		p := toTouch{pid: f["Pid"], began: f["Began"], name: cut(f["Name"]), exe: raw[i+1].Data}
		p.inner = p.pid
		if inner := strings.Fields(f["NSpid"]); len(inner) > 0 {
			p.inner = inner[len(inner)-1]
		}
		if ids := strings.Fields(f["Uid"]); len(ids) > 1 {
			p.uid = ids[1]
		}
		if ids := strings.Fields(f["Gid"]); len(ids) > 1 {
			p.gid = ids[1]
		}
		p.dispatches = i+2 < len(raw) && raw[i+2].Name == "dispatcher"
		caught, err := strconv.ParseUint(f["SigCgt"], 16, 64)
		if err != nil || p.began == "" || p.exe == "" {
			continue
		}
		p.caught = caught
		found = append(found, p)
	}
	return found
}

// platform is what a topic asks of a process that it sends a signal.
type platform struct {
	topic string
	// name is a program of it in words, and proof what the look for it was.
	name, proof string
	// signal is what it is sent and must have a handler for; missing is why it may have none.
	signal              uint64
	signalName, missing string
	// unfit, where it is not nil, is why one is not touched for what only this platform asks, and what to do; or empty.
	unfit func(p toTouch, s Subject) (why, hint string)
}

// choose returns the process that is touched: the container's first one where it is of this runtime, else the only one that is.
func (t platform) choose(raw Raw, s Subject) (toTouch, error) {
	refuse := func(why, hint string) (toTouch, error) { return toTouch{}, &RefusedError{t.topic, why, hint} }
	found := established(raw)
	n := slices.IndexFunc(found, func(p toTouch) bool { return p.pid == strings.TrimSpace(raw.Get("first")) })
	switch {
	case len(found) == 0:
		return refuse(fmt.Sprintf("no process of the container is shown to be %s by the file that it executes: none has %s", t.name, t.proof),
			"see what runs: "+s.look("ps"))
	case n < 0 && len(found) > 1:
		var names []string
		for _, p := range found {
			names = append(names, p.pid+" "+p.name)
		}
		return refuse(fmt.Sprintf("which process is meant is not clear: %s are each %s, and none is the container's first one", some(names), t.name),
			"use a command of your own: "+s.look("ps"))
	}
	p := found[max(n, 0)]
	if p.caught&t.signal == 0 {
		return refuse(fmt.Sprintf("%s has no handler for %s, so the signal would end it: %s", p, t.signalName, t.missing), "if it has only just started, ask again")
	}
	if p.uid != strconv.FormatInt(s.UID, 10) {
		return refuse(fmt.Sprintf("%s runs as uid %s, and the session as %d", p, p.uid, s.UID), "see whom its processes run as: "+s.look("ps -o pid,user,comm"))
	}
	if t.unfit != nil {
		if why, hint := t.unfit(p, s); why != "" {
			return refuse(why, hint)
		}
	}
	return p, nil
}

// acted is what a script did that touches the process: the first line of what it printed says how it went.
type acted struct {
	word, rest string
	status     int
	// cut says that there was more, and said is what it wrote on standard error.
	cut  bool
	said string
}

// act runs a script that touches the process.
func (t platform) act(ctx context.Context, runner Runner, p toTouch, script string, args ...string) (acted, error) {
	out, said := &head{limit: atMost}, &head{limit: 1024}
	status, err := runner.Run(ctx, touchScript+script, args, nil, out, said)
	if err != nil {
		return acted{}, err
	}
	word, rest, _ := strings.Cut(out.text.String(), "\n")
	why, refused := strings.CutPrefix(word, "refused ")
	switch {
	case refused && why == "handler":
		why = fmt.Sprintf("%s has no handler for %s any more", p, t.signalName)
	case refused && why == "dispatcher":
		why = fmt.Sprintf("%s has no thread any more that takes signals as HotSpot does", p)
	case refused && why == "kill":
		why = fmt.Sprintf("the kernel lets the session send %s no signal", p)
	case refused:
		why = fmt.Sprintf("%s ended, or executes another program now", p)
	case word == "":
		return acted{}, errors.New("the script in the session container did not come to its end")
	default:
		return acted{word, rest, status, out.cut, strings.TrimSpace(said.text.String())}, nil
	}
	return acted{}, &RefusedError{t.topic, why, "see what runs now, and ask again"}
}

// never is for topics that are only looked at where they are named.
func never(Subject) bool { return false }
