package cli

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/pflag"

	"github.com/mindebug/kubectl-mindebug/internal/app"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
)

// defaultTTL is how long an unused session container stays.
const defaultTTL = 30 * time.Minute

// sessionFlags are the flags of a session as they were written.
type sessionFlags struct {
	targetFlags
	containerFlags
	stdin, tty bool
	podCopyFlags
	grace               time.Duration
	graceGiven, detach  bool
	via, dryRun, output string
}

// The values of --via.
const (
	viaExec   = "exec"
	viaAttach = "attach"
)

// longestReason is what --reason takes, in bytes: it stands in the address of each exec.
const longestReason = 200

// startFlags are about the session container, its privileges and image apart.
type startFlags struct {
	ttl, timeout time.Duration
	ttlGiven     bool
	new, quiet   bool
	reason       string
}

func (f *startFlags) add(flags *pflag.FlagSet) {
	flags.DurationVar(&f.ttl, "ttl", defaultTTL, "how long an unused session container stays; 0 ends it with its last session")
	flags.DurationVar(&f.timeout, "timeout", time.Minute, "bound on the start of a session container, pulling its image included")
	flags.StringVar(&f.reason, "reason", "", "what the session is for: kept in the session container, the audit log and an Event, for all to read who may read the pod")
	flags.BoolVar(&f.new, "new", false, "do not reuse a running session container")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "no notices")
}

// request writes the flags into a request.
func (f *startFlags) request(r *app.SessionRequest) error {
	r.TTL, r.TTLGiven, r.Timeout, r.New, r.Quiet, r.Reason = f.ttl, f.ttlGiven, f.timeout, f.new, f.quiet, f.reason
	unprintable := func(r rune) bool { return !unicode.IsPrint(r) }
	switch {
	case len(f.reason) > longestReason:
		return &fault.Usage{Reason: fmt.Sprintf("--reason has %d bytes, and %d are the most", len(f.reason), longestReason), Hint: "name the ticket that says more"}
	case !utf8.ValidString(f.reason) || strings.ContainsFunc(f.reason, unprintable):
		return &fault.Usage{Reason: fmt.Sprintf("--reason=%q is not one line of printable text", f.reason)}
	case f.ttl < 0:
		return &fault.Usage{Reason: fmt.Sprintf("--ttl=%s is negative", f.ttl)}
	case f.timeout <= 0:
		return &fault.Usage{Reason: fmt.Sprintf("--timeout=%s leaves no time", f.timeout)}
	}
	return nil
}

func (f *sessionFlags) add(flags *pflag.FlagSet) {
	f.targetFlags.add(flags)
	flags.BoolVarP(&f.stdin, "stdin", "i", false, "pass standard input to the command; a shell gets it by itself")
	flags.BoolVarP(&f.tty, "tty", "t", false, "give the command a terminal; a shell gets one by itself where standard input is one")
	f.containerFlags.add(flags)
	f.podCopyFlags.add(flags)
	flags.DurationVar(&f.grace, "grace", time.Minute, "how long what runs in a session outlives a lost client")
	flags.BoolVar(&f.detach, "detach", false, "leave the command running, for --ttl at the most, and print where: pod/NAME SESSION-CONTAINER")
	flags.StringVar(&f.via, "via", viaExec, "exec or attach: where you may not exec, the session can be the process of a container of its own; what is printed and typed is in its log then")
	flags.StringVar(&f.dryRun, "dry-run", dryRunNone, "client or server: print the container that would be added, as it is asked for or as the API server would store it, and add nothing")
	addOutput(flags, &f.output, formatYAML, formatJSON)
}

// surroundings are what the meaning of flags depends on beside themselves.
type surroundings struct {
	// terminal is true where standard input is one.
	terminal bool
	getenv   func(string) string
	// verbs returns the verbs that are like a word.
	verbs func(string) []string
}

// request turns words and flags into a request.
func (f *sessionFlags) request(words, command []string, around surroundings) (app.SessionRequest, error) {
	wanted, err := f.targetFlags.request(words, around.verbs)
	if err != nil {
		return app.SessionRequest{}, err
	}
	plan, err := f.planFlags.request()
	if err != nil {
		return app.SessionRequest{}, err
	}
	r := app.SessionRequest{
		TargetRequest: wanted, PlanRequest: plan, Command: command,
		Stdin: f.stdin, TTY: f.tty && around.terminal, Grace: f.grace, Detach: f.detach,
	}
	if err := f.checkDetach(r); err != nil {
		return r, err
	}
	if len(command) == 0 {
		r.Stdin, r.TTY = true, around.terminal
	}
	if err := f.imageFlags.request(&r, around.getenv); err != nil {
		return r, err
	}
	if err := f.startFlags.request(&r); err != nil {
		return r, err
	}
	if f.grace < time.Second {
		return r, &fault.Usage{Reason: fmt.Sprintf("--grace=%s is less than the least, 1s", f.grace)}
	}
	if err := f.checkVia(&r); err != nil {
		return r, err
	}
	return r, f.checkDryRun()
}

// checkDetach refuses what cannot be left running.
func (f *sessionFlags) checkDetach(r app.SessionRequest) error {
	switch {
	case !f.detach:
		return nil
	case len(r.Command) == 0:
		return &fault.Usage{Reason: "--detach leaves a command running, and a shell with nobody in it does nothing", Hint: "write the command after the target: -- COMMAND"}
	case f.stdin || f.tty:
		return &fault.Usage{Reason: "--detach leaves nobody to type: it excludes --stdin and --tty", Hint: "leave them away"}
	}
	return nil
}

func badVia(via string) error {
	return &fault.Usage{Reason: fmt.Sprintf("--via=%q is none of %s, %s", via, viaExec, viaAttach)}
}

// checkVia reads --via, and refuses what contradicts it.
func (f *sessionFlags) checkVia(r *app.SessionRequest) error {
	switch f.via {
	case viaExec:
		return nil
	case viaAttach:
		r.Attach = true
	default:
		return badVia(f.via)
	}
	switch {
	case f.detach:
		return &fault.Usage{Reason: "--detach and --via=attach exclude each other: such a session is bound to its client", Hint: "leave one of them away"}
	case !r.TTY && f.ttlGiven:
		return &fault.Usage{
			Reason: "--ttl means nothing here: with --via=attach a container ends with its session",
			Hint:   "leave --ttl away; what outlives a lost client is bounded by --grace",
		}
	case r.TTY && f.ttl < leastIdle:
		return &fault.Usage{
			Reason: fmt.Sprintf("--ttl=%s is too short: with --via=attach a session on a terminal ends after that time without a key", f.ttl),
			Hint:   fmt.Sprintf("the least is --ttl=%s", leastIdle),
		}
	case r.TTY && f.graceGiven:
		return &fault.Usage{
			Reason: "--grace means nothing here: with --via=attach a session on a terminal is not told that its client is gone",
			Hint:   "it ends after a time without a key: --ttl",
		}
	}
	return nil
}

// leastIdle is the shortest time without a key: the kernel tells the last one to within 8 s.
const leastIdle = 10 * time.Second
