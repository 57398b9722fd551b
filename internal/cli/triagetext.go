package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/mindebug/kubectl-mindebug/internal/app"
	"github.com/mindebug/kubectl-mindebug/internal/triage"
	"github.com/mindebug/kubectl-mindebug/internal/ui"
)

// triageReport is what triage found, for programs and for the texts that are made from it. docs/triage.md describes it.
type triageReport struct {
	APIVersion string           `json:"apiVersion"`
	Kind       string           `json:"kind"`
	Context    string           `json:"context,omitempty"`
	Namespace  string           `json:"namespace"`
	Pod        string           `json:"pod"`
	Container  string           `json:"container"`
	Image      string           `json:"image"`
	UID        int64            `json:"uid"`
	GID        int64            `json:"gid"`
	At         time.Time        `json:"at"`
	Findings   []triage.Finding `json:"findings"`
	Topics     []triageTopic    `json:"topics"`
}

// triageTopic is what was seen of one topic.
type triageTopic struct {
	Name   string        `json:"name"`
	Facts  []triage.Fact `json:"facts"`
	Unread []string      `json:"unread,omitempty"`
	Output string        `json:"output,omitempty"`
}

func newTriageReport(context string, found app.Triaged) triageReport {
	report := triageReport{
		APIVersion: apiVersion, Kind: "TriageReport", Context: context, Namespace: found.Namespace, Pod: found.Pod,
		Container: found.Container, Image: found.Image, UID: found.UID, GID: found.GID, At: found.At.UTC().Truncate(time.Second),
		Findings: append([]triage.Finding{}, found.Findings...), Topics: []triageTopic{},
	}
	for _, t := range found.Topics {
		report.Topics = append(report.Topics, triageTopic{t.Name, append([]triage.Fact{}, t.Facts...), t.Unread, t.Output})
	}
	return report
}

// title says what was looked at.
func (r triageReport) title() string {
	return fmt.Sprintf("pod/%s %s, image %s, uid %d", r.Pod, r.Container, r.Image, r.UID)
}

// noFindings is said where there are none. What could not all be read is no topic in which nothing is wrong.
func (r triageReport) noFindings() string {
	var read, unread []string
	for _, t := range r.Topics {
		if len(t.Unread) > 0 {
			unread = append(unread, t.Name)
		} else {
			read = append(read, t.Name)
		}
	}
	text := "nothing of what usually goes wrong was found"
	if len(read) > 0 {
		text += " in " + strings.Join(read, ", ")
	}
	if len(unread) > 0 {
		text += "; not all could be read in " + strings.Join(unread, ", ")
	}
	return text
}

// text is the report for a reader: findings first. What comes from the container is escaped.
func (r triageReport) text() string {
	var out strings.Builder
	line := func(format string, args ...any) {
		out.WriteString(strings.ReplaceAll(ui.Escape(fmt.Sprintf(format, args...)), "\n", " ") + "\n")
	}
	line("%s", r.title())
	for _, f := range r.Findings {
		line("")
		line("%s: %s: %s", f.Weight, f.Topic, f.Fact)
		line("  why: %s", f.Why)
		if f.Next != "" {
			line("  next: %s", f.Next)
		}
	}
	if len(r.Findings) == 0 {
		line("")
		line("%s", r.noFindings())
	}
	for _, t := range r.Topics {
		line("")
		line("%s", t.Name)
		for _, fact := range t.Facts {
			line("  %-20s %s", fact.Name, fact.Text)
		}
		for _, u := range t.Unread {
			line("  %-20s %s", "not read", u)
		}
		if t.Output != "" {
			line("")
		}
		for l := range strings.Lines(t.Output) {
			line("%s", strings.TrimRight("  "+l, " \n"))
		}
	}
	return out.String()
}

// markdown is the report as a page for a ticket. What comes from the container is text in it, whatever it says.
func (r triageReport) markdown() string {
	var out strings.Builder
	plain := func(text string) string {
		return markdownEscaper.Replace(strings.ReplaceAll(ui.Escape(text), "\n", " "))
	}
	fmt.Fprintf(&out, "# Triage of %s\n\n", plain(fmt.Sprintf("pod/%s, container %s", r.Pod, r.Container)))
	where := "namespace " + r.Namespace
	if r.Context != "" {
		where = fmt.Sprintf("context %s, %s", r.Context, where)
	}
	fmt.Fprintf(&out, "%s, image %s, uid %d, %s\n\n## Findings\n\n", plain(where), plain(r.Image), r.UID, r.At.Format(time.RFC3339))
	for _, f := range r.Findings {
		fmt.Fprintf(&out, "- **%s**, %s: %s\\\n  %s\n", f.Weight, f.Topic, plain(f.Fact), plain(f.Why))
		if f.Next != "" {
			fmt.Fprintf(&out, "\n  ```\n  %s\n  ```\n", strings.ReplaceAll(ui.Escape(f.Next), "\n", " "))
		}
	}
	if len(r.Findings) == 0 {
		out.WriteString(plain(r.noFindings()) + "\n")
	}
	for _, t := range r.Topics {
		fmt.Fprintf(&out, "\n## %s\n\n| what | seen |\n| --- | --- |\n", t.Name)
		for _, fact := range t.Facts {
			fmt.Fprintf(&out, "| %s | %s |\n", plain(fact.Name), plain(fact.Text))
		}
		for _, u := range t.Unread {
			fmt.Fprintf(&out, "| not read | %s |\n", plain(u))
		}
		if t.Output != "" { // a block of code is indented, since a line of the text could end another kind of it
			out.WriteString("\n")
		}
		for l := range strings.Lines(t.Output) {
			out.WriteString(strings.TrimRight("    "+ui.Escape(strings.TrimSuffix(l, "\n")), " ") + "\n")
		}
	}
	return out.String()
}

// markdownEscaper makes characters that mean something in Markdown or HTML mean themselves.
var markdownEscaper = strings.NewReplacer(
	`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "<", "&lt;", ">", "&gt;", "&", "&amp;", "|", `\|`, "#", `\#`, "~", `\~`, "!", `\!`,
)
