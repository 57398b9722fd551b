package session

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/rand"

	"github.com/mindebug/kubectl-mindebug/pkg/profiles"
)

// Protocol is the number that a session's greeting begins with. It changes whenever client and scripts of different
// releases could not work together.
const Protocol = 1

// Prefix begins the name of every session container.
const Prefix = "mindebug-"

var (
	//go:embed lib.sh
	libScript string
	//go:embed inside.sh
	insideScript string
	//go:embed holder.sh
	holderScript string
	//go:embed run.sh
	runScript string
	//go:embed keep.sh
	keepScript string
	//go:embed look.sh
	lookScript string
	//go:embed attach.sh
	attachScript string
)

// Scripts are those of a session, each as the variable of a container's specification that the others find it in.
func Scripts() []corev1.EnvVar {
	return []corev1.EnvVar{
		{Name: "MINDEBUG_LIB", Value: literal(code(libScript) + "\n" + code(insideScript))},
		{Name: "MINDEBUG_HOLD", Value: literal(code(holderScript))},
		{Name: "MINDEBUG_RUN", Value: literal(code(runScript))},
		{Name: "MINDEBUG_KEEP", Value: literal(code(keepScript))},
		{Name: "MINDEBUG_LOOK", Value: literal(code(lookScript))},
	}
}

// Holder are the words of a container's command that make it one for sessions. Shell is its shell, and prelude what that
// runs first.
func Holder(shell, prelude string, ttl time.Duration) []string {
	return []string{shell, "-c", literal(prelude + hold), "mindebug-hold", seconds(ttl)}
}

// Settings are the properties of a session container that are not privileges.
type Settings struct {
	Image      string
	PullPolicy corev1.PullPolicy
	// TTL is how long the container stays without being used. It is rounded up to whole seconds.
	TTL time.Duration
	// User is who adds the container, Reason what for, Version that of the client; each may be empty.
	User, Reason, Version string
	// Profile is in what words it was asked to go beyond its target. Where it is set the container is for User only: Find
	// offers it to nobody else.
	Profile string
	// Env are the user's own variables. As with kubectl, $(NAME) in them is expanded by the kubelet.
	Env    []corev1.EnvVar
	Mounts []corev1.VolumeMount
	// Attach makes the container's own process the one session of it, which is attached to; TTY gives that a terminal. It
	// has no time to live.
	Attach, TTY bool
}

// hold is what a session container's own shell runs, attached what it runs where it is attached to.
const (
	hold     = `eval "$MINDEBUG_HOLD"`
	attached = `eval "$MINDEBUG_ATTACH"`
)

// awaitClient is how long the process of a container that is attached to waits for its client: as long as a holder for its
// first session.
const awaitClient = time.Minute

// Container returns a session container of the plan that joins the process namespace of the target container, under a
// new name.
func Container(plan profiles.Plan, target string, s Settings) corev1.EphemeralContainer {
	env := append(Scripts(), s.trail()...)
	c := corev1.EphemeralContainer{
		TargetContainerName: target,
		EphemeralContainerCommon: corev1.EphemeralContainerCommon{
			Name:            Prefix + rand.String(5),
			Image:           s.Image,
			ImagePullPolicy: s.PullPolicy,
			Command:         Holder("sh", "", s.TTL),
			Env:             append(env, s.Env...),
			VolumeMounts:    s.Mounts,
			SecurityContext: plan.SecurityContext.DeepCopy(),
		},
	}
	if s.Attach {
		c.Command = []string{"sh", "-c", literal(attached), "mindebug-attach", seconds(awaitClient)}
		c.Env[1] = corev1.EnvVar{Name: "MINDEBUG_ATTACH", Value: literal(code(attachScript))}
		c.Stdin, c.StdinOnce, c.TTY = true, true, s.TTY
	}
	if plan.Custom != nil {
		c = plan.Custom.Apply(c)
	}
	return c
}

// literal doubles every dollar sign, since the kubelet expands $(NAME) and turns $$ into $ in commands and environment
// values (expansion.Expand in k8s.io/kubernetes/third_party/forked/golang/expansion).
func literal(s string) string { return strings.ReplaceAll(s, "$", "$$") }

// code is a script without the lines that are comments only: they are for readers of this repository, not for whoever
// reads the pod.
func code(script string) string {
	lines := slices.DeleteFunc(strings.Split(script, "\n"), func(line string) bool {
		trimmed := strings.TrimSpace(line)
		return trimmed == "" || strings.HasPrefix(trimmed, "#")
	})
	return strings.Join(lines, "\n")
}

// seconds is a duration as the scripts take it.
func seconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}

// Alterations says how the container that the server would store differs from want: a webhook that rewrites an image or
// adds a variable makes another specification of it.
func Alterations(want, stored corev1.EphemeralContainer) []string {
	stored = undefaulted(*stored.DeepCopy(), want)
	var out []string
	if stored.Image != want.Image {
		out = append(out, fmt.Sprintf("image %s becomes %s", want.Image, stored.Image))
		stored.Image = want.Image
	}
	for _, v := range slices.Concat(stored.Env, want.Env) {
		isIt := func(other corev1.EnvVar) bool { return equality.Semantic.DeepEqual(v, other) }
		if v.Name == varUser && variable(&want, varUser) == "" {
			continue // who adds it: where a policy writes that, the client's own name for it comes later
		}
		text := "variable " + v.Name
		inBoth := slices.ContainsFunc(want.Env, isIt) && slices.ContainsFunc(stored.Env, isIt)
		if !inBoth && !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	stored.Env = want.Env
	return append(out, differing(stored, want)...)
}

// differing returns the JSON names of the fields of two containers that are not the same.
func differing(a, b corev1.EphemeralContainer) []string {
	fields := func(c corev1.EphemeralContainer) map[string]any {
		set, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&c)
		if err != nil {
			panic(err) // a typed API object always converts
		}
		return set
	}
	one, other := fields(a), fields(b)
	all := maps.Clone(one)
	maps.Copy(all, other)
	maps.DeleteFunc(all, func(name string, _ any) bool { return equality.Semantic.DeepEqual(one[name], other[name]) })
	return slices.Sorted(maps.Keys(all))
}

// Found is a session container of a pod that could serve.
type Found struct {
	Name string
	// Running is false where it is only starting.
	Running bool
	TTL     time.Duration
}

// Find returns a session container of the pod that is what want would be: one that runs, else one that is starting. The
// whole specification must be the same, not only image and privileges: a planted environment could run another's code
// in the next user's shell. Only the name, the time to live and the trail may differ.
func Find(pod *corev1.Pod, want corev1.EphemeralContainer) (Found, bool) {
	var starting *Found
	for i := range pod.Spec.EphemeralContainers {
		have := &pod.Spec.EphemeralContainers[i]
		if !same(*have.DeepCopy(), *want.DeepCopy()) {
			continue
		}
		ttl, _ := timeToLive(have)
		switch s := status(pod, have.Name); {
		case isRunning(s, want.SecurityContext):
			return Found{Name: have.Name, Running: true, TTL: ttl}, true
		case isStarting(s):
			starting = &Found{Name: have.Name, TTL: ttl}
		}
	}
	if starting == nil {
		return Found{}, false
	}
	return *starting, true
}

// timeToLive returns the time to live of a session container, and false where it is not one.
func timeToLive(c *corev1.EphemeralContainer) (time.Duration, bool) {
	if len(c.Command) != 5 || c.Command[3] != "mindebug-hold" {
		return 0, false
	}
	n, err := strconv.Atoi(c.Command[4])
	return time.Duration(n) * time.Second, err == nil
}

// same compares two specifications apart from the name, the time to live, the trail, and what the API server fills in.
func same(have, want corev1.EphemeralContainer) bool {
	if _, ok := timeToLive(&have); !ok {
		return false
	}
	have.Name, have.Command[4] = want.Name, want.Command[4]
	alone := variable(&want, varProfile) != ""
	have.Env, want.Env = withoutTrail(have.Env, alone), withoutTrail(want.Env, alone)
	return equality.Semantic.DeepEqual(undefaulted(have, want), want)
}

// undefaulted takes from a container what the API server fills in where want leaves it open.
func undefaulted(have, want corev1.EphemeralContainer) corev1.EphemeralContainer {
	if want.ImagePullPolicy == "" {
		have.ImagePullPolicy = ""
	}
	if want.TerminationMessagePath == "" && have.TerminationMessagePath == corev1.TerminationMessagePathDefault {
		have.TerminationMessagePath = ""
	}
	if want.TerminationMessagePolicy == "" && have.TerminationMessagePolicy == corev1.TerminationMessageReadFile {
		have.TerminationMessagePolicy = ""
	}
	return have
}

// isRunning reports whether an ephemeral container runs, as the user that its specification names.
func isRunning(s *corev1.ContainerStatus, sc *corev1.SecurityContext) bool {
	if s == nil || s.State.Running == nil {
		return false
	}
	if s.User == nil || s.User.Linux == nil {
		return true
	}
	return s.User.Linux.UID == *sc.RunAsUser && s.User.Linux.GID == *sc.RunAsGroup
}

// isStarting reports whether an ephemeral container may run soon, or does already: the status lags behind.
func isStarting(s *corev1.ContainerStatus) bool {
	switch {
	case s == nil:
		return true
	case s.State.Running != nil || s.State.Terminated != nil:
		return false
	}
	return s.State.Waiting == nil || !hopeless[s.State.Waiting.Reason]
}

// status returns the status of an ephemeral container, or nil.
func status(pod *corev1.Pod, name string) *corev1.ContainerStatus {
	for i := range pod.Status.EphemeralContainerStatuses {
		if pod.Status.EphemeralContainerStatuses[i].Name == name {
			return &pod.Status.EphemeralContainerStatuses[i]
		}
	}
	return nil
}
