package triage

import (
	"testing"
	"time"
)

// at is this machine's time when the healthy sample was made.
func at(ahead time.Duration) func(*Subject) {
	return func(s *Subject) {
		s.Began = time.Unix(1795347345, 0).Add(-ahead)
		s.Ended = s.Began.Add(500 * time.Millisecond)
	}
}

func TestTime(t *testing.T) {
	t.Parallel()
	wantReadings(t, clock, map[string]reading{
		"healthy":  {sample: "v1-healthy", change: at(0), facts: map[string]string{"clock": "2026-11-22T11:35:45Z, as this machine's", "time zone": "UTC: no TZ, no /etc/localtime"}},
		"a little": {sample: "v1-healthy", change: at(5 * time.Second), findings: []string{"warning: the node's clock is not this machine's: 5s ahead"}},
		"much":     {sample: "v1-healthy", change: at(-90 * time.Second), findings: []string{"critical: the node's clock is not this machine's: 1m29s behind"}},
		"no clock": {sample: "v1-healthy", replace: []string{"1795347345", ""}, unread: []string{"the clock"}},
	})
	for name, test := range map[string]struct {
		zone, files string
		fact        string
		finds       bool
		program     string
	}{
		"no zone":             {"", "/etc/localtime\n/usr/share/zoneinfo\n", "that of /etc/localtime", false, ""},
		"one that is there":   {"Europe/Berlin", "/usr/share/zoneinfo\n/usr/share/zoneinfo/Europe/Berlin\n", "TZ=Europe/Berlin", false, ""},
		"one that is not":     {"Europe/Berlin", "/usr/share/zoneinfo\n", "TZ=Europe/Berlin", true, ""},
		"with a colon":        {":Europe/Berlin", "", "TZ=:Europe/Berlin", true, ""},
		"Java has its own":    {"Europe/Berlin", "", "TZ=Europe/Berlin", false, "/opt/java/bin/java\n"},
		"and no such":         {"Europe/Nowhere", "/usr/share/zoneinfo\n", "TZ=Europe/Nowhere", true, "/opt/java/bin/java\n"},
		"UTC needs no file":   {"UTC", "", "TZ=UTC", false, ""},
		"neither does a rule": {"CET-1CEST,M3.5.0,M10.5.0/3", "", "TZ=CET-1CEST,M3.5.0,M10.5.0/3", false, ""},
	} {
		s := aSubject()
		at(0)(&s)
		r := readTime(Raw{{"now", "1795347345\n"}, {"program", test.program}, {"zone", test.zone + "\n"}, {"files", test.files}}, s)
		if r.Facts[1].Text != test.fact || (len(r.Findings) == 1) != test.finds {
			t.Errorf("%s: %v, %v", name, r.Facts, r.Findings)
		}
	}
}
