package cli

import (
	"fmt"
	"time"

	"github.com/distribution/reference"
	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/internal/app"
	"github.com/mindebug/kubectl-mindebug/internal/config"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
)

// sessionFlags are the flags of a session as they were written.
type sessionFlags struct {
	targetFlags
	planFlags
	stdin, tty        bool
	image, pullPolicy string
	ttl, grace        time.Duration
	timeout           time.Duration
	ttlGiven          bool
	new, quiet        bool
	dryRun, output    string
}

func (f *sessionFlags) add(flags *pflag.FlagSet) {
	f.targetFlags.add(flags)
	flags.BoolVarP(&f.stdin, "stdin", "i", false, "pass standard input to the command; a shell gets it by itself")
	flags.BoolVarP(&f.tty, "tty", "t", false, "give the command a terminal; a shell gets one by itself where standard input is one")
	flags.StringVar(&f.image, "image", "", "debug image; by default $MINDEBUG_IMAGE, else the built-in one")
	flags.StringVar(&f.pullPolicy, "image-pull-policy", "", "Always, IfNotPresent or Never; by default the API server's choice")
	f.planFlags.add(flags)
	flags.DurationVar(&f.ttl, "ttl", 30*time.Minute, "how long an unused session container stays; 0 ends it with its last session")
	flags.DurationVar(&f.grace, "grace", time.Minute, "how long what runs in a session outlives a lost client")
	flags.DurationVar(&f.timeout, "timeout", time.Minute, "bound on the start of a session container, pulling its image included")
	flags.BoolVar(&f.new, "new", false, "do not reuse a running session container")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "no notices")
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
	image := config.Image(f.image, around.getenv)
	r := app.SessionRequest{
		TargetRequest: wanted, PlanRequest: plan, Command: command,
		Stdin: f.stdin, TTY: f.tty && around.terminal,
		Image: image.Value, ImageOrigin: image.Origin,
		TTL: f.ttl, TTLGiven: f.ttlGiven, Grace: f.grace, Timeout: f.timeout,
		New: f.new, Quiet: f.quiet,
	}
	if len(command) == 0 {
		r.Stdin, r.TTY = true, around.terminal
	}
	if err := checkImage(r.Image); err != nil {
		return r, err
	}
	if r.PullPolicy, err = parsePullPolicy(f.pullPolicy); err != nil {
		return r, err
	}
	return r, f.validate()
}

// validate checks what has bounds.
func (f *sessionFlags) validate() error {
	switch {
	case f.ttl < 0:
		return &fault.Usage{Reason: fmt.Sprintf("--ttl=%s is negative", f.ttl)}
	case f.grace < time.Second:
		return &fault.Usage{Reason: fmt.Sprintf("--grace=%s is less than the least, 1s", f.grace)}
	case f.timeout <= 0:
		return &fault.Usage{Reason: fmt.Sprintf("--timeout=%s leaves no time", f.timeout)}
	}
	return f.checkDryRun()
}

// checkImage refuses what is no image reference: the API server takes any text, and the kubelet refuses it only after the
// container has become a permanent part of the pod.
func checkImage(image string) error {
	if _, err := reference.ParseNormalizedNamed(image); err != nil {
		return &fault.Usage{
			Reason: fmt.Sprintf("%q is not the name of an image: %v", image, err),
			Hint:   "the form is [REGISTRY/]NAME[:TAG|@DIGEST]: --image=docker.io/library/busybox:1.37.0",
		}
	}
	return nil
}

func parsePullPolicy(text string) (corev1.PullPolicy, error) {
	switch policy := corev1.PullPolicy(text); policy {
	case "", corev1.PullAlways, corev1.PullIfNotPresent, corev1.PullNever:
		return policy, nil
	}
	return "", &fault.Usage{Reason: fmt.Sprintf("--image-pull-policy=%q is none of Always, IfNotPresent, Never", text)}
}
