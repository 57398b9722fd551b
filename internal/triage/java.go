package triage

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
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
	Applies: never, Script: touchScript + javaScript, Gather: dumpThreads, Read: readJava,
}

// hotspot is the JVM whose attach mechanism is used.
var hotspot = platform{
	topic: "java", name: "a HotSpot JVM", proof: "a libjvm with HotSpot's attach mechanism in it",
	signal: sigQuit, signalName: "SIGQUIT", missing: "the JVM was started with -Xrs, or is only starting",
}

// How a dump came, as the block "how" says.
const (
	bySocket = "by its socket"
	byLog    = "in its log"
)

// dumpThreads has the JVM dump its threads, on its socket where it can have one: else into its log, where others see it.
func dumpThreads(ctx context.Context, runner Runner, s Subject, raw Raw) (Raw, error) {
	p, err := hotspot.choose(raw, s)
	if err != nil {
		return nil, err
	}
	why := "the image of the session has no unixcat"
	if raw.Get("unixcat") != "" {
		s.Say(fmt.Sprintf("java: asks %s for a thread dump on its socket /tmp/.java_pid%s, which SIGQUIT has the JVM open where it is not there yet; "+
			"it stays, and all threads stand still while they are listed", p, p.inner))
		how, dump, status, err := hotspot.act(ctx, runner, p, javaDumpScript, append([]string{"socket"}, append(p.words(), p.inner)...)...)
		switch {
		case err != nil:
			return nil, err
		case how == "dump" && status != 0:
			return Raw{{"cut", dump}}, fmt.Errorf("%s took the question and did not answer within 15s: it may be out of memory, or one of its threads does not stop where it should", p)
		case how == "dump":
			return Raw{{"jvm", p.String()}, {"how", bySocket}, {"dump", dump}}, nil
		case how == "silent":
			return nil, fmt.Errorf("%s opened no socket within 5s of SIGQUIT: with -XX:+DisableAttachMechanism it wrote the dump into its log instead; else it hangs as a whole", p)
		}
		why = "its /tmp cannot be written to, so it can have no socket"
	}
	s.Say(fmt.Sprintf("java: sends SIGQUIT to %s, which has the JVM write a thread dump into the container's log, for all who read that: %s", p, why))
	how, _, _, err := hotspot.act(ctx, runner, p, javaDumpScript, append([]string{"log"}, p.words()...)...)
	if err == nil && how != "sent" {
		err = errors.New("SIGQUIT was not sent")
	}
	return Raw{{"jvm", p.String()}, {"how", byLog}}, err
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
		r.find(Notice, "the thread dump is in the container's log", "the JVM could have no socket to hand it over by", s.kubectl("logs "+s.Pod.Name+" -c "+s.Container+" --since=1m"))
		return r
	}
	status, dump, _ := strings.Cut(raw.Get("dump"), "\n")
	if status != "0" {
		r.unread("the dump: the JVM answered " + cut(strings.TrimSpace(status+" "+dump)))
		return r
	}
	r.Output = dump
	r.threads(parseThreads(dump), s)
	return r
}
