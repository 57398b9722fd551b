package triage

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// inLine is how many of many names stand in a fact, and longest how much of a text that the target chose, in bytes.
const (
	inLine  = 6
	longest = 200
)

// look is a command in a session beside the target; its words are ours, and those of a path.
func (s Subject) look(words string) string {
	return fmt.Sprintf("kubectl mindebug %s-n %s pod/%s -c %s -- %s", s.Flags, s.Pod.Namespace, s.Pod.Name, s.Container, words)
}

// kubectl is a command of kubectl's own in the target's namespace.
func (s Subject) kubectl(words string) string {
	return fmt.Sprintf("kubectl %s-n %s %s", s.Flags, s.Pod.Namespace, words)
}

// container is the target in the pod's spec, and its status; either may be empty.
func (s Subject) container() (corev1.Container, corev1.ContainerStatus) {
	c, status := target.Find(s.Pod, s.Container)
	if c == nil {
		c = &corev1.Container{}
	}
	if status == nil {
		status = &corev1.ContainerStatus{}
	}
	return *c, *status
}

// bytesText is a number of bytes for a reader.
func bytesText[T int64 | int](n T) string {
	units, value := []string{"KiB", "MiB", "GiB", "TiB"}, float64(n)
	if n < 1<<10 {
		return plural(n, "byte")
	}
	unit := -1
	for value >= 1<<10 && unit < len(units)-1 {
		value, unit = value/(1<<10), unit+1
	}
	if value < 10 {
		return fmt.Sprintf("%.1f %s", value, units[unit])
	}
	return fmt.Sprintf("%.0f %s", value, units[unit])
}

// plural is a count with its word: "1 thread", "2 threads".
func plural[T int64 | int](n T, word string) string {
	if n != 1 {
		switch {
		case strings.HasSuffix(word, "ss"):
			word += "es"
		default:
			word += "s"
		}
	}
	return fmt.Sprintf("%d %s", n, word)
}

// ago is how long ago something was, and when; it never is in the future by a difference of clocks.
func ago(d time.Duration) string { return duration.HumanDuration(max(d, 0)) }

// cut bounds a text that the target chose.
func cut(text string) string {
	if len(text) <= longest {
		return text
	}
	return strings.ToValidUTF8(text[:longest], "") + "…"
}

// some are the first of many names, and how many there are beside.
func some(names []string) string {
	if len(names) <= inLine {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:inLine], ", "), len(names)-inLine)
}

// number is what a text says, and false where it says none: "max", or nothing.
func number(text string) (int64, bool) {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	return n, err == nil
}

// percent is the share of a part.
func percent(part, all int64) int64 {
	if all <= 0 {
		return 0
	}
	return int64(float64(part) / float64(all) * 100)
}

// shellWord is a path as one word of a POSIX shell.
func shellWord(text string) string {
	odd := func(r rune) bool {
		return !strings.ContainsRune("@%+=:,./_-", r) && (r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r))
	}
	if strings.ContainsFunc(text, odd) {
		return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
	}
	return text
}
