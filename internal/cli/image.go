package cli

import (
	"errors"
	"fmt"

	"github.com/distribution/reference"
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
	addGiven(flags, &f.image, "image", "debug image; by default $MINDEBUG_IMAGE, else the built-in one")
	flags.StringVar(&f.pullPolicy, "image-pull-policy", "", "Always, IfNotPresent or Never; by default the API server's choice")
}

// request writes the image into a request.
func (f *imageFlags) request(r *app.SessionRequest, getenv func(string) string) (err error) {
	image := config.Image(f.image, getenv)
	r.Image, r.ImageOrigin = image.Value, image.Origin
	if err := checkImage(r.Image); err != nil {
		return err
	}
	r.PullPolicy, err = parsePullPolicy(f.pullPolicy)
	return err
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
