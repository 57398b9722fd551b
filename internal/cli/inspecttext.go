package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/mindebug/kubectl-mindebug/internal/app"
	"github.com/mindebug/kubectl-mindebug/internal/inspect"
	"github.com/mindebug/kubectl-mindebug/internal/ui"
)

// inLine is how many names a line has before it says how many more there are.
const inLine = 8

// writeInspected writes the report for a reader: findings first. What comes from the image is escaped.
func writeInspected(out io.Writer, r inspectReport) {
	line := func(text string) { fmt.Fprintln(out, strings.ReplaceAll(ui.Escape(text), "\n", " ")) }
	line(r.Source.words())
	for _, f := range r.Findings {
		line("")
		word := string(f.Severity) + ": "
		if f.Severity == inspect.Fatal {
			word = "" // its text says so
		}
		line(word + f.Text)
		if f.Fix != "" {
			line("  fix: " + f.Fix)
		}
	}
	line("")
	item := func(name, text string) {
		if text != "" {
			line(fmt.Sprintf("%-13s %s", name, text))
		}
	}
	kind := string(r.ImageKind.Kind)
	if r.ImageKind.Known() {
		kind += fmt.Sprintf(" (%s): %s", r.ImageKind.Certainty, r.ImageKind.Evidence)
	}
	item("kind", kind)
	for _, i := range inspectItems(r.Report) {
		item(i[0], i[1])
	}
	for _, u := range r.Unread {
		item("not read", u)
	}
}

// words say what was looked at, and how.
func (s inspectSource) words() string {
	switch s.From {
	case app.SourceFile:
		return fmt.Sprintf("%s (%s)", s.File, s.Platform)
	case app.SourceImage:
		return fmt.Sprintf("image %s of pod/%s %s, from its registry (%s)", s.Image, s.Pod, s.Container, s.Platform)
	}
	return fmt.Sprintf("pod/%s %s, image %s, as it runs", s.Pod, s.Container, s.Image)
}

// inspectItems are the lines of what is there.
func inspectItems(r inspect.Report) [][2]string {
	items := append([][2]string{{"program", programWords(r)}}, programItems(r.Program)...)
	if r.System != nil {
		name := r.System.PrettyName
		if name == "" {
			name = strings.TrimSpace(r.System.ID + " " + r.System.VersionID)
		}
		items = append(items, [2]string{"os", name})
	}
	for _, t := range r.Runtimes {
		items = append(items, [2]string{"runtime", fmt.Sprintf("%s %s (%s)", t.Name, t.Version, t.Path)})
	}
	if p := r.Packages; p != nil {
		var names []string
		for _, q := range p.Items {
			names = append(names, q.Name)
		}
		items = append(items, [2]string{"packages", fmt.Sprintf("%d in %s: %s", p.Count, p.Source, some(names))})
	}
	return append(items,
		[2]string{"certificates", certificateWords(r.Certificates)},
		[2]string{"time zones", orNone(r.TimeZones)},
		[2]string{"user", userWords(r.Users)},
		[2]string{"resolver", orNone(some(r.Resolver.Files)) + hostsWords(r.Resolver.Hosts)},
		[2]string{"writable", writableWords(r.Writable)},
		[2]string{"shells", orNone(some(r.Shells))},
		[2]string{"size", sizeWords(r.Size)})
}

func programWords(r inspect.Report) string {
	p := r.Program
	if p == nil || len(p.Words) == 0 && p.Path == "" {
		return "none"
	}
	text := p.Path
	if text == "" {
		text = p.Words[0]
	}
	var about []string
	switch {
	case p.Format == "script":
		about = append(about, "script for "+p.Script)
	case p.Format == "elf" && p.Static:
		about = append(about, "static")
	case p.Format == "elf":
		about = append(about, "dynamic")
	}
	if a := r.Architecture.Program; a != "" {
		about = append(about, a)
	}
	if p.Go != nil {
		about = append(about, p.Go.Version)
	}
	if len(about) > 0 {
		text += " (" + strings.Join(about, ", ") + ")"
	}
	return text
}

// programItems are what the program is made of.
func programItems(p *inspect.Program) (items [][2]string) {
	if p == nil {
		return nil
	}
	if g := p.Go; g != nil {
		items = append(items, [2]string{"module", fmt.Sprintf("%s, modules in it: %d", g.Module, len(g.Modules))})
	}
	if p.Interpreter != "" {
		text := p.Interpreter
		if p.Libc != "" {
			text += " (" + p.Libc + ")"
		}
		items = append(items, [2]string{"linker", text})
	}
	var names []string
	for _, l := range p.Libraries {
		names = append(names, l.Path)
	}
	if len(names) > 0 {
		items = append(items, [2]string{"libraries", some(names)})
	}
	for _, m := range p.Missing {
		items = append(items, [2]string{"missing", fmt.Sprintf("%s, needed by %s", m.Name, m.By)})
	}
	return items
}

func certificateWords(c *inspect.Certificates) string {
	if c == nil {
		return "none"
	}
	text := fmt.Sprintf("%d in %s", c.Count, c.Path)
	if c.Soonest != nil {
		text += ", the next to expire on " + c.Soonest.Format(time.DateOnly)
	}
	if c.Expired > 0 {
		text += fmt.Sprintf(", %d expired", c.Expired)
	}
	return text
}

func userWords(u inspect.Users) string {
	listed := "no /etc/passwd"
	if u.Count > 0 {
		listed = fmt.Sprintf("%d in /etc/passwd", u.Count)
	}
	if u.Running == nil {
		return "not known; " + listed
	}
	name := "not in /etc/passwd"
	if u.Running.Entry != nil {
		name = u.Running.Entry.Name
	}
	return fmt.Sprintf("%d:%d, %s (%s); %s", u.Running.UID, u.Running.GID, name, u.Running.Origin, listed)
}

func hostsWords(hosts string) string {
	if hosts == "" {
		return ""
	}
	return "; hosts: " + hosts
}

func writableWords(w *inspect.WritableSet) string {
	if w == nil {
		return "not known"
	}
	text := orNone(some(w.Paths))
	if w.Cut {
		text += ", and more"
	}
	return text
}

func sizeWords(s *inspect.Size) string {
	if s == nil {
		return ""
	}
	text := fmt.Sprintf("%.1f MB", float64(s.Bytes)/1e6)
	if s.Files > 0 {
		text += fmt.Sprintf(" in %d files", s.Files)
	}
	if s.Layers > 0 {
		text += fmt.Sprintf("; %.1f MB compressed, layers: %d", float64(s.Compressed)/1e6, s.Layers)
	}
	return text
}

// some are the first names, and how many there are beside.
func some(names []string) string {
	if len(names) <= inLine {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:inLine], ", "), len(names)-inLine)
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}
