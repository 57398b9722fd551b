package preflight

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/internal/access"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
)

// Verdict says whether a session works.
type Verdict string

// The verdicts. What cannot be read is unknown, never a failure.
const (
	Yes     Verdict = "yes"
	No      Verdict = "no"
	Unknown Verdict = "unknown"
)

// What findings are about.
const (
	AboutTarget     = "target"
	AboutIdentity   = "identity"
	AboutPermission = "permission"
	AboutAdmission  = "admission"
	AboutImage      = "image"
	AboutEarlier    = "earlier"
)

// Finding is one thing that a session depends on.
type Finding struct {
	About   string
	Verdict Verdict
	// Aside is true where the verdict says nothing about the session as a whole.
	Aside bool
	// Text says what was found, where Err does not.
	Text string
	// Err is what stands in the way, or why it is not known. Its words are made where those of all errors are.
	Err error
}

// Worst is the verdict on a session of which these are the findings.
func Worst(findings []Finding) Verdict {
	worst := Yes
	for _, f := range findings {
		switch {
		case f.Aside:
		case f.Verdict == No:
			return No
		case f.Verdict == Unknown:
			worst = Unknown
		}
	}
	return worst
}

// TargetFinding is what State says of the target.
func TargetFinding(pod *corev1.Pod, container string) Finding {
	if err := State(pod, container); err != nil {
		return Finding{About: AboutTarget, Verdict: No, Err: err}
	}
	return Finding{About: AboutTarget, Verdict: Yes, Text: fmt.Sprintf("container %q runs", container)}
}

// Reviews asks the server which of the calls of a session the user may make: on a pod, or where that is empty on all pods of
// the namespace. An empty namespace means all.
func Reviews(ctx context.Context, cluster Cluster, namespace, pod string) map[access.Call]Review {
	calls := access.Session()
	reviews := make([]Review, len(calls))
	var all sync.WaitGroup
	for i, call := range calls {
		all.Go(func() {
			reviews[i].Allowed, reviews[i].Err = cluster.MayI(ctx, namespace, pod, call)
		})
	}
	all.Wait()
	out := map[access.Call]Review{}
	for i, call := range calls {
		out[call] = reviews[i]
	}
	return out
}

// Review is the server's answer to whether the user may make a call, or why there is none.
type Review struct {
	Allowed bool
	Err     error
}

// PermissionFindings are one finding for each call of a session. Reentering is the session container that could be entered
// as it is, or empty: then nothing need be added. User is whom the server takes the user for.
func PermissionFindings(reviews map[access.Call]Review, namespace, reentering string, user authenticationv1.UserInfo) []Finding {
	var findings []Finding
	for _, need := range access.Required() {
		f := Finding{About: AboutPermission, Verdict: Yes, Text: need.String()}
		switch review := reviews[need.Call]; {
		case review.Err != nil:
			f.Verdict, f.Err = Unknown, review.Err
		case review.Allowed:
		case need.Call == access.ExecGet:
			f.Text = fmt.Sprintf("%s: not allowed; %s", need, need.Without)
		case need.Call == access.AddContainer && reentering != "":
			f.Text = fmt.Sprintf("%s: not allowed; container %s, which is there, can be entered", need, reentering)
		default:
			f.Verdict, f.Text = No, ""
			f.Err = &fault.Forbidden{Namespace: namespace, Call: need.String(), User: user.Username, Groups: user.Groups}
		}
		findings = append(findings, f)
	}
	return findings
}

// AdmissionFinding asks the server whether it would take the container. It returns what the server would store, or nil. An
// error is that the server gave no answer.
func AdmissionFinding(ctx context.Context, cluster Cluster, pod *corev1.Pod, container corev1.EphemeralContainer) (Finding, *corev1.EphemeralContainer, error) {
	stored, err := DryRun(ctx, cluster, pod, container)
	var forbidden *fault.Forbidden
	var unreachable *fault.Unreachable
	switch {
	case err == nil:
		return Finding{About: AboutAdmission, Verdict: Yes, Text: "the API server's dry run takes the container"}, stored, nil
	case errors.As(err, &unreachable), ctx.Err() != nil:
		return Finding{}, nil, err
	case errors.As(err, &forbidden):
		return NotAsked("it is not allowed"), nil, nil
	}
	return Finding{About: AboutAdmission, Verdict: No, Err: err}, nil, nil
}

// NotAsked is the finding where the server was not asked, and why.
func NotAsked(why string) Finding {
	return Finding{About: AboutAdmission, Verdict: Unknown, Text: "the API server's dry run was not asked: " + why}
}

// EarlierFinding is about the ephemeral containers that the pod has already: Pod Security judges the whole pod, and may
// refuse ours for an earlier one; the admission finding says so. It returns false where there are none.
func EarlierFinding(pod *corev1.Pod, admission Finding) (Finding, bool) {
	var refused *fault.Refused
	var names, guilty []string
	for i := range pod.Spec.EphemeralContainers {
		name := pod.Spec.EphemeralContainers[i].Name
		if errors.As(admission.Err, &refused) && slices.Contains(refused.Violators, fault.Violator{Name: name, Ephemeral: true}) {
			guilty = append(guilty, name)
		}
		names = append(names, name)
	}
	if len(guilty) > 0 {
		return Finding{About: AboutEarlier, Verdict: No, Text: "in the way, and in the pod for good: " + strings.Join(guilty, ", ")}, true
	}
	return Finding{
		About: AboutEarlier, Verdict: Yes, Aside: true, Text: "in the pod for good, and not in the way: " + strings.Join(names, ", "),
	}, len(names) > 0
}

// ImageFinding is about the debug image: it can be told that the node has it, never that it could be pulled. Elsewhere is
// true where another pod on the node is known to have it.
func ImageFinding(pod *corev1.Pod, container *corev1.EphemeralContainer, elsewhere bool) Finding {
	policy := string(container.ImagePullPolicy)
	if policy == "" {
		policy = "the API server's default"
	}
	f := Finding{About: AboutImage, Verdict: Unknown, Aside: true, Text: fmt.Sprintf("%s, pull policy %s", container.Image, policy)}
	var secrets []string
	for _, s := range pod.Spec.ImagePullSecrets {
		secrets = append(secrets, s.Name)
	}
	if len(secrets) > 0 {
		f.Text += ", pull secrets " + strings.Join(secrets, ", ")
	}
	switch here := elsewhere || HasImage(pod, container.Image); {
	case here && container.ImagePullPolicy == corev1.PullAlways:
		f.Text += "; the node has it, and asks its registry each time"
	case here:
		f.Verdict = Yes
		f.Text += "; the node has it"
	default:
		f.Text += "; whether the node has it is not known"
	}
	return f
}

// HasImage reports whether a container of the pod was started from the image, so that the pod's node has it.
func HasImage(pod *corev1.Pod, image string) bool {
	uses := map[string]bool{}
	for i := range pod.Spec.Containers {
		uses[pod.Spec.Containers[i].Name] = pod.Spec.Containers[i].Image == image
	}
	for i := range pod.Spec.InitContainers {
		uses[pod.Spec.InitContainers[i].Name] = pod.Spec.InitContainers[i].Image == image
	}
	for i := range pod.Spec.EphemeralContainers {
		uses[pod.Spec.EphemeralContainers[i].Name] = pod.Spec.EphemeralContainers[i].Image == image
	}
	statuses := slices.Concat(pod.Status.ContainerStatuses, pod.Status.InitContainerStatuses, pod.Status.EphemeralContainerStatuses)
	return slices.ContainsFunc(statuses, func(s corev1.ContainerStatus) bool { return uses[s.Name] && s.ImageID != "" })
}
