package config

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	yaml "sigs.k8s.io/yaml/goyaml.v3"
)

// Where the cluster's configuration is: a ConfigMap whose key has a text like that of the user's file.
const (
	SharedNamespace = "kube-public"
	SharedName      = "mindebug"
	SharedKey       = "config.yaml"
)

const sharedOrigin = "ConfigMap " + SharedNamespace + "/" + SharedName

// State is what became of reading the cluster's configuration.
type State string

// Without the Role that lets people read it nobody may; the server then does not tell whether it is there.
const (
	Found     State = "found"
	Absent    State = "absent"
	Forbidden State = "forbidden"
	Unread    State = "unread"
)

// Shared is the cluster's configuration.
type Shared struct {
	State State
	Layer Layer
	// Ignored is what of it cannot be used, each with the reason.
	Ignored []string
	// At is when it was read.
	At time.Time
	// Cause is why it was not read, where it was not.
	Cause error
}

// largest is how much of the text is looked at, in bytes.
const largest = 16 << 10

// ParseShared reads what somebody wrote for all. Nothing in it is an error: what cannot be used is ignored.
func ParseShared(text string) (Layer, []string) {
	if len(text) > largest {
		return nil, []string{fmt.Sprintf("all of it: it has more than %d bytes", largest)}
	}
	root, err := document([]byte(text))
	if err != nil {
		return nil, []string{fmt.Sprintf("all of it: %v", err)}
	}
	entries, err := mapping(root)
	if err != nil {
		return nil, []string{fmt.Sprintf("all of it: %v", err)}
	}
	l, version := Layer{}, ""
	var ignored []string
	ignore := func(e entry, reason string) {
		ignored = append(ignored, fmt.Sprintf("%s in line %d: %s", e.key, e.line, reason))
	}
	for _, e := range entries {
		s, known := find(Key(e.key))
		switch {
		case e.key == "apiVersion":
			version = e.value.Value
		case e.key == "kind":
		case !known:
			ignore(e, "there is no such setting")
		case s.shared == nil:
			ignore(e, "only a user's own file may set it")
		case e.value.Kind != yaml.ScalarNode:
			ignore(e, "it is not one value")
		default:
			if err := s.shared(e.value.Value); err != nil {
				ignore(e, err.Error())
				continue
			}
			l[s.key] = Value{e.value.Value, sharedOrigin}
		}
	}
	if version != APIVersion {
		return nil, []string{fmt.Sprintf("all of it: apiVersion is %q, and this program knows %s", version, APIVersion)}
	}
	return l, ignored
}

// Reader reads the text of the cluster's configuration; there is "" where its ConfigMap has no such key.
type Reader func(ctx context.Context) (text string, err error)

// Source is where the cluster's configuration comes from.
type Source struct {
	Read Reader
	// Dir is where what was read is kept, or empty. Identity tells one cluster, and one user of it, from others.
	Dir, Identity string
	// Now is the time.
	Now func() time.Time
}

// keepFor is how long what was read is taken for true, and readWithin how long a session waits for it.
const (
	keepFor    = time.Hour
	readWithin = 2 * time.Second
)

// Begin begins to read the cluster's configuration, unless that was done within the hour, and returns a function that waits
// for it.
func (s Source) Begin(ctx context.Context) func() Shared {
	kept, has := s.kept()
	if has && s.Now().Sub(kept.At) < keepFor && !kept.At.After(s.Now()) {
		return kept.shared
	}
	var read Shared
	done := make(chan struct{})
	go func() {
		defer close(done)
		if read = s.Fetch(ctx); read.State == Unread && has {
			read = kept.shared() // an old one is nearer to what holds than none
		}
	}()
	return func() Shared {
		<-done
		return read
	}
}

// Fetch reads the cluster's configuration from the cluster, and keeps it.
func (s Source) Fetch(ctx context.Context) Shared {
	ctx, cancel := context.WithTimeout(ctx, readWithin)
	defer cancel()
	k := keptShared{At: s.Now(), State: Found}
	var err error
	switch k.Text, err = s.Read(ctx); {
	case apierrors.IsNotFound(err):
		k.State = Absent
	case apierrors.IsForbidden(err):
		k.State = Forbidden
	case err != nil:
		return Shared{State: Unread, Cause: err, At: k.At}
	}
	if len(k.Text) > largest {
		k.Text = k.Text[:largest+1] // ignored all the same, and not kept whole
	}
	s.keep(k)
	return k.shared()
}

// keptShared is what was read, as it is kept: the text, so that what is read from the disk is judged like what is read from
// the cluster.
type keptShared struct {
	At    time.Time `json:"at"`
	State State     `json:"state"`
	Text  string    `json:"text,omitempty"`
}

func (k keptShared) shared() Shared {
	out := Shared{State: k.State, At: k.At}
	if k.State == Found {
		out.Layer, out.Ignored = ParseShared(k.Text)
	}
	return out
}

func (s Source) path() string {
	return filepath.Join(s.Dir, fmt.Sprintf("%x", sha256.Sum256([]byte(s.Identity)))[:24]+".json")
}

func (s Source) kept() (k keptShared, ok bool) {
	if s.Dir == "" {
		return k, false
	}
	text, err := os.ReadFile(s.path())
	if err != nil || json.Unmarshal(text, &k) != nil {
		return keptShared{}, false
	}
	return k, k.State == Found || k.State == Absent || k.State == Forbidden
}

// keep writes what was read; where it cannot it is read again the next time.
func (s Source) keep(k keptShared) {
	text, err := json.Marshal(k)
	if s.Dir == "" || err != nil || os.MkdirAll(s.Dir, 0o700) != nil {
		return
	}
	half, err := os.CreateTemp(s.Dir, "half-*")
	if err != nil {
		return
	}
	_, err = half.Write(text)
	if closeErr := half.Close(); err != nil || closeErr != nil || os.Rename(half.Name(), s.path()) != nil {
		_ = os.Remove(half.Name())
	}
}

// Warning is one line about what of the cluster's configuration is ignored, or empty.
func (s Shared) Warning() string {
	if len(s.Ignored) == 0 {
		return ""
	}
	return "ignored of the " + sharedOrigin + ": " + strings.Join(s.Ignored, "; ")
}
