package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
)

// kubectlDebug runs `kubectl debug` in the pod, with standard output into a pipe, as a user would type it.
func kubectlDebug(t *testing.T, pod *corev1.Pod, command ...string) result {
	t.Helper()
	args := append([]string{"debug", "-n", pod.Namespace, pod.Name, "-q", "-i", "--target=app", "--image=" + stockImage, "--"}, command...)
	cmd := exec.CommandContext(t.Context(), "kubectl", args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &stdout, &stderr, time.Second
	status := exitStatus(t, cmd.Run())
	return result{stdout.String(), stderr.String(), status}
}

// word is the second of two words where it is so.
func word(so bool, is, not string) string {
	if so {
		return is
	}
	return not
}

// TestComparison measures the table of the README again.
func TestComparison(t *testing.T) {
	t.Parallel()
	var rows []string
	row := func(what, debug, ours string) {
		rows = append(rows, fmt.Sprintf("| %s | %s | %s |", what, debug, ours))
	}
	ours := func(pod *corev1.Pod, command ...string) result {
		return mindebug(t, pod, append([]string{"pod/" + pod.Name, "--"}, command...)...)
	}

	strict := restrictedTarget(t)
	refused := kubectlDebug(t, strict, "true")
	row("in a namespace that enforces `restricted`",
		word(refused.status != 0 && strings.Contains(refused.stderr, "violates PodSecurity"), "refused", "works"),
		word(ours(strict, "true").status == 0, "works", "refused"))

	loose := newNamespace(t, "privileged")
	theirs := newPod(t, kubetest.Pod(loose, "theirs").RunAs(65532, 65532))
	mine := newPod(t, kubetest.Pod(loose, "mine").RunAs(65532, 65532))
	status := kubectlDebug(t, theirs, "sh", "-c", "exit 3").status
	row("exit status of `-- sh -c 'exit 3'`", strconv.Itoa(status), strconv.Itoa(ours(mine, "sh", "-c", "exit 3").status))
	// What is printed before kubectl has connected is lost: a race, which it most often loses.
	lost, commands := false, 3
	for ; !lost && commands < 10; commands++ {
		lost = strings.Count(kubectlDebug(t, theirs, "seq", "100000").stdout, "\n") < 100000
	}
	row("lines that come through a pipe of `-- seq 100000`",
		word(lost, "not all", "100000"), strconv.Itoa(strings.Count(ours(mine, "seq", "100000").stdout, "\n")))
	kubectlDebug(t, theirs, "id", "-u")
	row("runs as, beside a program of uid 65532",
		"uid "+strings.TrimSpace(lastLog(t, theirs)), "uid "+strings.TrimSpace(ours(mine, "id", "-u").stdout))
	const marker = "a line of the session"
	kubectlDebug(t, theirs, "echo", marker)
	ours(mine, "echo", marker)
	row("a line printed in a session is in the container's log",
		word(strings.Contains(lastLog(t, theirs), marker), "yes", "no"), word(strings.Contains(sessionLog(t, mine), marker), "yes", "no"))
	row("containers in the pod for good, after several commands",
		word(len(sessionContainers(t, theirs)) == commands, "one of each command", "fewer"), word(len(sessionContainers(t, mine)) == 1, "one", "more"))
	row("capability SYS_PTRACE", addsPtrace(t, theirs), addsPtrace(t, mine))
	compareWithReadme(t, rows)
}

// compareWithReadme fails the test unless the README's table has just these rows.
func compareWithReadme(t *testing.T, rows []string) {
	t.Helper()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(readme), "| | `kubectl debug` | `kubectl mindebug` |\n| --- | --- | --- |\n")
	table, _, _ = strings.Cut(table, "\n\n")
	said := strings.Split(table, "\n")
	slices.Sort(said)
	slices.Sort(rows)
	if diff := cmp.Diff(said, rows); diff != "" {
		t.Errorf("the README's table is not what was measured (-said +measured):\n%s", diff)
	}
}

// lastLog is the log of the pod's newest ephemeral container, once that has ended.
func lastLog(t *testing.T, pod *corev1.Pod) string {
	t.Helper()
	all := sessionContainers(t, pod)
	waitTerminated(t, pod, all[len(all)-1].Name)
	return sessionLog(t, pod)
}

// sessionLog is the log of the pod's newest ephemeral container.
func sessionLog(t *testing.T, pod *corev1.Pod) string {
	t.Helper()
	all := sessionContainers(t, pod)
	options := &corev1.PodLogOptions{Container: all[len(all)-1].Name}
	text, err := client.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, options).DoRaw(t.Context())
	if err != nil {
		t.Fatalf("reading log: %v", err)
	}
	return string(text)
}

// addsPtrace reports whether a debug container of the pod was given what its target lacks.
func addsPtrace(t *testing.T, pod *corev1.Pod) string {
	t.Helper()
	sc := sessionContainers(t, pod)[0].SecurityContext
	return word(sc.Capabilities != nil && slices.Contains(sc.Capabilities.Add, "SYS_PTRACE"), "added", "not added")
}
