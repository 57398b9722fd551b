package triage

import (
	_ "embed"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

//go:embed time.sh
var timeScript string

// clock is what time it is for the target.
var clock = Topic{
	Name: "time", About: "the clock against this machine's, the time zone",
	Applies: always, Script: timeScript, Read: readTime,
}

// Bounds of the topic: from which difference on clocks differ, and from which on others refuse what is signed with a time.
const (
	clockOff   = 2 * time.Second
	clockWrong = time.Minute
)

// zoneName is a TZ that names a file of the time zone database, and no rule as "CET-1CEST" (tzset(3)).
var zoneName = regexp.MustCompile(`^:?[A-Z][A-Za-z_]+(/[A-Za-z0-9_+-]+)+$`)

func readTime(raw Raw, s Subject) Reading {
	var r Reading
	seconds, ok := number(raw.Get("now"))
	if !ok {
		r.unread("the clock")
		return r
	}
	off := difference(time.Unix(seconds, 0), s.Began, s.Ended)
	r.fact("clock", fmt.Sprintf("%s, %s", time.Unix(seconds, 0).UTC().Format(time.RFC3339), offText(off)))
	if d := off.Abs(); d >= clockOff {
		weight := Warning
		if d >= clockWrong {
			weight = Critical
		}
		r.find(weight, "the node's clock is not this machine's: "+offText(off),
			"one of them is wrong; certificates, tokens and leases are refused by a clock that is, and logs do not fit together", s.look("date -u"))
	}
	zone, files := strings.TrimSpace(raw.Get("zone")), strings.Fields(raw.Get("files"))
	there := func(file string) bool { return slices.Contains(files, file) }
	switch {
	case zone == "" && there("/etc/localtime"):
		r.fact("time zone", "that of /etc/localtime")
	case zone == "":
		r.fact("time zone", "UTC: no TZ, no /etc/localtime")
	default:
		r.fact("time zone", "TZ="+cut(zone))
	}
	if !there("/usr/share/zoneinfo") {
		r.fact("zone database", "none in /usr/share/zoneinfo")
	}
	_, ownZones := ownData[path.Base(strings.TrimSpace(raw.Get("program")))]
	ownZones = ownZones && !there("/usr/share/zoneinfo")
	if zoneName.MatchString(zone) && !ownZones && !there("/usr/share/zoneinfo/"+strings.TrimPrefix(zone, ":")) {
		r.find(Warning, fmt.Sprintf("TZ names %s, and /usr/share/zoneinfo does not have it", cut(zone)),
			"a program without a zone database of its own takes the time for UTC, or fails to load the zone", s.look("ls @/usr/share/zoneinfo"))
	}
	return r
}

// difference is how much a clock, which tells whole seconds, is ahead of this machine's, which went from began to ended
// meanwhile; 0 where both may be the same.
func difference(told, began, ended time.Time) time.Duration {
	switch {
	case told.After(ended):
		return told.Sub(ended)
	case told.Add(time.Second).Before(began):
		return told.Add(time.Second).Sub(began)
	}
	return 0
}

func offText(off time.Duration) string {
	switch {
	case off > 0:
		return fmt.Sprintf("%s ahead", off.Round(time.Second))
	case off < 0:
		return fmt.Sprintf("%s behind", (-off).Round(time.Second))
	}
	return "as this machine's"
}
