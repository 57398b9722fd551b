package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"time"
	"unicode"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/ui"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// The exit statuses of mindebug itself; a command's own are handed on untouched (docs/exit-codes.md).
const (
	statusVerbFailed = 1 // as statusFailed, of a verb other than a session
	statusUsage      = 2 // of a verb other than a session
	statusNo         = 3 // what was asked is answered by "no"
	statusFailed     = 125
	statusSignalled  = 128 // and the number of the signal
	statusKilled     = statusSignalled + int(syscall.SIGKILL)
)

// hintGoneContainer is in more than one error.
const hintGoneContainer = "container %s stays in the pod's list for good and does nothing there; recreate the pod to be rid of it"

// factAdded is about a wait that was given up.
const factAdded = "container %s is in the pod by now; the same command enters it if it runs"

// hintGrant is the command with which someone else lets the user do what was refused. User may be empty: then it is for
// the user to fill in.
func hintGrant(where, user string) string {
	subject := "--user " + shellWord(user)
	if account, ok := strings.CutPrefix(user, "system:serviceaccount:"); ok {
		subject = "--serviceaccount " + shellWord(account)
	}
	if user == "" {
		subject = "--user YOU"
	}
	return fmt.Sprintf("ask someone who may: kubectl mindebug policy roles %s %s | kubectl apply -f -", where, subject)
}

// shellWord is text as one word of a POSIX shell.
func shellWord(text string) string {
	special := func(r rune) bool {
		return !strings.ContainsRune("@%+=:,./_-", r) && (r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r))
	}
	if text != "" && strings.IndexFunc(text, special) < 0 {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// message is an error in the words that a user reads: what was being done and what stood in the way, facts, the next
// step.
type message struct {
	text   string
	facts  []string
	hint   string
	status int
}

// write writes the message as one block. Text from a cluster is escaped.
func (m message) write(out io.Writer) { m.writeAs(out, "error: ") }

// writeAs writes the block with its own first word.
func (m message) writeAs(out io.Writer, first string) {
	// What continues on a second line is indented, so that no text from elsewhere reads like a line of ours.
	indented := func(text string) string { return strings.ReplaceAll(ui.Escape(text), "\n", "\n  ") }
	fmt.Fprintln(out, first+indented(m.text))
	for _, fact := range m.facts {
		fmt.Fprintln(out, "  "+indented(fact))
	}
	if m.hint != "" {
		fmt.Fprintln(out, "hint: "+indented(m.hint))
	}
}

// writeJSON writes the message as one object on one line.
func (m message) writeJSON(out io.Writer) {
	object := struct {
		APIVersion string   `json:"apiVersion"`
		Kind       string   `json:"kind"`
		Error      string   `json:"error"`
		Facts      []string `json:"facts,omitempty"`
		Hint       string   `json:"hint,omitempty"`
		Status     int      `json:"status"`
	}{apiVersion, "Error", m.text, m.facts, m.hint, m.status}
	text, err := marshal(object, "")
	if err != nil {
		panic(err) // strings and a number always convert
	}
	_, _ = out.Write(text) // nobody is left to be told
}

// explain turns an error into words and an exit status. It is the only place that does.
func explain(err error) message {
	m := message{text: err.Error(), status: statusFailed}
	for _, words := range []func(error, *message) bool{inUsage, inAccess, inPods, inTarget, inStart, inSession, inAnswer} {
		if words(err, &m) {
			break
		}
	}
	return m
}

// inUsage is about the command line and the configuration.
func inUsage(err error, m *message) bool {
	var usage *fault.Usage
	var configuration *fault.Configuration
	var interrupted *fault.Interrupted
	switch {
	case errors.As(err, &usage):
		m.text, m.hint = usage.Reason, usage.Hint
	case errors.As(err, &configuration):
		m.text, m.hint = configuration.Error(), "see what kubectl makes of it: kubectl config view"
	case errors.Is(err, ui.ErrNoAnswer):
		m.text, m.hint = err.Error(), "name it: a pod by its own name, a container with -c; whom it runs as with --run-as or --learn-user"
	case errors.As(err, &interrupted):
		m.text, m.status = "interrupted before the command began", statusSignalled+int(interrupted.Signal)
	default:
		return false
	}
	return true
}

// inAccess is about the API server and what it lets the user do.
func inAccess(err error, m *message) bool {
	var unreachable *fault.Unreachable
	var forbidden *fault.Forbidden
	var loggedOut *fault.LoggedOut
	switch {
	case errors.As(err, &loggedOut):
		m.text = "the API server does not know you any more: " + loggedOut.Server.Error()
		m.facts = []string{fmt.Sprintf(factAdded, loggedOut.Added)}
		m.hint = "log in again, as for kubectl"
	case errors.As(err, &unreachable):
		m.text = fmt.Sprintf("the API server %s gives no answer", unreachable.Server)
		m.facts = []string{"it failed with: " + unreachable.Cause.Error()}
		if unreachable.Added != "" {
			m.facts = append(m.facts, fmt.Sprintf(factAdded, unreachable.Added))
		}
		m.hint = "see whether kubectl reaches it: kubectl get --raw /readyz"
	case errors.As(err, &forbidden):
		in, where := fmt.Sprintf("namespace %q", forbidden.Namespace), "-n "+shellWord(forbidden.Namespace)
		if forbidden.Namespace == "" {
			in, where = "all namespaces", "-A"
		}
		m.text = fmt.Sprintf("you may not %s in %s", forbidden.Call, in)
		if forbidden.User != "" {
			m.facts = append(m.facts, fmt.Sprintf("you are %q, groups %q", forbidden.User, forbidden.Groups))
		}
		if forbidden.Server != nil {
			m.facts = append(m.facts, "the server says: "+forbidden.Server.Error())
		}
		m.hint = hintGrant(where, forbidden.User)
	default:
		return false
	}
	return true
}

// inAnswer is about answers of the API server that no stage has put into its own terms.
func inAnswer(err error, m *message) bool {
	switch {
	case apierrors.IsUnauthorized(err):
		m.text = "the API server does not know you: " + err.Error()
		m.hint = "log in again, as for kubectl"
	case apierrors.IsForbidden(err):
		m.text = "the API server refuses: " + err.Error()
		m.hint = hintGrant("-n NAMESPACE", "")
	default:
		return false
	}
	return true
}

// inPods is about which pod is meant.
func inPods(err error, m *message) bool {
	var noPod *fault.NoPod
	var noOwner *fault.NoOwner
	var noSelector *fault.NoSelector
	var noneRuns *fault.NoneRuns
	var nonePicked *fault.NonePicked
	var nothing *fault.NothingToCheck
	switch {
	case errors.As(err, &noPod):
		m.text = fmt.Sprintf("there is no pod %q in namespace %q", noPod.Pod.Name, noPod.Pod.Namespace)
		explainNoPod(noPod, m)
	case errors.As(err, &noOwner):
		m.text = fmt.Sprintf("there is no %s %q in namespace %q", noOwner.Kind, noOwner.Name, noOwner.Namespace)
		m.facts, m.hint = offerNear(noOwner.Kind, noOwner.Near, noOwner.Namespace, noOwner.Unlisted)
	case errors.As(err, &noSelector):
		m.text = fmt.Sprintf("%s selects no pods: it has no selector", noSelector.Target)
		m.hint = fmt.Sprintf("see what it leads to: kubectl describe -n %s %s", noSelector.Namespace, noSelector.Target)
	case errors.As(err, &noneRuns):
		explainNoneRuns(noneRuns, m)
	case errors.As(err, &nothing):
		explainNothing(nothing, m)
	case errors.As(err, &nonePicked):
		m.text = fmt.Sprintf("no pod of %s is as --pick=%s wants it", nonePicked.Target, nonePicked.Pick)
		m.facts = describePods(nonePicked.Pods)
		m.hint = "leave --pick away, or name one: pod/" + nonePicked.Pods[0].Name
	default:
		return inStop(err, m)
	}
	return true
}

// inStop is about a session container that was to end.
func inStop(err error, m *message) bool {
	var inUse *fault.InUse
	var noSession *fault.NoSession
	var notEnded *fault.NotEnded
	switch {
	case errors.As(err, &inUse):
		m.text = fmt.Sprintf("somebody is in session container %s of pod/%s", inUse.Container, inUse.Pod.Name)
		m.facts = inUse.By
		m.hint = fmt.Sprintf("end it all the same: kubectl mindebug stop -n %s pod/%s %s --force", inUse.Pod.Namespace, inUse.Pod.Name, inUse.Container)
	case errors.As(err, &noSession):
		m.text = fmt.Sprintf("%d session containers run in pod/%s, and nothing says which is meant", len(noSession.Running), noSession.Pod.Name)
		if noSession.Name != "" {
			m.text = fmt.Sprintf("pod/%s has no session container %q", noSession.Pod.Name, noSession.Name)
		}
		m.hint = fmt.Sprintf("list them: kubectl mindebug sessions -n %s pod/%s", noSession.Pod.Namespace, noSession.Pod.Name)
		for _, c := range noSession.Running {
			m.facts = append(m.facts, c.About)
			m.hint = fmt.Sprintf("name one: kubectl mindebug stop -n %s pod/%s %s", noSession.Pod.Namespace, noSession.Pod.Name, noSession.Running[0].Name)
		}
	case errors.As(err, &notEnded):
		m.text = fmt.Sprintf("session container %s of pod/%s was told to end and did not within %s (--timeout)", notEnded.Container, notEnded.Pod.Name, notEnded.Waited)
		m.hint = fmt.Sprintf("see its state: kubectl describe -n %s pod %s", notEnded.Pod.Namespace, notEnded.Pod.Name)
	default:
		return false
	}
	return true
}

func explainNoPod(e *fault.NoPod, m *message) {
	m.facts, m.hint = offerNear("pod", e.Near, e.Pod.Namespace, e.Unlisted)
	kind, isType := target.KindOf(e.Pod.Name)
	switch verbs := didYouMean(e.Verbs); {
	case len(e.Workloads) > 0:
		m.facts, m.hint = nil, "did you mean "+strings.Join(e.Workloads, " or ")+"?"
	case isType:
		m.facts = []string{fmt.Sprintf("%q alone is taken for the name of a pod; as a type it lacks a name", e.Pod.Name)}
		m.hint = fmt.Sprintf("name one: kubectl mindebug -n %s %s/NAME", e.Pod.Namespace, kind.Name)
	case verbs != "":
		m.facts = []string{fmt.Sprintf("nor is there a verb %q; a single word is taken for the name of a pod", e.Pod.Name)}
		m.hint = verbs
		if len(e.Near) > 0 {
			m.hint += " or pod/" + strings.Join(e.Near, ", pod/") + "?"
		}
	}
}

// offerNear offers the names that are alike, else says how to see all, or that they may not be seen.
func offerNear(kind string, near []string, namespace string, unlisted bool) (facts []string, hint string) {
	switch {
	case len(near) > 0:
		return nil, fmt.Sprintf("did you mean %s/%s?", kind, strings.Join(near, ", "+kind+"/"))
	case unlisted:
		return []string{fmt.Sprintf("you may not list the %ss there, so no name can be offered", kind)},
			"see what you may do: kubectl auth can-i --list -n " + namespace
	}
	return nil, fmt.Sprintf("list them: kubectl get %ss -n %s", kind, namespace)
}

func explainNothing(e *fault.NothingToCheck, m *message) {
	in, where := fmt.Sprintf("namespace %q", e.Namespace), "-n "+shellWord(e.Namespace)
	if e.Namespace == "" {
		in, where = "any namespace", "-A"
	}
	switch {
	case e.NoNamespace:
		m.text, m.hint = fmt.Sprintf("there is no %s", in), "list them: kubectl get namespaces"
		return
	case e.Selector != "":
		m.text = fmt.Sprintf("there is nothing to check: no pod in %s has the labels %s", in, e.Selector)
		m.hint = fmt.Sprintf("see what labels there are: kubectl get pods %s --show-labels", where)
	default:
		m.text = fmt.Sprintf("there is nothing to check: no pod is in %s", in)
		m.hint = "see where there are some: kubectl get pods -A"
	}
	if e.Unread != nil {
		m.facts = []string{"whether there is such a namespace is not known; the server says: " + e.Unread.Error()}
	}
}

func explainNoneRuns(e *fault.NoneRuns, m *message) {
	byLabels := e.Target == "-l "+e.Selector
	switch {
	case byLabels && len(e.Pods) == 0:
		m.text = fmt.Sprintf("no pod in namespace %q has the labels %s", e.Namespace, e.Selector)
	case byLabels:
		m.text = fmt.Sprintf("no pod with the labels %s runs in namespace %q", e.Selector, e.Namespace)
	default:
		m.text = fmt.Sprintf("%s has no running pod in namespace %q", e.Target, e.Namespace)
	}
	if e.Detail != "" {
		m.facts = append(m.facts, e.Detail)
	}
	m.facts = append(m.facts, describePods(e.Pods)...)
	switch {
	case len(e.Pods) > 0:
		m.hint = fmt.Sprintf("see why: kubectl describe -n %s pod %s", e.Namespace, e.Pods[0].Name)
	case byLabels:
		m.hint = fmt.Sprintf("see what labels there are: kubectl get pods -n %s --show-labels", e.Namespace)
	default:
		m.hint = fmt.Sprintf("see why: kubectl describe -n %s %s", e.Namespace, e.Target)
	}
}

// describedPods is how many pods an error names.
const describedPods = 10

func describePods(pods []fault.PodState) (out []string) {
	for _, pod := range pods[:min(len(pods), describedPods)] {
		out = append(out, pod.Describe())
	}
	if more := len(pods) - describedPods; more > 0 {
		out = append(out, fmt.Sprintf("and %d more", more))
	}
	return out
}

// inTarget is about the container, and whether the pod can be joined.
func inTarget(err error, m *message) bool {
	var noContainer *fault.NoContainer
	var many *fault.ManyContainers
	var notRunning *fault.NotRunning
	var noPlace *fault.NoPlace
	switch {
	case errors.As(err, &noContainer):
		m.text = fmt.Sprintf("pod/%s has no container %q", noContainer.Pod.Name, noContainer.Name)
		m.facts = describe(noContainer.Containers)
		m.hint = "name one of these: -c " + noContainer.Containers[0].Name
		if len(noContainer.Near) > 0 {
			m.hint = "did you mean -c " + strings.Join(noContainer.Near, ", -c ") + "?"
		}
	case errors.As(err, &many):
		m.text = fmt.Sprintf("pod/%s has %d containers, and nothing says which is meant", many.Pod.Name, len(many.Containers))
		m.facts = describe(many.Containers)
		m.hint = "name one of these: -c " + many.Containers[0].Name
	case errors.As(err, &notRunning):
		explainNotRunning(notRunning, m)
	case errors.As(err, &noPlace):
		explainNoPlace(noPlace, m)
	default:
		return false
	}
	return true
}

func describe(containers []fault.Candidate) []string {
	var out []string
	for _, c := range containers {
		out = append(out, c.Describe())
	}
	return out
}

func explainNotRunning(e *fault.NotRunning, m *message) {
	m.text = fmt.Sprintf("container %q of pod/%s is not running (%s), so there is no process to join", e.Container, e.Pod.Name, e.State)
	if e.Message != "" {
		m.facts = append(m.facts, e.Message)
	}
	if e.LastExit != nil {
		m.facts = append(m.facts, exitText(e.LastExit), fmt.Sprintf("restarts: %d", e.Restarts))
	}
	if !e.NextStart.IsZero() {
		m.facts = append(m.facts, "next start: about "+e.NextStart.UTC().Format(time.RFC3339))
	}
	if e.Added != "" {
		m.facts = append(m.facts, fmt.Sprintf(hintGoneContainer, e.Added))
	}
	m.hint = fmt.Sprintf("see what it said: kubectl logs -n %s %s -c %s", e.Pod.Namespace, e.Pod.Name, e.Container)
	if e.LastExit == nil && e.Restarts == 0 { // it never ran, and has no log
		m.hint = fmt.Sprintf("see its Events: kubectl describe -n %s pod %s", e.Pod.Namespace, e.Pod.Name)
	}
}

// exitText says how a container ended.
func exitText(exit *fault.Exit) string {
	text := fmt.Sprintf("it ended with exit code %d (%s) at %s", exit.Code, exit.Reason, exit.At.UTC().Format(time.RFC3339))
	if message := strings.TrimSpace(exit.Message); message != "" {
		text += ": " + message
	}
	return text
}

func explainNoPlace(e *fault.NoPlace, m *message) {
	switch e.Reason {
	case fault.Finished:
		m.text = fmt.Sprintf("pod/%s is finished (%s): nothing is started in it any more", e.Pod.Name, e.Detail)
		if e.Exit != nil {
			m.facts = []string{exitText(e.Exit)}
		}
		m.hint = fmt.Sprintf("see what it said: kubectl logs -n %s %s --all-containers", e.Pod.Namespace, e.Pod.Name)
	case fault.Unscheduled:
		m.text = fmt.Sprintf("pod/%s is on no node yet", e.Pod.Name)
		if e.Detail != "" {
			m.facts = []string{"the scheduler says: " + e.Detail}
		}
		m.hint = fmt.Sprintf("see its Events: kubectl describe -n %s pod %s", e.Pod.Namespace, e.Pod.Name)
	case fault.Mirror:
		m.text = fmt.Sprintf("pod/%s is the mirror of a static pod: the API server can add no container to it", e.Pod.Name)
		m.hint = fmt.Sprintf("debug it from its node: kubectl debug node/%s -it --image=busybox", e.Detail)
	case fault.Terminating:
		m.text = fmt.Sprintf("pod/%s is being deleted: nothing is started in it any more", e.Pod.Name)
		m.hint = fmt.Sprintf("see what took its place: kubectl get pods -n %s", e.Pod.Namespace)
	}
	if e.Added != "" {
		m.facts = append(m.facts, fmt.Sprintf(hintGoneContainer, e.Added))
	}
}

// inStart is about a debug container that cannot be added, or did not start.
func inStart(err error, m *message) bool {
	var refused *fault.Refused
	var altered *fault.Altered
	var old *fault.NoEphemeral
	var replaced *fault.Replaced
	var notStarted *fault.NotStarted
	switch {
	case inIdentity(err, m):
	case errors.As(err, &refused):
		explainRefused(refused, m)
	case errors.As(err, &altered):
		m.text = fmt.Sprintf("the API server would change the privileges of the debug container in pod/%s", altered.Pod.Name)
		for _, change := range altered.Changes {
			m.facts = append(m.facts, change.String())
		}
		m.hint = "nothing was added; a webhook does that, or the server is older than the field: kubectl get mutatingwebhookconfigurations"
	case errors.As(err, &old):
		m.text = fmt.Sprintf("the API server cannot add a debug container to pod/%s: that needs Kubernetes 1.25 or newer", old.Pod.Name)
		m.facts = []string{"the server says: " + old.Server.Error()}
		m.hint = "debug it from its node: kubectl debug node/" + old.Node + " -it --image=busybox"
	case errors.As(err, &replaced):
		m.text = fmt.Sprintf("pod/%s was deleted or replaced meanwhile", replaced.Pod.Name)
		m.hint = fmt.Sprintf("see what took its place: kubectl get pods -n %s", replaced.Pod.Namespace)
	case errors.As(err, &notStarted):
		explainNotStarted(notStarted, m)
	default:
		return false
	}
	return true
}

// explainRefused names who refuses, and for what reason where that is not the debug container.
func explainRefused(e *fault.Refused, m *message) {
	m.text = fmt.Sprintf("the API server does not take a debug container in pod/%s", e.Pod.Name)
	m.facts = []string{"the server says: " + e.Server.Error()}
	m.hint = fmt.Sprintf("nothing was added; compare what was asked with the pod: kubectl get pod -n %s %s -o yaml", e.Pod.Namespace, e.Pod.Name)
	if e.By != "" {
		m.text = fmt.Sprintf("%s %q takes no debug container in pod/%s", e.By, e.Name, e.Pod.Name)
	}
	asked := strings.Join(e.Asked, " ")
	if asked != "" {
		m.facts = append(m.facts, "asked for beyond the target's own privileges: "+asked)
		m.hint = fmt.Sprintf("nothing was added; without %s the session has its target's privileges", asked)
	}
	switch e.By {
	case fault.PodSecurity:
		explainViolation(e, m)
	case fault.Policy:
		m.hint = "nothing was added; read the policy: kubectl get validatingadmissionpolicy " + e.Name + " -o yaml"
	case fault.Webhook:
		m.hint = "nothing was added; see whose it is: kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations"
	case fault.SilentWebhook:
		m.text = fmt.Sprintf("webhook %q gives no answer, so the API server takes no debug container in pod/%s", e.Name, e.Pod.Name)
		m.hint = "nothing was added, nor will be until it answers; see whose it is: kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations"
	}
}

// explainViolation is about Pod Security, which judges the pod as a whole: the debug container alone is seldom the reason.
func explainViolation(e *fault.Refused, m *message) {
	var earlier, own bool
	for _, v := range e.Violators {
		if v.Ephemeral {
			earlier = true
			m.facts = append(m.facts, fmt.Sprintf("container %s was added to the pod earlier, violates the level, and stays for good", v.Name))
			continue
		}
		own = true
		m.facts = append(m.facts, fmt.Sprintf("container %s of the pod itself violates the level", v.Name))
	}
	switch {
	case own || !earlier && !e.AlsoOurs:
		m.facts = append(m.facts, "the pod as it is would not be admitted today: the level was set later, or whoever made the pod was exempt")
		m.hint = "nothing was added; mend the workload and debug a new pod, or ask who sets the level: kubectl get namespace " + e.Pod.Namespace + " --show-labels"
	case earlier:
		m.hint = "nothing was added, and nothing can be in this pod any more; debug another of its workload, or a new one"
	case len(e.Asked) > 0:
		m.hint += ", which the level allows; with it, it takes a namespace of a level that allows more"
	default:
		m.hint = "nothing was added; the debug container asks for no more than its target has"
	}
}

// inIdentity is about whom the target runs as.
func inIdentity(err error, m *message) bool {
	var unknown *fault.NoIdentity
	var notEffective *fault.NotEffective
	var contradiction *fault.Contradiction
	var windows *fault.Windows
	var image *fault.Registry
	switch {
	case errors.As(err, &image):
		m.text, m.hint = aboutRegistry(image)
	case errors.As(err, &unknown):
		explainNoIdentity(unknown, m)
	case errors.As(err, &notEffective):
		flag := "--cap-add=" + strings.Join(notEffective.Capabilities, ",")
		m.text = fmt.Sprintf("%s would have no effect beside container %q of pod/%s: only uid 0 can use capabilities", flag, notEffective.Container, notEffective.Pod.Name)
		m.facts = []string{fmt.Sprintf("the session would run as uid %d", notEffective.UID)}
		m.hint = "run as uid 0 as well: --run-as 0 " + flag
	case errors.As(err, &contradiction):
		m.text = fmt.Sprintf("%s and %s exclude each other", contradiction.One, contradiction.Other)
		m.hint = "leave one of them away"
	case errors.As(err, &windows):
		m.text = fmt.Sprintf("pod/%s runs on Windows, where containers share no process namespace", windows.Pod.Name)
	default:
		return false
	}
	return true
}

func explainNoIdentity(e *fault.NoIdentity, m *message) {
	m.text = fmt.Sprintf("nothing tells the %s of container %q of pod/%s: neither its spec nor its status", e.Missing, e.Container, e.Pod.Name)
	m.hint = "let a container without privileges read it from the process: --learn-user; or name it: --run-as UID:GID"
	if e.Image != nil {
		m.facts = append(m.facts, whyNotImage(e.Image)...)
	}
	if e.Process != nil {
		m.facts = append(m.facts, e.Process.Error())
		m.hint = "name what it was started as: --run-as UID:GID"
	}
	if e.Added != "" {
		m.facts = append(m.facts, fmt.Sprintf(hintGoneContainer, e.Added))
	}
}

// whyNotImage says why an image does not tell whom it runs as.
func whyNotImage(err error) []string {
	var e *fault.Registry
	if !errors.As(err, &e) {
		return []string{err.Error()}
	}
	text, hint := aboutRegistry(e)
	if hint == "" {
		return []string{text}
	}
	return []string{text, hint}
}

// aboutRegistry says why an image could not be read, and what may help.
func aboutRegistry(e *fault.Registry) (text, hint string) {
	switch e.Reason {
	case fault.ImageUnauthorized:
		return fmt.Sprintf("image %s: its registry does not let you read it: %v", e.Image, e.Cause),
			"log in there, as with docker login, or read it as the pod does: --use-pull-secrets"
	case fault.ImageNotFound:
		return fmt.Sprintf("image %s: its registry does not have it: %v", e.Image, e.Cause), ""
	case fault.RegistryUnreachable:
		return fmt.Sprintf("image %s: its registry gives no answer: %v", e.Image, e.Cause), ""
	case fault.ImageUnreadable:
	}
	return fmt.Sprintf("image %s: %v", e.Image, e.Cause), ""
}

func explainNotStarted(e *fault.NotStarted, m *message) {
	m.text = fmt.Sprintf("the debug container of pod/%s did not start", e.Pod.Name)
	if e.Waited > 0 {
		m.text += fmt.Sprintf(" within %s (--timeout)", e.Waited)
	}
	if e.Reason != "" {
		m.facts = append(m.facts, "reason: "+e.Reason)
	}
	if e.Message != "" {
		m.facts = append(m.facts, e.Message)
	}
	m.facts = append(m.facts, "image: "+e.Image, fmt.Sprintf(hintGoneContainer, e.Container))
	m.hint = fmt.Sprintf("see its Events: kubectl describe -n %s pod %s", e.Pod.Namespace, e.Pod.Name)
	switch {
	case e.NoShell:
		m.text = fmt.Sprintf("the debug image %s has no shell", e.Image)
		m.hint = "name an image that has one: --image"
	case aboutImage[e.Reason]:
		secrets := "none"
		if len(e.PullSecrets) > 0 {
			secrets = strings.Join(e.PullSecrets, ", ")
		}
		m.facts = append(m.facts, "the pod's pull secrets: "+secrets)
		m.hint = "name an image that the node can pull, with these secrets or its own: --image"
	}
}

// aboutImage are the kubelet's reasons, in a state or an Event, that another image would mend.
var aboutImage = map[string]bool{
	"ErrImagePull": true, "ImagePullBackOff": true, "ErrImageNeverPull": true, "InvalidImageName": true,
	"ImageInspectError": true, "InspectFailed": true, "RegistryUnavailable": true,
}

// inSession is about a session that was to begin, or had begun.
func inSession(err error, m *message) bool {
	var gone *fault.TargetGone
	var apart *fault.Apart
	var notEntered *fault.NotEntered
	var lost *fault.Lost
	var ended *fault.Ended
	switch {
	case errors.As(err, &ended):
		explainEnded(ended, m)
	case errors.As(err, &gone):
		m.text = fmt.Sprintf("the target container of pod/%s has no process any more: it ended or was restarted", gone.Pod.Name)
		m.hint = "the same command again finds it as it is now"
	case errors.As(err, &apart):
		m.text = fmt.Sprintf("the debug container of pod/%s does not share its target's process namespace", apart.Pod.Name)
		m.facts = []string{fmt.Sprintf(hintGoneContainer, apart.Container)}
		m.hint = "the node's container runtime must support targetContainerName (containerd, CRI-O)"
	case errors.As(err, &notEntered):
		m.text = fmt.Sprintf("no session could be begun in container %s of pod/%s", notEntered.Container, notEntered.Pod.Name)
		m.facts = []string{notEntered.Cause.Error()}
		m.hint = fmt.Sprintf("see its state: kubectl describe -n %s pod %s", notEntered.Pod.Namespace, notEntered.Pod.Name)
		if apierrors.IsForbidden(notEntered.Cause) {
			m.hint = hintGrant("-n "+shellWord(notEntered.Pod.Namespace), "")
		}
	case errors.As(err, &lost):
		explainLost(lost, m)
	default:
		return false
	}
	return true
}

func explainLost(e *fault.Lost, m *message) {
	m.text = fmt.Sprintf("the connection to pod/%s was lost: %v", e.Pod.Name, e.Cause)
	switch {
	case e.Server != nil:
		m.facts = []string{"the API server gives no answer: " + e.Server.Error()}
	case e.Unchanged:
		m.facts = []string{"the API server answers, and the target runs: its node's kubelet, or the way to it, may be down"}
	}
	m.facts = append(m.facts, "the command had been started; whether it ended is not known", "what still runs is ended when its grace period is over (--grace)")
	m.hint = fmt.Sprintf("see what runs there before you start it again: kubectl mindebug -n %s pod/%s -- ps", e.Pod.Namespace, e.Pod.Name)
}

// explainEnded says what ended a session, and how to enter again where one can. SIGKILL ended the command in each case.
func explainEnded(e *fault.Ended, m *message) {
	m.status = statusKilled
	exit := ""
	if e.Exit != nil {
		exit = fmt.Sprintf(" (exit %d)", e.Exit.Code)
		m.facts = append(m.facts, exitText(e.Exit))
	}
	again := fmt.Sprintf("kubectl mindebug -n %s pod/%s -c %s", e.Pod.Namespace, e.Pod.Name, e.Target)
	m.hint = "see what took its place: kubectl get pods -n " + e.Pod.Namespace
	switch e.By {
	case fault.TargetRestarted:
		m.text = fmt.Sprintf("the target restarted%s: container %q of pod/%s, and the session ended with it", exit, e.Target, e.Pod.Name)
		m.hint = "enter it as it is now: " + again
	case fault.TargetEnded:
		m.text = fmt.Sprintf("the target ended%s: container %q of pod/%s, and the session ended with it", exit, e.Target, e.Pod.Name)
		m.hint = "if it is started again, enter it: " + again
	case fault.PodDeleted:
		m.text = fmt.Sprintf("pod/%s was deleted, and the session ended with it", e.Pod.Name)
	case fault.PodReplaced:
		m.text = fmt.Sprintf("pod/%s was deleted, and the session ended with it; another pod has its name now", e.Pod.Name)
		m.hint = "enter that one: " + again
	case fault.PodEvicted:
		m.text = fmt.Sprintf("pod/%s was evicted, and the session ended with it", e.Pod.Name)
	case fault.ContainerEnded:
		m.text = fmt.Sprintf("session container %s of pod/%s ended, and the session with it", e.Container, e.Pod.Name)
		m.hint = "enter a new one: " + again
	case fault.Unknown:
		m.text = fmt.Sprintf("the session in pod/%s was killed", e.Pod.Name)
		m.facts = []string{"it may have been the kernel, for want of memory, or another process in the pod"}
		m.hint = "enter again: " + again
	}
	if e.Detail != "" {
		m.facts = append(m.facts, e.Detail)
	}
}
