package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"unicode"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/mindebug/kubectl-mindebug/internal/access"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/ui"
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

// hintForbidden is how the user comes to what was refused, or does without.
func hintForbidden(e *fault.Forbidden) string {
	where := "-n " + shellWord(e.Namespace)
	if e.Namespace == "" {
		where = "-A"
	}
	if e.Copies {
		where += " --copies"
	}
	switch e.Call {
	case access.GetPullSecret.String(): // which no Role that is printed allows
		return "leave --use-pull-secrets away, and log in to the registry yourself, as with docker login"
	case access.Attach.String(), access.AttachGet.String(): // which those for exec do not
		where += " --via=attach"
	}
	return hintGrant(where, e.User)
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
	for _, words := range []func(error, *message) bool{inCopy, inUsage, inAccess, inPods, inTarget, inPodCopy, inStart, inSession, inContent, inCompletion, inAnswer} {
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
	var setting *fault.BadSetting
	switch {
	case errors.As(err, &setting):
		m.text = setting.Error()
		m.hint = "see which settings there are, and where: kubectl mindebug config view --help, docs/config.md"
		if len(setting.Near) > 0 {
			m.hint = "did you mean " + strings.Join(setting.Near, ", ") + "?"
		}
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
		in := fmt.Sprintf("namespace %q", forbidden.Namespace)
		if forbidden.Namespace == "" {
			in = "all namespaces"
		}
		m.text = fmt.Sprintf("you may not %s in %s", forbidden.Call, in)
		if forbidden.User != "" {
			m.facts = append(m.facts, fmt.Sprintf("you are %q, groups %q", forbidden.User, forbidden.Groups))
		}
		if forbidden.Server != nil {
			m.facts = append(m.facts, "the server says: "+forbidden.Server.Error())
		}
		m.hint = hintForbidden(forbidden)
		if forbidden.MayAttach {
			m.facts = append(m.facts, "you may attach; what a session prints, and what is typed in it, is then in its container's log")
			m.hint = "if that is acceptable: " + forbidden.Attach
		}
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
