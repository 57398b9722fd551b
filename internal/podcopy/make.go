package podcopy

import (
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// Request is what is asked of a copy.
type Request struct {
	// Name is the copy's, Container that of the container that is held.
	Name, Container string
	// Images are other images for containers of the copy, by the containers' names; "*" stands for all others.
	Images map[string]string
	// WithClaims allows volumes that the copy could write to while the pod does.
	WithClaims bool
	// Image and PullPolicy are those of the image with BusyBox, Security what its container may do: no more than the
	// held one.
	Image      string
	PullPolicy corev1.PullPolicy
	Security   corev1.SecurityContext
	// TTL bounds the copy's life.
	TTL time.Duration
	// Entrypoint and Cmd are those of the held container's image, nil where they are not known.
	Entrypoint, Cmd []string
	// Scripts are those of a session, as variables of a container. Holder returns the words of a command that waits for
	// sessions, in the shell given and with what that runs first.
	Scripts []corev1.EnvVar
	Holder  func(shell, prelude string) []string
	// User is who makes it, Reason what for, Version that of the client; each may be empty.
	User, Reason, Version string
}

// allContainers are all, in a Request's images.
const allContainers = "*"

// Copy is a pod to be made, and what there is to know about it.
type Copy struct {
	Pod *corev1.Pod
	// Changes are how it differs from the pod that it is a copy of.
	Changes []Change
	// Installer is the name of the container that puts BusyBox into the copy, Dir where the others find it.
	Installer, Dir string
	// Known is true where the copy knows the held container's command.
	Known bool
}

// Change is a part of the copy that is not as in its pod, by its path, and why.
type Change struct{ Path, Why string }

// Make returns a copy of the pod. The error is a *fault.NoContainer for an image of a container that there is not, or a
// *fault.Claims.
func Make(pod *corev1.Pod, r Request) (Copy, error) {
	for name := range r.Images {
		if c, _ := target.Find(pod, name); c == nil && name != allContainers {
			return Copy{}, &fault.NoContainer{Pod: fault.Pod{Namespace: pod.Namespace, Name: pod.Name}, Name: name}
		}
	}
	if shared := writable(pod); len(shared) > 0 && !r.WithClaims {
		return Copy{}, &fault.Claims{Pod: fault.Pod{Namespace: pod.Namespace, Name: pod.Name}, Volumes: shared}
	}
	m := &maker{Request: r, from: pod, copy: Copy{Pod: &corev1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		Spec:     *pod.Spec.DeepCopy(),
	}}}
	m.metadata()
	m.placement()
	m.lifetime()
	m.containers()
	m.hold()
	m.install()
	return m.copy, nil
}

// maker makes one copy.
type maker struct {
	Request
	from *corev1.Pod
	copy Copy
}

// say records a change.
func (m *maker) say(path, why string) { m.copy.Changes = append(m.copy.Changes, Change{path, why}) }

// kept are the annotations that belong to the pod itself. All others are for, or from, those who inject into pods or control
// them, and would make them do it again.
var kept = []string{
	corev1.DeprecatedAppArmorBetaContainerAnnotationKeyPrefix,
	"seccomp.security.alpha.kubernetes.io/pod",
	"container.seccomp.security.alpha.kubernetes.io/",
	"kubectl.kubernetes.io/default-logs-container",
}

// The annotations of a copy.
const (
	defaultContainer = "kubectl.kubernetes.io/default-container"
	annotationOf     = "mindebug/copy-of"
	annotationUID    = "mindebug/copy-of-uid"
	annotationUser   = "mindebug/user"
	annotationReason = "mindebug/reason"
	annotationBy     = "mindebug/version"
)

// Of is the name of the pod that a pod is a copy of, empty where it is none.
func Of(pod *corev1.Pod) string { return pod.Annotations[annotationOf] }

// Maker is who made a copy, what for, and by which version of the client, as that said; each may be empty.
type Maker struct{ User, Reason, Version string }

// MadeBy tells who made a copy, and which container of it is held.
func MadeBy(pod *corev1.Pod) (by Maker, container string) {
	a := pod.Annotations
	return Maker{a[annotationUser], a[annotationReason], a[annotationBy]}, a[defaultContainer]
}

// metadata leaves out the labels, so that no Service, controller or disruption budget takes the copy for one of its own, and
// the owners, who would end it.
func (m *maker) metadata() {
	meta := metav1.ObjectMeta{Namespace: m.from.Namespace, Name: m.Name, Annotations: map[string]string{
		defaultContainer: m.Container, annotationOf: m.from.Name, annotationUID: string(m.from.UID),
		annotationUser: m.User, annotationReason: m.Reason, annotationBy: m.Version,
	}}
	for name, value := range m.from.Annotations {
		if slices.ContainsFunc(kept, func(prefix string) bool { return len(name) >= len(prefix) && name[:len(prefix)] == prefix }) {
			meta.Annotations[name] = value
		}
	}
	for name, value := range meta.Annotations {
		if value == "" {
			delete(meta.Annotations, name)
		}
	}
	m.copy.Pod.ObjectMeta = meta
	m.say("metadata.name", "--copy-to")
	m.say("metadata.labels", "left out: no Service or controller shall take it")
	m.say("metadata.annotations", "those of injectors and controllers are left out")
	m.say("metadata.ownerReferences", "left out: no controller shall end it")
}

// placement lets the scheduler choose a node like the pod's. What keeps pods of a kind apart would keep the copy from its
// pod's node; who waits to open a gate does not know the copy; and a copy evicts nobody for its priority.
func (m *maker) placement() {
	s := &m.copy.Pod.Spec
	s.NodeName, s.SchedulingGates, s.ReadinessGates, s.TopologySpreadConstraints = "", nil, nil, nil
	s.PriorityClassName, s.Priority, s.PreemptionPolicy, s.Overhead = "", nil, nil, nil
	s.SchedulingGroup = nil
	m.say("spec.nodeName, schedulingGates, topologySpreadConstraints, podAntiAffinity", "left out: the copy may stand beside its pod")
	m.say("spec.priorityClassName", "left out: a copy evicts nobody")
	if s.Affinity != nil {
		s.Affinity.PodAntiAffinity = nil
	}
	if m.from.Spec.NodeName == "" || !ofNode(m.from) {
		return
	}
	if s.Affinity == nil {
		s.Affinity = &corev1.Affinity{}
	}
	onNode(s.Affinity, m.from.Spec.NodeName)
	m.say("spec.affinity.nodeAffinity", "the pod's node, which has its volumes")
}

// onNode adds to each way of choosing a node that it must be that one.
func onNode(a *corev1.Affinity, node string) {
	if a.NodeAffinity == nil {
		a.NodeAffinity = &corev1.NodeAffinity{}
	}
	if a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution == nil {
		a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution = &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{}}}
	}
	terms := a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms
	for i := range terms {
		terms[i].MatchFields = append(terms[i].MatchFields, corev1.NodeSelectorRequirement{
			Key: metav1.ObjectNameField, Operator: corev1.NodeSelectorOpIn, Values: []string{node},
		})
	}
}

// graceSeconds is how long the copy's containers have to end: the session is over, and nobody waits for them.
const graceSeconds = 2

// lifetime ends the copy for good when it ends, and at the latest when its time to live is over.
func (m *maker) lifetime() {
	s := &m.copy.Pod.Spec
	s.RestartPolicy = corev1.RestartPolicyNever
	s.ActiveDeadlineSeconds = new(max(int64(m.TTL/time.Second), 1))
	s.TerminationGracePeriodSeconds = new(int64(graceSeconds))
	s.EphemeralContainers = nil
	// Its token's volume is in the list already; one would be added for the container that has none.
	s.AutomountServiceAccountToken = new(false)
	m.say("spec.restartPolicy", "what ends stays ended")
	m.say("spec.activeDeadlineSeconds", "--ttl: "+strconv.FormatInt(*s.ActiveDeadlineSeconds, 10)+" s")
	m.say("spec.terminationGracePeriodSeconds", "nobody waits for its end")
	m.say("spec.automountServiceAccountToken", "the token's volume is copied, and must not come twice")
}
