package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/internal/app"
	"github.com/mindebug/kubectl-mindebug/internal/config"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
)

// given is the value of a flag that may not be empty: an unset variable in a script would silently mean the default.
type given string

// addGiven adds such a flag.
func addGiven(flags *pflag.FlagSet, value *string, name, usage string) {
	flags.Var((*given)(value), name, usage)
}

// String implements pflag.Value.
func (g *given) String() string { return string(*g) }

// Type implements pflag.Value.
func (g *given) Type() string { return "string" }

// Set implements pflag.Value.
func (g *given) Set(text string) error {
	if text == "" {
		return errors.New("it is empty; leave the flag away for the default")
	}
	*g = given(text)
	return nil
}

// imageFlags name the debug image.
type imageFlags struct{ image, pullPolicy string }

func (f *imageFlags) add(flags *pflag.FlagSet) {
	addGiven(flags, &f.image, "image", "debug image; by default what is configured, else the built-in one: see config view")
	flags.StringVar(&f.pullPolicy, "image-pull-policy", "", "Always, IfNotPresent or Never; by default the API server's choice")
}

// request writes the image into a request.
func (f *imageFlags) request(r *app.SessionRequest, getenv func(string) string) (err error) {
	if r.Image, r.ImageOrigin = f.image, "flag"; f.image == "" {
		r.Image, r.ImageOrigin = getenv("MINDEBUG_IMAGE"), "MINDEBUG_IMAGE"
	}
	if r.Image == "" {
		r.ImageOrigin = ""
	} else if err := checkImage(r.Image); err != nil {
		return err
	}
	r.PullPolicy, err = parsePullPolicy(f.pullPolicy)
	return err
}

// checkImage refuses what is no image reference.
func checkImage(image string) error {
	if err := config.CheckImage(image); err != nil {
		return &fault.Usage{
			Reason: err.Error(),
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
