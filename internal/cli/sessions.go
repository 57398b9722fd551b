package cli

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/mindebug/kubectl-mindebug/internal/app"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/session"
	"github.com/mindebug/kubectl-mindebug/internal/ui"
)

const sessionsExample = `  # Who is in the session containers of a pod, and who made them
  kubectl mindebug sessions pod/web-7d

  # All session containers of the cluster, for a program
  kubectl mindebug sessions -A -o json`

// sessionsFlags are the flags of sessions as they were written.
type sessionsFlags struct {
	selector string
	all      bool
	output   string
}

func (f *sessionsFlags) add(flags *pflag.FlagSet) {
	flags.StringVarP(&f.selector, "selector", "l", "", "those of pods with these labels: app=web,tier!=db")
	flags.BoolVarP(&f.all, "all-namespaces", "A", false, "those of all namespaces")
	addOutput(flags, &f.output, formatJSON, formatYAML, formatWide, formatName)
}

// sessionsRequest is what a user asks of a listing.
type sessionsRequest struct {
	app.TargetRequest
	// fleet is true where pods are meant that are not named, all where those of all namespaces are.
	fleet, all bool
	output     string
}

// request turns words and flags into a request.
func (f *sessionsFlags) request(words []string, verbs func(string) []string) (r sessionsRequest, err error) {
	r = sessionsRequest{fleet: len(words) == 0 || f.selector != "", all: f.all, output: f.output}
	if r.fleet && f.selector == "" {
		return r, nil
	}
	if f.all && !r.fleet {
		return r, &fault.Usage{
			Reason: fmt.Sprintf("--all-namespaces is for all pods, and %q names some", strings.Join(words, " ")),
			Hint:   "leave one of them away",
		}
	}
	r.TargetRequest, err = (&targetFlags{selector: f.selector}).request(words, verbs)
	return r, err
}

func newSessions(f *factory) *cobra.Command {
	var flags sessionsFlags
	c := &cobra.Command{
		Use:   "sessions [POD|TYPE/NAME]",
		Short: "List session containers: made by whom, as whom, since when",
		Long: `Lists the session containers of a pod, of a workload's pods, or of a namespace, ended ones included, and the copies that
--copy-to made, which are pods of their own and belong to no workload. Those of a single pod
are asked who is in them. Who made one, and what for, is what its maker's client said.`,
		Example: sessionsExample,
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			request, err := flags.request(args, cmd.SuggestionsFor)
			if err != nil {
				return err
			}
			return f.sessions(cmd.Context(), request)
		},
	}
	c.Flags().SortFlags = false
	flags.add(c.Flags())
	return c
}

// sessions lists session containers.
func (f *factory) sessions(ctx context.Context, r sessionsRequest) error {
	c, execer, err := f.connectToRun()
	if err != nil {
		return err
	}
	r.Context, r.Namespace = c.Context, c.Namespace
	if r.all {
		r.Namespace = ""
	}
	listed, err := app.Sessions(ctx, c, execer, r.TargetRequest, r.fleet)
	if err != nil {
		return err
	}
	if len(listed) == 0 && r.output != formatJSON && r.output != formatYAML {
		ui.NewNotices(f.program.Err).Say("there is no session container")
		return nil
	}
	return writeSessions(f.program.Out, newSessionList(r.Context, listed), r, time.Now())
}

// sessionList is what sessions found, for programs and for the tables that are made from it. docs/sessions.md describes it.
type sessionList struct {
	APIVersion string        `json:"apiVersion"`
	Kind       string        `json:"kind"`
	Context    string        `json:"context,omitempty"`
	Items      []sessionItem `json:"items"`
}

type sessionItem struct {
	Namespace        string     `json:"namespace"`
	Pod              string     `json:"pod"`
	Container        string     `json:"container"`
	SessionContainer string     `json:"sessionContainer"`
	CopyOf           string     `json:"copyOf,omitempty"`
	MadeBy           string     `json:"madeBy,omitempty"`
	Reason           string     `json:"reason,omitempty"`
	Version          string     `json:"version,omitempty"`
	As               sessionAs  `json:"as"`
	Image            string     `json:"image"`
	TTLSeconds       int64      `json:"ttlSeconds"`
	Via              string     `json:"via"`
	State            string     `json:"state"`
	StartedAt        *time.Time `json:"startedAt,omitempty"`
	EndedAt          *time.Time `json:"endedAt,omitempty"`
	Why              string     `json:"why,omitempty"`
	// InUse is null where it is not known.
	InUse []sessionUse `json:"inUse"`
}

type sessionAs struct {
	UID     *int64 `json:"uid,omitempty"`
	GID     *int64 `json:"gid,omitempty"`
	Profile string `json:"profile"`
}

type sessionUse struct {
	Session string `json:"session,omitempty"`
	Reason  string `json:"reason,omitempty"`
	Seconds int64  `json:"seconds"`
	// Detached and SecondsLeft are of a command that its client has left running.
	Detached    bool  `json:"detached,omitempty"`
	SecondsLeft int64 `json:"secondsLeft,omitempty"`
}

func newSessionList(context string, listed []app.ListedSession) sessionList {
	list := sessionList{APIVersion: apiVersion, Kind: "SessionList", Context: context, Items: []sessionItem{}}
	when := func(t time.Time) *time.Time {
		if t.IsZero() {
			return nil
		}
		t = t.UTC()
		return &t
	}
	for i := range listed {
		l := &listed[i]
		item := sessionItem{
			Namespace: l.Namespace, Pod: l.Pod, Container: l.Target, SessionContainer: l.Name, CopyOf: l.CopyOf,
			MadeBy: l.User, Reason: l.Reason, Version: l.Version, As: sessionAs{l.UID, l.GID, l.Profile}, Image: l.Image,
			TTLSeconds: int64(l.TTL.Seconds()), Via: viaExec, State: string(l.State), StartedAt: when(l.Started), EndedAt: when(l.Ended), Why: l.Why,
		}
		if l.Attached {
			item.Via = viaAttach
		}
		if item.As.Profile == "" {
			item.As.Profile = "mirror"
		}
		if l.InUse != nil || l.State == session.Ended {
			item.InUse = []sessionUse{}
		}
		for _, use := range l.InUse {
			item.InUse = append(item.InUse, sessionUse{
				use.ID, use.Reason, int64(use.For.Seconds()), use.Detached, int64(max(use.Limit-use.For, 0).Seconds()),
			})
		}
		list.Items = append(list.Items, item)
	}
	return list
}

func writeSessions(out io.Writer, list sessionList, r sessionsRequest, now time.Time) error {
	switch r.output {
	case formatJSON:
		return writeJSON(out, list)
	case formatYAML:
		return writeYAML(out, list)
	case formatName:
		var text strings.Builder
		for _, item := range list.Items {
			text.WriteString(ui.Escape(fmt.Sprintf("pod/%s %s", item.Pod, item.SessionContainer)) + "\n")
		}
		return write(out, []byte(text.String()))
	}
	t := newTable([]string{"Namespace", "Pod", "Container", "Session container", "Made by", "As", "Age", "State", "In use", "Reason"},
		[]string{"Image", "Version", "TTL", "Via"})
	for _, item := range list.Items {
		t.row(item.Namespace, item.Pod, item.Container, item.sessionContainer(), unknownIfEmpty(item.MadeBy), item.As.words(),
			item.age(now), item.state(), item.use(), item.Reason, item.Image, item.Version,
			item.ttl(), item.Via)
	}
	return t.write(out, r.output == formatWide)
}

// sessionContainer names it; that of a copy says so.
func (i sessionItem) sessionContainer() string {
	if i.CopyOf != "" {
		return fmt.Sprintf("%s, in a copy of pod/%s", i.SessionContainer, i.CopyOf)
	}
	return i.SessionContainer
}

// ttl is how long the container stays without use, if it does.
func (i sessionItem) ttl() string {
	if i.Via == viaAttach {
		return "-"
	}
	return duration.HumanDuration(time.Duration(i.TTLSeconds) * time.Second)
}

func unknownIfEmpty(text string) string {
	if text == "" {
		return "unknown"
	}
	return text
}

func (a sessionAs) words() string {
	number := func(n *int64) string {
		if n == nil {
			return "?"
		}
		return strconv.FormatInt(*n, 10)
	}
	return fmt.Sprintf("%s:%s (%s)", number(a.UID), number(a.GID), a.Profile)
}

// age is how long ago the container was started.
func (i sessionItem) age(now time.Time) string {
	if i.StartedAt == nil {
		return "unknown"
	}
	return duration.HumanDuration(now.Sub(*i.StartedAt))
}

func (i sessionItem) state() string {
	if i.Why == "" {
		return i.State
	}
	return i.State + ": " + i.Why
}

func (i sessionItem) use() string {
	if i.InUse == nil {
		return "unknown"
	}
	detached := 0
	for _, use := range i.InUse {
		if use.Detached {
			detached++
		}
	}
	if detached > 0 {
		return fmt.Sprintf("%d (%d detached)", len(i.InUse), detached)
	}
	return strconv.Itoa(len(i.InUse))
}
