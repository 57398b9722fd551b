package triage

import (
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

//go:embed config.sh
var configScript string

// config is what the container is configured by: names, sizes and ages, never a value.
var config = Topic{
	Name: "config", About: "mounted ConfigMaps and Secrets, names of variables; never a value",
	Applies: always, Script: configScript, Args: configPaths, Read: readConfig,
}

// usualName is a name of a variable that config.sh prints: of others it cannot tell where they end.
var usualName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)

// changedAfter is how much later than its process a file must be to have been changed: the kubelet writes it first.
const changedAfter = 30 * time.Second

// mounted is a volume of configuration where the container has it.
type mounted struct {
	// what is its source in a user's words, and path where it is.
	what, path string
	// secret is true of a Secret, labels of what a pod may well have none of.
	secret, labels bool
	// part is true of a single file (subPath), rotates of what changes by itself.
	part, rotates bool
}

// configMounts are those of the container, in the order of its volumeMounts.
func configMounts(s Subject) (found []mounted) {
	c, _ := s.container()
	for i := range c.VolumeMounts {
		m := &c.VolumeMounts[i]
		for j := range s.Pod.Spec.Volumes {
			v := &s.Pod.Spec.Volumes[j]
			if what, rotates := configSource(v); v.Name == m.Name && what != "" {
				found = append(found, mounted{
					what: what, path: m.MountPath, secret: v.Secret != nil, labels: v.DownwardAPI != nil,
					part: m.SubPath != "" || m.SubPathExpr != "", rotates: rotates,
				})
			}
		}
	}
	return found
}

// configSource names the source of a volume, empty where it is none of configuration.
func configSource(v *corev1.Volume) (what string, rotates bool) {
	switch {
	case v.ConfigMap != nil:
		return "ConfigMap " + v.ConfigMap.Name, false
	case v.Secret != nil:
		return "Secret " + v.Secret.SecretName, false
	case v.DownwardAPI != nil:
		return "downward API " + v.Name, true
	case v.Projected != nil:
		for i := range v.Projected.Sources {
			if v.Projected.Sources[i].ServiceAccountToken != nil {
				rotates = true
			}
		}
		return "projected volume " + v.Name, rotates
	}
	return "", false
}

func configPaths(s Subject) (paths []string) {
	for _, m := range configMounts(s) {
		paths = append(paths, m.path)
	}
	return paths
}

// configFile is a file of a mount.
type configFile struct {
	name     string
	readable bool
	size     int64
	at       time.Time
}

func parseConfigFiles(text string) (found []configFile) {
	for line := range strings.Lines(text) {
		words := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 4)
		if len(words) < 4 {
			continue
		}
		size, ok := number(words[1])
		at, also := number(words[2])
		if ok && also {
			found = append(found, configFile{cut(words[3]), words[0] == "r", size, time.Unix(at, 0)})
		}
	}
	return found
}

func readConfig(raw Raw, s Subject) Reading {
	var r Reading
	lines := strings.SplitN(raw.Get("now"), "\n", 3)
	if len(lines) < 3 {
		r.unread("the clock")
		return r
	}
	seconds, _ := number(lines[0])
	now := time.Unix(seconds, 0)
	up, _ := uptime(lines[1])
	first, _ := parseStat(lines[2])
	for _, m := range configMounts(s) {
		r.mount(m, parseConfigFiles(raw.Get("mount "+m.path)), now, now.Add(-first.age(up)), s)
	}
	var names []string
	for name := range strings.FieldsSeq(raw.Get("environment")) {
		names = append(names, name)
	}
	r.environment(names, s)
	return r
}

// mount is what is found where a ConfigMap or Secret is mounted.
func (r *Reading) mount(m mounted, found []configFile, now, started time.Time, s Subject) {
	var names, closed, empty, changed []string
	for _, f := range found {
		names = append(names, fmt.Sprintf("%s (%s, %s old)", f.name, bytesText(f.size), ago(now.Sub(f.at))))
		if !f.readable {
			closed = append(closed, f.name)
		}
		if f.size == 0 {
			empty = append(empty, f.name)
		}
		if f.at.Sub(started) > changedAfter && !m.rotates {
			changed = append(changed, fmt.Sprintf("%s %s ago", f.name, ago(now.Sub(f.at))))
		}
	}
	where := fmt.Sprintf("%s at %s", m.what, m.path)
	r.fact(m.path, fmt.Sprintf("%s: %s", m.what, orNone(some(names))))
	next := s.look("ls -lL @" + shellWord(m.path))
	if len(found) == 0 {
		r.find(Warning, where+" has no files", "it is optional and was not there, or has no data; the program finds nothing", next)
	}
	if len(closed) > 0 {
		r.find(Critical, fmt.Sprintf("of %s the user of the container, %d:%d, cannot read %s", where, s.UID, s.GID, some(closed)),
			"the mode (defaultMode) or the group (fsGroup) does not let it", next)
	}
	switch fact := fmt.Sprintf("of %s these are empty: %s", where, some(empty)); {
	case len(empty) == 0 || m.labels:
	case m.secret:
		r.find(Warning, fact, "an empty password or certificate is rarely meant", next)
	default:
		r.find(Notice, fact, "it may be meant; what is read there is nothing", next)
	}
	if len(changed) > 0 {
		r.find(Notice, fmt.Sprintf("of %s these were changed after the program started, %s ago: %s", where, ago(now.Sub(started)), some(changed)),
			"a program that reads them only once runs with what they were", next)
	}
	if m.part {
		r.find(Notice, where+" is mounted by subPath", "such a file stays what it was when the container started, whatever becomes of its source", "")
	}
}

// environment compares names with those of the pod's spec.
func (r *Reading) environment(names []string, s Subject) {
	slices.Sort(names)
	var own []string
	for _, name := range names {
		if !strings.Contains(name, "_SERVICE_") && !strings.Contains(name, "_PORT") {
			own = append(own, cut(name))
		}
	}
	text := strings.Join(own[:min(len(own), 60)], ", ")
	if more := len(names) - min(len(own), 60); more > 0 {
		text += fmt.Sprintf(" and %d of Services and others", more)
	}
	r.fact("variables", orNone(text))
	c, _ := s.container()
	var missing []string
	for _, e := range c.Env {
		if usualName.MatchString(e.Name) && !slices.Contains(names, e.Name) {
			missing = append(missing, e.Name)
		}
	}
	if len(missing) > 0 && len(names) > 0 {
		r.find(Notice, "variables of the pod are not in the environment of the first process: "+some(missing),
			"their ConfigMap or Secret is optional and was not there, or the program took them out", s.kubectl("describe pod/"+s.Pod.Name))
	}
}
