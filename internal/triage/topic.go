package triage

import (
	"context"
	"io"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Runner runs a script in a session container, beside the target and as its user (app.Runner).
type Runner interface {
	Run(ctx context.Context, script string, args []string, stdin io.Reader, stdout, stderr io.Writer) (int, error)
}

// Topic is one kind of thing that goes wrong.
type Topic struct {
	// Name is its word on the command line, in letters; About says what it looks at, in a line.
	Name, About string
	// Applies says whether it is looked at where no topic is named: what is cheap, and means something for this target.
	Applies func(Subject) bool
	// Touches says what it does to the target, where it does anything. It is then only looked at where it is named.
	Touches string
	// Script is a POSIX shell script that prints what Read takes. It has what lib.sh gives, and Args as $1 and so on: no
	// value of a user or a cluster stands in a script.
	Script string
	Args   func(Subject) []string
	// Gather, where it is not nil, gathers what no script alone can. What the script printed is there already.
	Gather func(ctx context.Context, runner Runner, s Subject, printed Raw) (Raw, error)
	// Choose, where the target is touched, takes Gather's place: it does nothing, and returns what does, or a *RefusedError. What
	// it returns says to Subject.Say what it is about to do, and is only run when all topics have chosen.
	Choose func(printed Raw, s Subject) (touch, error)
	// Read makes findings of what was gathered. It is a function of its values: the clock's time is in the Subject.
	Read func(Raw, Subject) Reading
}

// touch does to the target what its topic chose.
type touch func(ctx context.Context, runner Runner) (Raw, error)

// Subject is what is known of the target before it is looked at, and what is asked beside the topics.
type Subject struct {
	Pod *corev1.Pod
	// Container is the target's name.
	Container string
	// UID and GID are those that the session, and so the target, runs as.
	UID, GID int64
	// Host is what is to be reached from the target's network, "HOST:PORT", or empty.
	Host string
	// Port is that of the target's own profiles, or 0.
	Port uint16
	// Say tells the user what is about to be done to the target.
	Say func(text string)
	// Flags are the words that a next command needs to meet the same cluster: "--context=prod ", or empty.
	Flags string
	// Began and Ended are this machine's time before and after the scripts ran.
	Began, Ended time.Time
}

// Weight is how much a finding matters.
type Weight string

// The weights: Critical is broken now, Warning breaks soon or now and then, Notice is worth to be known.
const (
	Critical Weight = "critical"
	Warning  Weight = "warning"
	Notice   Weight = "notice"
)

// weights are in the order in which findings are shown.
var weights = []Weight{Critical, Warning, Notice}

// Finding is one thing that is wrong, or about to be.
type Finding struct {
	Weight Weight `json:"weight"`
	Topic  string `json:"topic"`
	// Fact is what was seen, Why what comes of it, and Next a command that shows or mends more, ready to be pasted; empty
	// where there is none.
	Fact string `json:"fact"`
	Why  string `json:"why"`
	Next string `json:"next,omitempty"`
}

// Fact is something that was seen and may be as it should.
type Fact struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// Reading is what a topic makes of what was gathered.
type Reading struct {
	Facts    []Fact
	Findings []Finding
	// Unread is what could not be read, and why.
	Unread []string
	// Output is text for readers that is shown as it is, as a thread dump.
	Output string
}

// fact adds one, unless it is empty.
func (r *Reading) fact(name, text string) {
	if text != "" {
		r.Facts = append(r.Facts, Fact{name, text})
	}
}

// find adds a finding.
func (r *Reading) find(weight Weight, fact, why, next string) {
	r.Findings = append(r.Findings, Finding{Weight: weight, Fact: fact, Why: why, Next: next})
}

// unread adds what could not be read.
func (r *Reading) unread(text string) { r.Unread = append(r.Unread, text) }
