package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"

	"github.com/mindebug/kubectl-mindebug/internal/app"
	"github.com/mindebug/kubectl-mindebug/internal/config"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/podcopy"
	"github.com/mindebug/kubectl-mindebug/internal/registry"
	"github.com/mindebug/kubectl-mindebug/internal/ui"
)

// podCopyFlags are about a session in a copy of the pod.
type podCopyFlags struct {
	to       copyName
	setImage map[string]string
	withPVC  bool
}

// copyTTL is how long a copy lives at most, where --ttl says nothing. Unlike a session container it ends even while
// somebody is in it; without anybody it ends much sooner.
const copyTTL = 4 * time.Hour

func (f *podCopyFlags) add(flags *pflag.FlagSet) {
	flags.Var(&f.to, "copy-to", "open the session in a copy of the pod, of this `NAME` or one that is made up, inside the container's own image: for a pod that does not stay up")
	flags.Lookup("copy-to").NoOptDefVal = madeUp
	flags.StringToStringVar(&f.setImage, "set-image", nil, "with --copy-to: another image for a container of the copy, CONTAINER=IMAGE; * means all")
	flags.BoolVar(&f.withPVC, "with-pvc", false, "with --copy-to: let the copy write to the same persistent volumes as its pod")
}

// madeUp is what pflag sets where the flag has no value; no pod can have that name.
const madeUp = "POD-copy-…"

// copyName is whether a copy is wanted, and its name, empty for one that is made up.
type copyName struct {
	wanted bool
	name   string
}

// String implements pflag.Value.
func (c *copyName) String() string { return c.name }

// Type implements pflag.Value.
func (c *copyName) Type() string { return "name" }

// Set implements pflag.Value.
func (c *copyName) Set(text string) error {
	c.wanted, c.name = true, text
	if text == madeUp {
		c.name = ""
		return nil
	}
	if text == "" {
		return errors.New("it is empty; leave =NAME away for a name that is made up")
	}
	if wrong := validation.IsDNS1123Subdomain(text); len(wrong) > 0 {
		return fmt.Errorf("not the name of a pod: %s", wrong[0])
	}
	return nil
}

// notForCopies are flags of a session beside its target, and why they have no place in a copy.
var notForCopies = []struct{ name, why string }{
	{"profile", "a copy has the privileges of its pod"},
	{"cap-add", "a copy has the privileges of its pod"},
	{"run-as", "a copy runs as its pod does"},
	{"custom", "a copy is what its pod is"},
	{"env", "a copy has the environment of its pod; set it in the shell"},
	{"mount-volumes", "a copy has the volumes of its pod"},
	{"learn-user", "a copy runs as its pod does"},
	{"new", "a copy is always a new one"},
	{"detach", "a copy ends with its session"},
	{"via", "a session in a copy is entered by exec"},
}

// request turns a session's request into that of a session in a copy. Given are the flags as they were written.
func (f *podCopyFlags) request(s app.SessionRequest, given *pflag.FlagSet) (app.CopyRequest, error) {
	for _, flag := range notForCopies {
		if given.Changed(flag.name) {
			return app.CopyRequest{}, &fault.Usage{
				Reason: fmt.Sprintf("--copy-to and --%s exclude each other: %s", flag.name, flag.why), Hint: "leave one of them away",
			}
		}
	}
	if !given.Changed("ttl") {
		s.TTL = copyTTL
	}
	if s.TTL < time.Second {
		return app.CopyRequest{}, &fault.Usage{Reason: fmt.Sprintf("--ttl=%s leaves a copy no time", s.TTL), Hint: "a copy ends with its session anyway; --ttl bounds both: --ttl=1h"}
	}
	for _, container := range slices.Sorted(maps.Keys(f.setImage)) {
		if err := checkImage(f.setImage[container]); err != nil {
			return app.CopyRequest{}, err
		}
	}
	return app.CopyRequest{SessionRequest: s, Name: f.to.name, Images: f.setImage, WithClaims: f.withPVC}, nil
}

// check refuses flags that need --copy-to where it is not there, and a name that stands apart from it.
func (f *podCopyFlags) check(words []string, given *pflag.FlagSet) error {
	for _, name := range []string{"set-image", "with-pvc"} {
		if given.Changed(name) && !f.to.wanted {
			return &fault.Usage{Reason: fmt.Sprintf("--%s is for a copy of the pod, and none is asked for", name), Hint: "ask for one: --copy-to --" + name}
		}
	}
	if f.to.wanted && f.to.name == "" && len(words) == 2 && strings.Contains(words[0], "/") && len(validation.IsDNS1123Subdomain(words[1])) == 0 {
		return &fault.Usage{
			Reason: fmt.Sprintf("%q stands after the target", words[1]),
			Hint:   fmt.Sprintf("if it is the copy's name, write --copy-to=%s", words[1]),
		}
	}
	return nil
}

// podCopy opens a session in a copy, or prints the copy.
func (f *factory) podCopy(ctx context.Context, r app.CopyRequest, flags sessionFlags) error {
	c, execer, err := f.connectToRun()
	if err != nil {
		return err
	}
	if err := f.settle(ctx, c, &r.SessionRequest, config.TTL); err != nil {
		return err
	}
	r.Context, r.Namespace, r.Version = c.Context, c.Namespace, f.program.Version
	if flags.dryRun != dryRunNone {
		draft, err := app.DraftCopy(ctx, c, registry.Client{}, f.streams(), r, flags.dryRun == dryRunServer)
		if err != nil {
			return err
		}
		return f.writeCopy(draft, flags.output)
	}
	status, err := app.SessionInCopy(ctx, c, execer, registry.Client{}, f.streams(), r)
	if err == nil && status != 0 {
		err = &exitStatus{status}
	}
	return err
}

// writeCopy writes the copy as YAML, with what is not as in its pod as comments above it, or as JSON.
func (f *factory) writeCopy(c podcopy.Copy, output string) error {
	c.Pod.Status = corev1.PodStatus{}
	if output == formatJSON {
		origins := map[string]string{}
		for _, change := range c.Changes {
			origins[change.Path] = change.Why
		}
		return writeJSON(f.program.Out, struct {
			APIVersion string            `json:"apiVersion"`
			Kind       string            `json:"kind"`
			Pod        *corev1.Pod       `json:"pod"`
			Origins    map[string]string `json:"origins"`
		}{apiVersion, "PodCopy", c.Pod, origins})
	}
	text, err := yaml.Marshal(c.Pod)
	if err != nil {
		return fmt.Errorf("writing YAML: %w", err)
	}
	var page bytes.Buffer
	for _, change := range c.Changes {
		fmt.Fprintf(&page, "# %s: %s\n", ui.Escape(change.Path), strings.ReplaceAll(ui.Escape(change.Why), "\n", " "))
	}
	page.Write(text)
	return write(f.program.Out, page.Bytes())
}
