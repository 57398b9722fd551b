package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/mindebug/kubectl-mindebug/internal/app"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/triage"
	"github.com/mindebug/kubectl-mindebug/internal/ui"
)

// checkOut refuses a place where something is, or that has no folder, before anything is looked at.
func checkOut(path string) error {
	if path == "" {
		return nil
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		usage := &fault.Usage{Reason: fmt.Sprintf("--out=%q is there already", path), Hint: "name a new folder, or a new file that ends in .tgz"}
		if err != nil {
			usage.Reason = fmt.Sprintf("--out=%q cannot be written: %v", path, err)
		}
		return usage
	}
	if parent, err := os.Stat(filepath.Dir(path)); err != nil || !parent.IsDir() {
		return &fault.Usage{Reason: fmt.Sprintf("--out=%q cannot be written: there is no folder %q", path, filepath.Dir(path)), Hint: "make the folder first, or name one that there is"}
	}
	return nil
}

// redacted is the report without what looks like a secret.
func (r triageReport) redacted() triageReport {
	r.Findings, r.Topics = append([]triage.Finding{}, r.Findings...), append([]triageTopic{}, r.Topics...)
	for i := range r.Findings {
		finding := &r.Findings[i]
		finding.Fact, finding.Why, finding.Next = triage.Redact(finding.Fact), triage.Redact(finding.Why), triage.Redact(finding.Next)
	}
	for i := range r.Topics {
		topic := &r.Topics[i]
		topic.Facts, topic.Unread = append([]triage.Fact{}, topic.Facts...), append([]string(nil), topic.Unread...)
		topic.Output = triage.Redact(topic.Output)
		for j := range topic.Facts {
			topic.Facts[j].Text = triage.Redact(topic.Facts[j].Text)
		}
		for j := range topic.Unread {
			topic.Unread[j] = triage.Redact(topic.Unread[j])
		}
	}
	return r
}

// writeTicket writes the report and what it was made of.
func (f *factory) writeTicket(path string, report triageReport, found app.Triaged, quiet bool) error {
	report = report.redacted()
	var object bytes.Buffer
	if err := writeJSON(&object, report); err != nil {
		return err
	}
	files := []triage.File{{Name: "report.md", Data: []byte(report.markdown())}, {Name: "report.json", Data: object.Bytes()}}
	files = append(files, found.RawFiles()...)
	if err := triage.WriteTicket(path, files, found.At); err != nil {
		return err
	}
	if !quiet {
		ui.NewNotices(f.program.Err).Say("wrote %s: %s; what looks like a secret is redacted, and more may be one: look through it", path, plural(len(files), "file"))
	}
	return nil
}
