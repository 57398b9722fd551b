package inspect

import (
	"bytes"
	"strconv"
	"strings"
)

// Limits of what is kept of a file of a distribution.
const (
	maxUsers    = 500
	maxPackages = 5000
	maxText     = 200 // characters of a name, a version or a path
)

// short bounds a text that is kept.
func short(text string) string {
	text = strings.ToValidUTF8(strings.TrimSpace(text), "\uFFFD")
	if runes := []rune(text); len(runes) > maxText {
		return string(runes[:maxText]) + "…"
	}
	return text
}

// parseRelease reads the assignments of an os-release file (os-release(5)) or of a JDK's release file.
func parseRelease(data []byte) map[string]string {
	values := map[string]string{}
	for line := range bytes.Lines(data) {
		key, value, ok := strings.Cut(strings.TrimSpace(string(line)), "=")
		if !ok || strings.HasPrefix(key, "#") || len(values) > 100 {
			continue
		}
		if unquoted, err := strconv.Unquote(value); err == nil {
			value = unquoted
		}
		values[key] = short(strings.Trim(value, `"'`))
	}
	return values
}

// parsePasswd reads /etc/passwd (passwd(5)). Lines that are no entries are left out.
func parsePasswd(data []byte) (users []User, count int) {
	for line := range bytes.Lines(data) {
		fields := strings.Split(strings.TrimSpace(string(line)), ":")
		if len(fields) < 4 || fields[0] == "" || fields[0][0] == '#' {
			continue
		}
		uid, err1 := strconv.ParseInt(fields[2], 10, 64)
		gid, err2 := strconv.ParseInt(fields[3], 10, 64)
		if err1 != nil || err2 != nil {
			continue
		}
		if count++; count > maxUsers {
			continue
		}
		fields = append(fields, "", "", "")
		users = append(users, User{Name: short(fields[0]), UID: uid, GID: gid, Home: short(fields[5]), Shell: short(fields[6])})
	}
	return users, count
}

// findUser returns the first entry that fits.
func findUser(users []User, fits func(User) bool) *User {
	for _, u := range users {
		if fits(u) {
			return &u
		}
	}
	return nil
}

// parseDpkg reads a file of /var/lib/dpkg/status.d, or the status file itself (deb-control(5)).
func parseDpkg(data []byte) []Package {
	return parseRecords(data, func(p *record, key, value string) {
		switch key {
		case "Package":
			p.Name = value
		case "Version":
			p.Version = value
		case "Status":
			p.gone = !strings.HasSuffix(value, " installed")
		}
	}, ": ")
}

// parseAPK reads the database of apk (apk-tools' installed file).
func parseAPK(data []byte) []Package {
	return parseRecords(data, func(p *record, key, value string) {
		switch key {
		case "P":
			p.Name = value
		case "V":
			p.Version = value
		}
	}, ":")
}

type record struct {
	Package
	gone bool
}

// parseRecords reads paragraphs of lines that have a key and a value.
func parseRecords(data []byte, set func(p *record, key, value string), between string) (packages []Package) {
	var p record
	end := func() {
		if p.Name != "" && !p.gone && len(packages) < maxPackages {
			packages = append(packages, p.Package)
		}
		p = record{}
	}
	for line := range bytes.Lines(data) {
		text := strings.TrimRight(string(line), "\r\n")
		if text == "" {
			end()
			continue
		}
		if key, value, ok := strings.Cut(text, between); ok {
			set(&p, key, short(value))
		}
	}
	end()
	return packages
}

// parseHosts returns what nsswitch.conf says of hosts, empty where it says nothing.
func parseHosts(data []byte) string {
	for line := range bytes.Lines(data) {
		text, _, _ := strings.Cut(string(line), "#")
		if value, ok := strings.CutPrefix(strings.TrimSpace(text), "hosts:"); ok {
			return short(value)
		}
	}
	return ""
}

// parseScript returns what stands after #!, and false where the file does not begin so.
func parseScript(head []byte) (line string, ok bool) {
	rest, ok := bytes.CutPrefix(head, []byte("#!"))
	if !ok {
		return "", false
	}
	rest, _, _ = bytes.Cut(rest, []byte("\n"))
	return string(bytes.Trim(rest[:min(len(rest), 255)], " \t")), true // the kernel takes no more (BINPRM_BUF_SIZE)
}
