package cli

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mindebug/kubectl-mindebug/internal/app"
	"github.com/mindebug/kubectl-mindebug/internal/config"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/near"
	"github.com/mindebug/kubectl-mindebug/internal/registry"
	"github.com/mindebug/kubectl-mindebug/internal/triage"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

const triageExample = `  # A first look at a pod: what is wrong comes first
  kubectl mindebug triage pod/web-7d

  # Two topics, of the pod of a Deployment that is not ready
  kubectl mindebug triage deploy/web memory cpu --pick=not-ready

  # Whether the pod reaches a host
  kubectl mindebug triage pod/web-7d net --host orders.shop:9000

  # Whether the target would trust a host
  kubectl mindebug triage pod/web-7d tls --host orders.shop:443

  # A thread dump of a JVM that hangs
  kubectl mindebug triage pod/web-7d java --touch-target

  # For a ticket
  kubectl mindebug triage pod/web-7d -o markdown --out case-4711.tgz >triage.md`

// formatMarkdown is a page to be pasted.
const formatMarkdown = "markdown"

// triageFlags are the flags of triage as they were written.
type triageFlags struct {
	targetFlags
	host  string
	touch bool
	port  uint16
	containerFlags
	output, out string
}

func (f *triageFlags) add(flags *pflag.FlagSet) {
	f.targetFlags.add(flags)
	addGiven(flags, &f.host, "host", "HOST:PORT to reach from the target's network: it is connected to, and sent nothing but, for the topic tls, the beginning of TLS")
	flags.BoolVar(&f.touch, "touch-target", false, "let the topics "+strings.Join(touching(), ", ")+" do to the target what they say first on standard error")
	flags.Uint16Var(&f.port, "port", 0, "the target's own port that serves net/http/pprof, for the topic "+triage.Golang)
	f.containerFlags.add(flags)
	addOutput(flags, &f.output, formatJSON, formatYAML, formatMarkdown)
	addGiven(flags, &f.out, "out", "also write the report, every raw output, with what looks like a secret redacted, and checksums, as the folder DIR or the archive FILE.tgz")
}

// request turns words and flags into a request.
func (f *triageFlags) request(words []string, around surroundings) (r app.TriageRequest, err error) {
	words, r.Topics = f.splitTopics(words)
	if err := checkTopics(r.Topics); err != nil {
		return r, err
	}
	if err := f.checkTouch(r.Topics); err != nil {
		return r, err
	}
	r.Port = f.port
	if r.TargetRequest, err = f.targetFlags.request(words, around.verbs); err != nil {
		return r, err
	}
	if r.Host, err = f.hostFor(r.Topics); err != nil {
		return r, err
	}
	return r, f.containerFlags.request(&r.SessionRequest, around.getenv)
}

// splitTopics divides the words into those of the target and the topics. With a selector all are topics.
func (f *triageFlags) splitTopics(words []string) (named, topics []string) {
	n := min(1, len(words))
	if _, err := target.ParseQuery(words[:min(2, len(words))]); err == nil && len(words) > 1 {
		n = 2 // "pod web"
	}
	if f.selector != "" {
		n = 0
		if len(words) > 0 {
			if kind, ok := target.KindOf(words[0]); ok && kind.Name == target.Pods {
				n = 1
			}
		}
	}
	return words[:n], words[n:]
}

// checkTopics refuses what is no topic.
func checkTopics(topics []string) error {
	known := triage.Names()
	for _, topic := range topics {
		if slices.Contains(known, topic) {
			continue
		}
		usage := &fault.Usage{
			Reason: fmt.Sprintf("there is no topic %q", topic),
			Hint:   "the topics are " + strings.Join(known, ", "),
		}
		if alike := near.Names(topic, known); len(alike) > 0 {
			usage.Hint = "did you mean " + strings.Join(alike, " or ") + "?"
		}
		return usage
	}
	return nil
}

// touching are the names of the topics that touch the target.
func touching() (names []string) {
	for _, t := range triage.Topics() {
		if t.Touches != "" {
			names = append(names, t.Name)
		}
	}
	return names
}

// checkTouch refuses what would touch the target without the flag that says so, and the flags where nothing does.
func (f *triageFlags) checkTouch(topics []string) error {
	for _, t := range triage.Topics() {
		if t.Touches != "" && slices.Contains(topics, t.Name) && !f.touch {
			return &fault.Usage{
				Reason: fmt.Sprintf("the topic %s does more than look: %s", t.Name, t.Touches),
				Hint:   "if that may be, say so with --touch-target; what it does is in docs/triage.md",
			}
		}
	}
	all := touching()
	switch profiled := slices.Contains(topics, triage.Golang); {
	case profiled && f.port == 0:
		return &fault.Usage{Reason: fmt.Sprintf("the topic %s needs --port: where the program serves its profiles", triage.Golang), Hint: "for instance --port 6060"}
	case !profiled && f.port != 0:
		return &fault.Usage{Reason: fmt.Sprintf("--port is for the topic %s", triage.Golang), Hint: "what is to be reached from the pod is --host HOST:PORT"}
	case f.touch && !slices.ContainsFunc(all, func(name string) bool { return slices.Contains(topics, name) }):
		return &fault.Usage{
			Reason: "--touch-target is for topics that do more than look, and none is named",
			Hint:   "name one of " + strings.Join(all, ", ") + ", or leave it away",
		}
	}
	return nil
}

// hostFor is the host that is to be reached; where it is TLS that is looked at, the port may be left away.
func (f *triageFlags) hostFor(topics []string) (string, error) {
	if !slices.Contains(topics, triage.TLS) {
		return f.host, checkHost(f.host)
	}
	if f.host == "" {
		return "", &fault.Usage{Reason: "the topic tls needs --host: whose certificate is to be looked at", Hint: "for instance --host orders.shop:443"}
	}
	host := f.host
	if _, _, err := net.SplitHostPort(host); err != nil {
		host = net.JoinHostPort(strings.Trim(host, "[]"), "443")
	}
	return host, checkHost(host)
}

// checkHost refuses what is not HOST:PORT.
func checkHost(text string) error {
	if text == "" {
		return nil
	}
	usage := &fault.Usage{Reason: fmt.Sprintf("--host=%q is not HOST:PORT", text), Hint: "for instance --host orders.shop:9000"}
	host, port, err := net.SplitHostPort(text)
	// The characters of names and addresses, which mean nothing to a shell.
	odd := func(r rune) bool {
		return !strings.ContainsRune(".:-_%", r) && (r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r))
	}
	if err != nil || host == "" || strings.HasPrefix(host, "-") || strings.ContainsFunc(host, odd) {
		return usage
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return usage
	}
	return nil
}

func newTriage(f *factory) *cobra.Command {
	var flags triageFlags
	c := &cobra.Command{
		Use:   "triage POD|TYPE/NAME [TOPIC...]",
		Short: "Take a look at what usually goes wrong",
		Long: `Looks at a running container through a session beside it, as its own user, and prints findings: what matters most first,
each with the fact, why it matters and the next command. It sends no signal, writes nothing and speaks to no port of the
target, but for the topics ` + strings.Join(touching(), ", ") + `, with --touch-target: these say first on standard error what they do. Without a topic
it looks at all that are cheap and apply:

` + topicHelp() + `
The exit status is 0 also where something was found, 1 where it could not be looked at, 2 for wrong usage.`,
		Example: triageExample,
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.ArgsLenAtDash() >= 0 {
				return &fault.Usage{Reason: "triage runs no command", Hint: "leave away the `--` and what follows it"}
			}
			flags.ttlGiven = cmd.Flags().Changed("ttl")
			if err := checkOut(flags.out); err != nil {
				return err
			}
			request, err := flags.request(args, surroundings{getenv: f.program.Getenv, verbs: cmd.SuggestionsFor})
			if err != nil {
				return err
			}
			f.sayIgnored(request.SessionRequest)
			return f.triage(cmd.Context(), request, flags.output, flags.out)
		},
	}
	c.Flags().SortFlags = false
	flags.add(c.Flags())
	return c
}

// topicHelp lists the topics.
func topicHelp() string {
	var text strings.Builder
	for _, t := range triage.Topics() {
		fmt.Fprintf(&text, "  %-8s %s\n", t.Name, t.About)
	}
	return text.String()
}

// triage looks and prints what was found.
func (f *factory) triage(ctx context.Context, r app.TriageRequest, output, out string) error {
	c, execer, err := f.connectToEnter(ctx)
	if err != nil {
		return err
	}
	if err := f.settle(ctx, c, &r.SessionRequest, config.Grace); err != nil {
		return err
	}
	r.Context, r.Namespace, r.Version, r.Grace, r.Seen = c.Context, c.Namespace, f.program.Version, r.Timeout, f.imageCache()
	if given := f.flags.Overrides.CurrentContext; given != "" {
		r.Flags = "--context=" + shellWord(given) + " "
	}
	found, err := app.Triage(ctx, c, execer, registry.Client{}, f.streams(), r)
	if err != nil {
		return err
	}
	report := newTriageReport(r.Context, found)
	err = f.writeTriage(report, output)
	if out != "" { // also where nobody reads the report, which is there for who cannot be asked again
		err = cmp.Or(f.writeTicket(out, report, found, r.Quiet), err)
	}
	return err
}

// writeTriage prints a report.
func (f *factory) writeTriage(report triageReport, output string) error {
	switch output {
	case formatJSON:
		return writeJSON(f.program.Out, report)
	case formatYAML:
		return writeYAML(f.program.Out, report)
	case formatMarkdown:
		return write(f.program.Out, []byte(report.markdown()))
	}
	return write(f.program.Out, []byte(report.text()))
}
