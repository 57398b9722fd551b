package triage

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

var (
	//go:embed java.sh
	javaScript string
	//go:embed javadump.sh
	javaDumpScript string
)

// java is what the threads of a JVM do. It asks the JVM itself, as jcmd does: nobody else knows its locks.
var java = Topic{
	Name: "java", About: "only where named, with --touch-target: a thread dump of a JVM, which locks its threads wait for",
	Touches: "it has the JVM write a thread dump, by a signal",
	Applies: never, Script: touchScript + javaScript, Choose: chooseJVM, Read: readJava,
}

// hotspot is the JVM whose attach mechanism is used.
var hotspot = platform{
	topic: "java", name: "a HotSpot JVM", proof: "a libjvm with HotSpot's attach mechanism in it",
	signal: sigQuit, signalName: "SIGQUIT", missing: "the JVM was started with -Xrs, or is only starting", unfit: unfitJVM,
}

// unfitJVM is why a JVM is not asked: a handler for SIGQUIT may be the program's own, and HotSpot speaks on its socket with
// nobody but its own user and group, and root (AttachListener of its sources).
func unfitJVM(p toTouch, s Subject) (why, hint string) {
	switch {
	case !p.dispatches:
		return fmt.Sprintf("%s has no thread of the name by which HotSpot takes signals, so its handler for SIGQUIT is not shown to be HotSpot's: "+
			"the JVM was started with -Xrs, or is only starting", p), "if it has only just started, ask again"
	case s.UID != 0 && p.gid != strconv.FormatInt(s.GID, 10):
		return fmt.Sprintf("%s runs as gid %s, and the session as %d: HotSpot answers to its own group alone", p, p.gid, s.GID), "see whom its processes run as: " + s.look("ps -o pid,user,group,comm")
	}
	return "", ""
}

// How a dump came, as the block "how" says.
const (
	bySocket = "by its socket"
	byLog    = "in its log"
)

// chooseJVM is the JVM that is asked.
func chooseJVM(raw Raw, s Subject) (touch, error) {
	p, err := hotspot.choose(raw, s)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, runner Runner) (Raw, error) {
		if raw.Get("unixcat") == "" {
			return logThreads(ctx, runner, s, p, "the image of the session has no unixcat")
		}
		return dumpThreads(ctx, runner, s, p)
	}, nil
}

// dumpThreads has the JVM dump its threads on its socket where it can have one: else into its log, where others see it.
func dumpThreads(ctx context.Context, runner Runner, s Subject, p toTouch) (Raw, error) {
	s.Say(fmt.Sprintf("java: asks %s for a thread dump on its socket /tmp/.java_pid%s, which SIGQUIT has the JVM open where it is not there yet; "+
		"it stays, and all threads stand still while they are listed", p, p.inner))
	did, err := hotspot.act(ctx, runner, p, javaDumpScript, append([]string{"socket"}, append(p.words(), p.inner)...)...)
	switch {
	case err != nil:
		return nil, err
	case did.word == "silent":
		return nil, fmt.Errorf("%s opened no socket within 5s of SIGQUIT: with -XX:+DisableAttachMechanism it wrote the dump into its log instead, "+
			"and where it is throttled it may write it there later; else it hangs as a whole", p)
	case did.word != "dump":
		return logThreads(ctx, runner, s, p, "its /tmp cannot be written to, so it can have no socket")
	case did.status == 4:
		return logThreads(ctx, runner, s, p, fmt.Sprintf("/tmp/.java_pid%s is another process's socket, as where containers share a volume at /tmp", p.inner))
	case did.status == 3:
		return Raw{{"cut", did.rest}}, fmt.Errorf("%s took the question and did not answer within 15s: it may be out of memory, or one of its threads does not stop where it should", p)
	case did.status != 0:
		return Raw{{"cut", did.rest}}, fmt.Errorf("asking %s on its socket failed with exit status %d: %s", p, did.status, cut(orNone(did.said)))
	}
	raw := Raw{{"jvm", p.String()}, {"how", bySocket}, {"dump", did.rest}}
	if did.cut {
		raw = append(raw, Block{beyond("dump"), bytesText(atMost)})
	}
	return raw, nil
}

// logThreads has the JVM dump its threads into its log.
func logThreads(ctx context.Context, runner Runner, s Subject, p toTouch, why string) (Raw, error) {
	s.Say(fmt.Sprintf("java: sends SIGQUIT to %s, which has the JVM write a thread dump into the container's log, for all who read that: %s", p, why))
	did, err := hotspot.act(ctx, runner, p, javaDumpScript, append([]string{"log"}, p.words()...)...)
	if err == nil && did.word != "sent" {
		err = errors.New("SIGQUIT was not sent")
	}
	return Raw{{"jvm", p.String()}, {"how", byLog}, {"why", why}}, err
}

func readJava(raw Raw, s Subject) Reading {
	var r Reading
	how := raw.Get("how")
	if how == "" {
		return r
	}
	r.fact("jvm", raw.Get("jvm"))
	r.fact("dump", how)
	if how == byLog {
		r.find(Notice, "the thread dump is in the container's log", "the JVM has no socket to hand it over by: "+raw.Get("why"), s.kubectl("logs "+s.Pod.Name+" -c "+s.Container+" --since=1m"))
		return r
	}
	status, dump, _ := strings.Cut(raw.Get("dump"), "\n")
	if status != "0" {
		r.unread("the dump: the JVM answered " + cut(strings.TrimSpace(status+" "+dump)))
		return r
	}
	r.Output = dump
	found := parseThreads(dump)
	if has := raw.Get(beyond("dump")); has != "" {
		found.cut = true
		r.unread("the dump after its first " + has + ": deadlocks would stand there, after more threads")
	}
	r.threads(found, s)
	return r
}
