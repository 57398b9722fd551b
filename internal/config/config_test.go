package config_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/mindebug/kubectl-mindebug/internal/config"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
)

const pinned = "registry.example/debug@sha256:1111111111111111111111111111111111111111111111111111111111111111"

func TestPrecedence(t *testing.T) {
	t.Parallel()
	environment, err := config.Environment(func(name string) string { return map[string]string{"MINDEBUG_IMAGE": "env:1"}[name] })
	if err != nil {
		t.Fatal(err)
	}
	path := write(t, "apiVersion: mindebug/v1alpha1\nkind: Config\nimage: file:1\nttl: 5m\ngrace: 5s\ncontexts:\n  prod: {ttl: 7m}\n")
	file, err := config.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	shared, ignored := config.ParseShared("apiVersion: mindebug/v1alpha1\nimage: " + pinned + "\nttl: 9m\ngrace: 9s\ntimeout: 9m\n")
	if len(ignored) > 0 {
		t.Errorf("ignored: %q", ignored)
	}
	const of = "ConfigMap kube-public/mindebug"
	for context, ttl := range map[string]config.Value{"prod": {"7m", path + " (context prod)"}, "test": {"5m", path}} {
		want := config.Layer{
			config.Image: {"env:1", "MINDEBUG_IMAGE"}, config.TTL: ttl, config.Grace: {"5s", path}, config.Timeout: {"9m", of},
			config.TrustClusterImage: {"false", "built-in"},
		}
		if diff := cmp.Diff(want, config.Settle(environment, file.Layer(context), shared, config.Defaults())); diff != "" {
			t.Errorf("context %s (-want +got):\n%s", context, diff)
		}
	}
	var none *config.File
	if got := none.Layer("prod"); len(got) > 0 {
		t.Errorf("no file sets %v", got)
	}
	if got := config.Settle(shared, config.Defaults())[config.Timeout].Duration(); got != 9*time.Minute {
		t.Errorf("a time is %v", got)
	}
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestOwnFile: what the user wrote is right, or an error that says where.
func TestOwnFile(t *testing.T) {
	t.Parallel()
	const head = "apiVersion: mindebug/v1alpha1\n"
	for _, test := range []struct {
		name, text, want string
		near             []string
	}{
		{name: "empty", text: "", want: ": it is empty"},
		{name: "no version", text: "image: a\n", want: ":1: apiVersion is missing: the file begins with apiVersion: mindebug/v1alpha1"},
		{name: "another version", text: "# mine\napiVersion: mindebug/v9\n", want: `:2: apiVersion is "mindebug/v9", and this program knows mindebug/v1alpha1`},
		{name: "another kind", text: head + "kind: Pod\n", want: `:2: kind is "Pod", and not Config`},
		{name: "unknown key", text: head + "kind: Config\n\nimgae: a\n", want: `:4: there is no setting "imgae"`, near: []string{"image"}},
		{name: "unknown key of a context", text: head + "contexts:\n  prod:\n    timout: 1m\n", want: `:4: there is no setting "timout"`, near: []string{"timeout"}},
		{name: "a context in a context", text: head + "contexts:\n  prod:\n    contexts: {}\n", want: `:4: there is no setting "contexts"`},
		{name: "a bad time", text: head + "ttl: 30\n", want: `:2: ttl: "30" is no time: one has a unit, as 90s or 5m`},
		{name: "too short", text: head + "grace: 1ms\n", want: ":2: grace: 1ms is less than the least, 1s"},
		{name: "a bad image", text: head + "image: 'A B'\n", want: `:2: image: "A B" is not the name of an image: invalid reference format: repository name (library/A B) must be lowercase`},
		{name: "no value", text: head + "image: [a]\n", want: ":2: image is not one value"},
		{name: "a bad word", text: head + "trustClusterImage: yes\n", want: `:2: trustClusterImage: "yes" is neither true nor false`},
		{name: "twice", text: head + "ttl: 1m\nttl: 2m\n", want: ":1: line 3: a key is there twice, or is no word"},
		{name: "no mapping", text: "- a\n", want: ":1: it is no mapping of keys to values"},
		{name: "no mapping of contexts", text: head + "contexts: prod\n", want: ":2: contexts: it is no mapping of keys to values"},
		{name: "no mapping of a context", text: head + "contexts:\n  prod: 1m\n", want: `:3: context "prod": it is no mapping of keys to values`},
		{name: "two documents", text: head + "---\nttl: 1m\n", want: ": it has more than one YAML document"},
		{name: "no YAML", text: head + "ttl: [\n", want: ": line 2: did not find expected node content"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path := write(t, test.text)
			_, err := config.ReadFile(path)
			var bad *fault.BadSetting
			if !errors.As(err, &bad) {
				t.Fatalf("error %v", err)
			}
			if got := strings.TrimPrefix(bad.Error(), path); got != test.want {
				t.Errorf("error %q; want %q", got, test.want)
			}
			if diff := cmp.Diff(test.near, bad.Near, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("near keys (-want +got):\n%s", diff)
			}
		})
	}
	if file, err := config.ReadFile(filepath.Join(t.TempDir(), "none")); file != nil || err != nil {
		t.Errorf("no file: %v, %v", file, err)
	}
	if _, err := config.ReadFile(t.TempDir()); err == nil {
		t.Error("a folder was read")
	}
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"MINDEBUG_IMAGE": "A B", "MINDEBUG_TTL": "-1s", "MINDEBUG_GRACE": "0", "MINDEBUG_TIMEOUT": "soon"} {
		_, err := config.Environment(func(asked string) string {
			if asked == name {
				return text
			}
			return ""
		})
		if err == nil || !strings.HasPrefix(err.Error(), name+": ") {
			t.Errorf("%s=%s: error %v", name, text, err)
		}
	}
}

// TestSharedCannotHarm: what somebody wrote for all sets what it may, within bounds, and nothing else; none of it is an error.
func TestSharedCannotHarm(t *testing.T) {
	t.Parallel()
	const head = "apiVersion: mindebug/v1alpha1\n"
	for name, test := range map[string]struct {
		text    string
		want    config.Layer
		ignored string
	}{
		"nothing":            {text: "", ignored: "all of it: it is empty"},
		"no YAML":            {text: "{", ignored: "all of it: line 1: did not find expected node content"},
		"a list":             {text: "[a]", ignored: "all of it: it is no mapping of keys to values"},
		"a word":             {text: "hello", ignored: "all of it: it is no mapping of keys to values"},
		"a later version":    {text: "apiVersion: mindebug/v2\nttl: 5m\n", ignored: `all of it: apiVersion is "mindebug/v2", and this program knows mindebug/v1alpha1`},
		"too large":          {text: head + "# " + strings.Repeat("x", 1<<20), ignored: "all of it: it has more than 16384 bytes"},
		"an image by tag":    {text: head + "image: evil.example/x:latest\nttl: 5m\n", want: config.Layer{config.TTL: {"5m", "ConfigMap kube-public/mindebug"}}, ignored: `image in line 2: "evil.example/x:latest" is not named by digest`},
		"no image":           {text: head + "image: 'A B'\n", ignored: `image in line 2: "A B" is not the name of an image: invalid reference format: repository name (library/A B) must be lowercase`},
		"image of a mapping": {text: head + "image: {a: b}\n", ignored: "image in line 2: it is not one value"},
		"trust in itself":    {text: head + "trustClusterImage: true\n", ignored: "trustClusterImage in line 2: only a user's own file may set it"},
		"a profile":          {text: head + "profile: sysadmin\n", ignored: "profile in line 2: there is no such setting"},
		"no time to start":   {text: head + "timeout: 1ns\n", ignored: "timeout in line 2: 1ns is less than the least, 30s"},
		"for ever":           {text: head + "ttl: 9000h\n", ignored: "ttl in line 2: 9000h is more than the most, 24h0m0s"},
		"no time to live":    {text: head + "ttl: 0s\n", ignored: "ttl in line 2: 0s is less than the least, 1m0s"},
		"a long lease":       {text: head + "grace: 2h\n", ignored: "grace in line 2: 2h is more than the most, 1h0m0s"},
		"aliases": {
			text: head + "a: &a [x, x]\nttl: *a\n", ignored: "a in line 2: there is no such setting; ttl in line 3: it is not one value",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, ignored := config.ParseShared(test.text)
			if diff := cmp.Diff(test.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("what it sets (-want +got):\n%s", diff)
			}
			if got := strings.Join(ignored, "; "); got != test.ignored {
				t.Errorf("ignored %q; want %q", got, test.ignored)
			}
			warning := config.Shared{Ignored: ignored}.Warning()
			if warning != "ignored of the ConfigMap kube-public/mindebug: "+test.ignored || strings.Contains(warning, "\n") {
				t.Errorf("warning %q", warning)
			}
		})
	}
	if warning := (config.Shared{}).Warning(); warning != "" {
		t.Errorf("warning about nothing: %q", warning)
	}
}

func FuzzParseShared(f *testing.F) {
	f.Add("apiVersion: mindebug/v1alpha1\nimage: " + pinned + "\nttl: 5m\n")
	f.Add("a: &a [*a]")
	f.Fuzz(func(t *testing.T, text string) {
		l, _ := config.ParseShared(text)
		if image, ok := l[config.Image]; ok && !strings.Contains(image.Value, "@sha") {
			t.Errorf("image %q", image.Value)
		}
		if _, ok := l[config.TrustClusterImage]; ok {
			t.Error("it trusts itself")
		}
		for _, key := range []config.Key{config.TTL, config.Grace, config.Timeout} {
			if v, ok := l[key]; ok && (v.Duration() < time.Second || v.Duration() > 24*time.Hour) {
				t.Errorf("%s is %s", key, v.Value)
			}
		}
	})
}

// cluster is one whose answers are counted.
type cluster struct {
	text  string
	err   error
	hang  bool
	calls int
}

func (c *cluster) read(ctx context.Context) (string, error) {
	c.calls++
	if c.hang {
		<-ctx.Done()
		return "", ctx.Err()
	}
	return c.text, c.err
}

var (
	resource  = schema.GroupResource{Resource: "configmaps"}
	absent    = apierrors.NewNotFound(resource, config.SharedName)
	forbidden = apierrors.NewForbidden(resource, config.SharedName, errors.New("no"))
)

// TestSharedIsKept: what the cluster says holds for an hour, that it says nothing as well.
func TestSharedIsKept(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		cluster cluster
		want    config.State
	}{
		"found":     {cluster{text: "apiVersion: mindebug/v1alpha1\nttl: 5m\n"}, config.Found},
		"absent":    {cluster{err: absent}, config.Absent},
		"forbidden": {cluster{err: forbidden}, config.Forbidden},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now := time.Now()
			c := test.cluster
			s := config.Source{Read: c.read, Dir: filepath.Join(t.TempDir(), "new"), Identity: "one", Now: func() time.Time { return now }}
			first := s.Begin(t.Context())()
			now = now.Add(59 * time.Minute)
			second := s.Begin(t.Context())()
			if first.State != test.want || second.State != test.want || c.calls != 1 {
				t.Errorf("state %s, then %s, after %d calls", first.State, second.State, c.calls)
			}
			if diff := cmp.Diff(first.Layer, second.Layer); diff != "" {
				t.Errorf("read and kept (-read +kept):\n%s", diff)
			}
			other := s
			other.Identity = "two"
			other.Begin(t.Context())()
			now = now.Add(2 * time.Minute)
			s.Begin(t.Context())()
			if c.calls != 3 {
				t.Errorf("%d calls, want one more of another user and one after the hour", c.calls)
			}
			now = now.Add(-2 * time.Hour) // a clock that was set back
			s.Begin(t.Context())()
			if s.Fetch(t.Context()); c.calls != 5 {
				t.Errorf("%d calls, want 5", c.calls)
			}
		})
	}
}

// TestSharedCannotBeRead: a cluster that gives no answer costs a bounded time, and what was kept holds, however old.
func TestSharedCannotBeRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		c := cluster{text: "apiVersion: mindebug/v1alpha1\nttl: 5m\n"}
		s := config.Source{Read: c.read, Dir: dir, Identity: "one", Now: time.Now}
		s.Fetch(t.Context())
		<-time.After(48 * time.Hour)
		c.hang = true
		begun := time.Now()
		got := s.Begin(t.Context())()
		if took := time.Since(begun); took != 2*time.Second || got.Layer[config.TTL].Value != "5m" {
			t.Errorf("%+v after %s", got, took)
		}
		s.Identity = "two"
		if got := s.Begin(t.Context())(); got.State != config.Unread || len(got.Layer) > 0 || got.Cause == nil {
			t.Errorf("with nothing kept: %+v", got)
		}
	})
}

// TestKeptCannotHarm: what lies in the folder is judged like what the cluster says, and what is broken is read anew.
func TestKeptCannotHarm(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	now := time.Now()
	c := cluster{err: absent}
	s := config.Source{Read: c.read, Dir: dir, Identity: "one", Now: func() time.Time { return now }}
	s.Fetch(t.Context())
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("files %q, %v", files, err)
	}
	at := now.Format(time.RFC3339Nano)
	for text, want := range map[string]config.State{
		`{"at":"` + at + `","state":"found","text":"apiVersion: mindebug/v1alpha1\nimage: evil:1\ntrustClusterImage: true\n"}`: config.Found,
		`{"at":"` + at + `","state":"bogus"}`: config.Absent,
		`{"at":`:                              config.Absent,
	} {
		if err := os.WriteFile(files[0], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := s.Begin(t.Context())(); got.State != want || len(got.Layer) > 0 {
			t.Errorf("%s: %+v", text, got)
		}
	}
	s.Dir = filepath.Join(files[0], "below a file")
	if got := s.Begin(t.Context())(); got.State != config.Absent {
		t.Errorf("where nothing can be kept: %+v", got)
	}
	s.Dir = ""
	if got := s.Begin(t.Context())(); got.State != config.Absent {
		t.Errorf("without a folder: %+v", got)
	}
}
