package cli

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/ui"
)

// listedTroubles is how many files an error names.
const listedTroubles = 20

// inCopy is about files that were to be copied.
func inCopy(err error, m *message) bool {
	var incomplete *fault.Incomplete
	var notPlaced *fault.NotPlaced
	var noFile *fault.NoFile
	var closed *fault.Closed
	var tooMuch *fault.TooMuch
	var notWritten *fault.NotWritten
	var noRoom *fault.NoRoom
	switch {
	case errors.As(err, &incomplete):
		explainIncomplete(incomplete, m)
	case errors.As(err, &notPlaced):
		m.text = fmt.Sprintf("%s cannot be copied to %s", notPlaced.Source, notPlaced.Destination)
		m.hint = explainPlace(notPlaced)
		m.facts = []string{string(notPlaced.Why)}
	case errors.As(err, &noFile):
		explainNoFile(noFile, m)
	case errors.As(err, &closed):
		m.text = fmt.Sprintf("the files of container %q of pod/%s are closed to a session", closed.Container, closed.Pod.Name)
		m.facts, m.hint = []string{closed.Why}, closed.Hint
	case errors.As(err, &tooMuch):
		m.text = fmt.Sprintf("there are %s to copy, and --max-bytes=%d is less", ui.Bytes(tooMuch.Bytes), tooMuch.Limit)
		m.hint = "name less, or allow more with --max-bytes"
	case errors.As(err, &notWritten):
		explainNotWritten(notWritten, m)
	case errors.As(err, &noRoom):
		m.text = fmt.Sprintf("there are %s to copy, and room for %s in %s of the container", ui.Bytes(noRoom.Bytes), ui.Bytes(noRoom.Room), noRoom.Path)
		m.facts = []string{noRoom.Says}
		if noRoom.Used > 0 {
			m.facts = append(m.facts, fmt.Sprintf("of which %s are in use, without what would be replaced", ui.Bytes(noRoom.Used)))
		}
		m.hint = "name less, or another place; a pod that goes beyond a limit is evicted"
	default:
		return false
	}
	return true
}

// plainPath needs no quotes in a shell.
var plainPath = regexp.MustCompile(`^[\w./+=:-]+$`)

func explainNoFile(e *fault.NoFile, m *message) {
	m.text = fmt.Sprintf("%s cannot be copied: %s", e.Path, e.Detail)
	if e.Pod == nil {
		m.hint = "it is looked for on this machine; what is in a container is POD:PATH"
		return
	}
	look, at := "see what there is: ", "ls -la "+remotePath(path.Dir(e.Path))
	if e.MadeUp {
		look, at = "read it instead: ", "cat "+remotePath(e.Path)
	}
	m.hint = fmt.Sprintf("%skubectl mindebug -n %s pod/%s -c %s -- %s", look, e.Pod.Namespace, e.Pod.Name, e.Container, at)
}

// remotePath is a path of the target as a session's command has it, or the target's root where that would need quotes.
func remotePath(p string) string {
	switch {
	case !plainPath.MatchString(p):
		return "@/"
	case path.IsAbs(p):
		return "@" + p
	}
	return p
}

func explainPlace(e *fault.NotPlaced) (hint string) {
	switch e.Why {
	case fault.ManyToOne:
		return "make the folder first, or name one that there is"
	case fault.NoSuchFolder:
		return "make the folder first, or leave the slash away to name the file so"
	case fault.FolderOverFile:
		return "name another destination"
	}
	return "copy one of them under another name"
}

func explainNotWritten(e *fault.NotWritten, m *message) {
	where := e.Path + " on this machine"
	switch {
	case e.Pod != nil:
		where = fmt.Sprintf("%s in pod/%s", e.Path, e.Pod.Name)
	case e.Path == "-":
		where = "standard output"
	}
	m.text = fmt.Sprintf("%s could not be written: %v", where, e.Cause)
	if e.Pod != nil {
		m.facts = []string{"files are written as the target's own user"}
		if len(e.Writable) > 0 {
			m.hint = "it has volumes that can be written to, if its user may: " + strings.Join(e.Writable, ", ")
		}
	}
}

// explainIncomplete says what ended a copy, if something did, and then what is missing of it.
func explainIncomplete(e *fault.Incomplete, m *message) {
	m.status = statusFailed
	m.text = fmt.Sprintf("not all was copied: %d of %d files were", e.Files, e.All)
	missing := 0
	for _, t := range e.Troubles {
		if t.Trouble == fault.Missing {
			missing++
		}
	}
	if e.Cause != nil {
		why := explain(e.Cause)
		m.text = fmt.Sprintf("the copy ended early: %s", why.text)
		m.facts = why.facts
		m.facts = append(m.facts, fmt.Sprintf("%d of %d files were copied; of the others nothing is left", e.Files, e.All))
		m.hint = why.hint
		var lost *fault.Lost
		var interrupted *fault.Interrupted
		if errors.As(e.Cause, &interrupted) {
			m.text, m.status = "the copy was interrupted", why.status
		}
		if errors.As(e.Cause, &lost) {
			m.facts = m.facts[len(m.facts)-1:]
			m.hint = "copy again; --retries=N tries a broken connection N times in a row"
		}
	}
	named := 0
	for _, t := range e.Troubles {
		if named++; named > listedTroubles {
			m.facts = append(m.facts, fmt.Sprintf("and %d more", len(e.Troubles)-listedTroubles))
			break
		}
		text := fmt.Sprintf("%s: %s", oneLine(t.Path), t.Trouble)
		if t.Detail != "" {
			text += ": " + oneLine(t.Detail)
		}
		m.facts = append(m.facts, text)
	}
}
