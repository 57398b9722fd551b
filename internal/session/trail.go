package session

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The variables of a session container that say where it comes from. No script reads them, and a session does not see
// them. It is what a client says; the evidence is in the audit log.
const (
	varUser    = "MINDEBUG_USER"
	varReason  = "MINDEBUG_REASON"
	varVersion = "MINDEBUG_VERSION"
	// varProfile stands in a container that goes beyond its target only, which one user alone enters again.
	varProfile = "MINDEBUG_PROFILE"
)

// trail are the variables that say for what the container was made, by which version.
func (s Settings) trail() (env []corev1.EnvVar) {
	for _, v := range []corev1.EnvVar{
		{Name: varUser, Value: s.User}, {Name: varReason, Value: s.Reason}, {Name: varVersion, Value: s.Version}, {Name: varProfile, Value: s.Profile},
	} {
		if v.Value != "" {
			v.Value = literal(v.Value)
			env = append(env, v)
		}
	}
	return env
}

// MadeBy returns the container with the name of the user who adds it, unless it is empty or stands there already.
func MadeBy(c corev1.EphemeralContainer, user string) corev1.EphemeralContainer {
	named := slices.ContainsFunc(c.Env, func(v corev1.EnvVar) bool { return v.Name == varUser })
	if user != "" && !named {
		c.Env = append(slices.Clip(c.Env), corev1.EnvVar{Name: varUser, Value: literal(user)})
	}
	return c
}

// withoutTrail leaves out what may differ between containers that are the same. Whom a container is for alone must not. Nor
// must what has its value from elsewhere: a Secret, for instance.
func withoutTrail(env []corev1.EnvVar, alone bool) []corev1.EnvVar {
	return slices.DeleteFunc(slices.Clone(env), func(v corev1.EnvVar) bool {
		return v.ValueFrom == nil && (v.Name == varUser && !alone || v.Name == varReason || v.Name == varVersion)
	})
}

// variable is the value that the kubelet makes of a container's variable.
func variable(c *corev1.EphemeralContainer, name string) string {
	for _, v := range c.Env {
		if v.Name == name {
			return strings.ReplaceAll(v.Value, "$$", "$")
		}
	}
	return ""
}

// Event says, on the pod, that a session container was added to it.
func Event(pod *corev1.Pod, c corev1.EphemeralContainer, now time.Time) *corev1.Event {
	who := variable(&c, varUser)
	if who == "" {
		who = "someone whom the API server does not name"
	}
	as := "as its target"
	if profile := variable(&c, varProfile); profile != "" {
		as = "with " + profile
	}
	message := fmt.Sprintf("%s added session container %s, %s", who, c.Name, as)
	if reason := variable(&c, varReason); reason != "" {
		message += ": " + reason
	}
	at := metav1.NewTime(now)
	return &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: fmt.Sprintf("%s.%x", pod.Name, now.UnixNano())},
		InvolvedObject: corev1.ObjectReference{
			APIVersion: "v1", Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID,
			// Of the target: Events about the session container itself are the kubelet's, and are waited for.
			FieldPath: fmt.Sprintf("spec.containers{%s}", c.TargetContainerName),
		},
		Type: corev1.EventTypeNormal, Reason: "SessionContainerAdded", Message: message,
		Source: corev1.EventSource{Component: "kubectl-mindebug"}, FirstTimestamp: at, LastTimestamp: at, Count: 1,
	}
}
