package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mindebug/kubectl-mindebug/internal/app"
	"github.com/mindebug/kubectl-mindebug/internal/triage"
)

// TestWriteTicket: the report is whole and without secrets, in what is written as in the shape for programs.
func TestWriteTicket(t *testing.T) {
	t.Parallel()
	report := aTriage()
	report.Findings[0].Fact = `the line was {"db_password": "hunter2"}`
	report.Topics[1].Unread = []string{"https://app:hunter2@db"}
	report.Topics[0].Facts[0].Text = "token=hunter2"
	found := app.Triaged{At: report.At, Report: triage.Report{Topics: []triage.TopicReport{{Name: "net", Raw: triage.Raw{{Name: "x", Data: "token=hunter2"}}}}}}
	path := filepath.Join(t.TempDir(), "case")
	var said bytes.Buffer
	f := &factory{}
	f.program.Err = &said
	if err := f.writeTicket(path, report, found, false); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(said.String(), "wrote "+path+": 3 files") {
		t.Errorf("it says %q", said.String())
	}
	for _, name := range []string{"report.md", "report.json", "raw/net.txt"} {
		data, err := os.ReadFile(filepath.Join(path, name))
		if err != nil || bytes.Contains(data, []byte("hunter2")) || !bytes.Contains(data, []byte("redacted")) {
			t.Errorf("%s: %v:\n%s", name, err, data)
		}
		if strings.HasSuffix(name, ".json") && !json.Valid(data) {
			t.Errorf("no JSON:\n%s", data)
		}
	}
	if report.Findings[0].Fact != `the line was {"db_password": "hunter2"}` {
		t.Error("the report itself was changed")
	}
	if err := checkOut(path); err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Errorf("over what is there: %v", err)
	}
	for _, nowhere := range []string{path + "-none/case.tgz", path + "/report.md/case"} {
		if err := checkOut(nowhere); err == nil {
			t.Errorf("%s is taken for a place", nowhere)
		}
	}
	if err := checkOut(path + "-new"); err != nil {
		t.Errorf("a new one: %v", err)
	}
}
