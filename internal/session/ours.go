package session

import (
	"io"
	"strings"
)

// loader reads a script from standard input, as far as its last line, and becomes it: so it stands in no request, which the
// audit log keeps, and in no pod. A shell reads a pipe byte by byte here, so that what follows is left for the script. One
// that did not come whole does not run.
const loader = `s=
while IFS= read -r l; do case $l in '` + loaded + `') eval "$s"; exit;; esac; s="$s$l
"; done; exit 125`

// loaded is the line after a script. A comment, since none is sent otherwise.
const loaded = "#run"

// Script returns the command and the standard input of a session that runs a script of ours instead of a user's words. The
// script has args as they are, as $1 and so on, and after it comes in, which may be nil. In the script are T and TPID as in
// every session, and the function `inside` (inside.sh).
func Script(targetID, script string, args []string, in io.Reader) ([]string, io.Reader) {
	command := []string{"sh", "-c", loader, "mindebug-script", targetID}
	for _, arg := range args {
		command = append(command, strings.ReplaceAll(arg, "@", "@@"))
	}
	text := "id=$1; shift\n" + code(insideScript) + "\n" + code(script) + "\n" + loaded + "\n"
	if in == nil {
		return command, strings.NewReader(text)
	}
	return command, io.MultiReader(strings.NewReader(text), in)
}
