package cli

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/internal/app"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/near"
	"github.com/mindebug/kubectl-mindebug/pkg/profiles"
)

// planFlags say whom a session runs as, what it may do, and what it is given.
type planFlags struct {
	profile, runAs, custom string
	capAdd                 []string
	env                    map[string]string
	mountVolumes           bool
	learnUser              bool
	usePullSecrets         bool
}

func (f *planFlags) add(flags *pflag.FlagSet) {
	addGiven(flags, &f.profile, "profile", "what is asked on top of the mirror: general, netadmin, sysadmin; or restricted, which is less")
	flags.StringSliceVar(&f.capAdd, "cap-add", nil, "capabilities to add; they have an effect with uid 0 only")
	flags.StringVar(&f.runAs, "run-as", "", "UID[:GID] to run as: the target's, where the pod does not tell it or it has changed")
	flags.BoolVar(&f.learnUser, "learn-user", false, "where nothing tells whom the target runs as, add a container without privileges that reads it from the process")
	flags.BoolVar(&f.usePullSecrets, "use-pull-secrets", false, "read the target's image, where it must be, with the pod's pull secrets, too")
	flags.StringVar(&f.custom, "custom", "", "file with a partial container specification, JSON or YAML, as for kubectl debug")
	flags.StringToStringVar(&f.env, "env", nil, "environment variables to set in the session container")
	flags.BoolVar(&f.mountVolumes, "mount-volumes", false, "mount the target's volumes, read-only; @/ reaches them without")
}

func (f *planFlags) request() (app.PlanRequest, error) {
	r := app.PlanRequest{MountVolumes: f.mountVolumes, LearnUser: f.learnUser, UsePullSecrets: f.usePullSecrets}
	var err error
	if r.Profile.Profile, err = parseProfile(f.profile); err != nil {
		return r, err
	}
	for _, name := range f.capAdd {
		c, err := parseCapability(name)
		if err != nil {
			return r, err
		}
		r.Profile.AddCapabilities = append(r.Profile.AddCapabilities, c)
	}
	if r.Profile.RunAs, err = parseRunAs(f.runAs); err != nil {
		return r, err
	}
	if r.Env, err = parseEnv(f.env); err != nil {
		return r, err
	}
	r.Profile.Custom, err = readCustom(f.custom)
	return r, err
}

func parseProfile(name string) (profiles.Profile, error) {
	profile, err := profiles.ParseProfile(name)
	var wrong *profiles.ProfileError
	if !errors.As(err, &wrong) {
		return profile, err
	}
	usage := &fault.Usage{
		Reason: fmt.Sprintf("there is no --profile=%s", name),
		Hint:   "the profiles are " + strings.Join(profiles.Names(), ", "),
	}
	if alike := near.Names(name, profiles.Names()); wrong.Superseded {
		usage.Hint = "leave --profile away: the mirror, which has the target's privileges, is in its place"
	} else if len(alike) > 0 {
		usage.Hint = "did you mean --profile=" + strings.Join(alike, " or --profile=") + "?"
	}
	return "", usage
}

func parseCapability(name string) (corev1.Capability, error) {
	c, err := profiles.ParseCapability(name)
	if err == nil {
		return c, nil
	}
	usage := &fault.Usage{
		Reason: fmt.Sprintf("--cap-add=%s: the kernel has no such capability", name),
		Hint:   "capabilities(7) lists them: --cap-add=NET_ADMIN",
	}
	if strings.EqualFold(name, "all") {
		usage.Hint = "all of them are in --profile=sysadmin"
		return "", usage
	}
	var names []string
	for _, c := range profiles.Capabilities() {
		names = append(names, string(c))
	}
	if alike := near.Names(strings.TrimPrefix(strings.ToUpper(name), "CAP_"), names); len(alike) > 0 {
		usage.Hint = "did you mean --cap-add=" + strings.Join(alike, " or --cap-add=") + "?"
	}
	return "", usage
}

func parseRunAs(text string) (*profiles.RunAs, error) {
	if text == "" {
		return nil, nil
	}
	who, err := profiles.ParseRunAs(text)
	if err != nil {
		return nil, &fault.Usage{
			Reason: fmt.Sprintf("--run-as=%q is not UID[:GID]", text),
			Hint:   fmt.Sprintf("numbers from 0 to %d: --run-as=65532:65532", profiles.MaxID),
		}
	}
	return &who, nil
}

// parseEnv puts variables in the order of their names, so that the same flags make the same container.
func parseEnv(variables map[string]string) ([]corev1.EnvVar, error) {
	var env []corev1.EnvVar
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		if strings.HasPrefix(name, profiles.Reserved) {
			return nil, &fault.Usage{
				Reason: fmt.Sprintf("--env=%s may not be set: mindebug has variables that begin with %s for itself", name, profiles.Reserved),
				Hint:   "name it otherwise",
			}
		}
		switch name {
		case "":
			return nil, &fault.Usage{Reason: fmt.Sprintf("--env=%q has no name", "="+variables[name]), Hint: "write --env=NAME=VALUE"}
		case "PATH":
			return nil, &fault.Usage{
				Reason: "--env=PATH may not be set: the session finds its own programs by it",
				Hint:   "set it for a command: -- env PATH=/x COMMAND",
			}
		}
		env = append(env, corev1.EnvVar{Name: name, Value: variables[name]})
	}
	return env, nil
}

func readCustom(file string) (*profiles.Custom, error) {
	if file == "" {
		return nil, nil
	}
	const hint = "it takes what kubectl debug --custom takes, for instance: {securityContext: {capabilities: {add: [NET_RAW]}}}"
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, &fault.Usage{Reason: fmt.Sprintf("reading the file of --custom: %v", err), Hint: hint}
	}
	custom, err := profiles.ParseCustom(text)
	if err != nil {
		return nil, &fault.Usage{Reason: fmt.Sprintf("--custom=%s: %v", file, err), Hint: hint}
	}
	return custom, nil
}
