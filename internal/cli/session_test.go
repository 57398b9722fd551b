package cli

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/internal/app"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/pkg/profiles"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

func noEnv(string) string { return "" }

// likeVerbs knows one verb, "check".
func likeVerbs(word string) []string {
	if word == "chek" {
		return []string{"check"}
	}
	return nil
}

// parse turns a command line into a request as the root command does.
func parse(t *testing.T, line string, around surroundings) (app.SessionRequest, error) {
	t.Helper()
	var f sessionFlags
	set := parsed(t, &f, line)
	words, command := split(set.Args(), set.ArgsLenAtDash())
	f.ttlGiven, f.graceGiven = set.Changed("ttl"), set.Changed("grace")
	around.verbs = likeVerbs
	return f.request(words, command, around)
}

func TestSessionRequest(t *testing.T) {
	t.Parallel()
	// shell is what pod/x alone asks for, without a terminal.
	shell := func(change func(*app.SessionRequest)) app.SessionRequest {
		r := app.SessionRequest{
			TargetRequest: app.TargetRequest{Query: target.Query{Kind: "pod", Name: "x"}},
			Stdin:         true,
			TTL:           30 * time.Minute, Grace: time.Minute, Timeout: time.Minute,
		}
		if change != nil {
			change(&r)
		}
		return r
	}
	// command is what pod/x -- ls asks for.
	command := func(change func(*app.SessionRequest)) app.SessionRequest {
		return shell(func(r *app.SessionRequest) {
			r.Command, r.Stdin = []string{"ls"}, false
			if change != nil {
				change(r)
			}
		})
	}
	tests := []struct {
		line   string
		around surroundings
		want   app.SessionRequest
		fails  string
		hint   string
	}{
		{line: "pod/x", want: shell(nil)},
		{line: "x", want: shell(nil)},
		{line: "pod x", want: shell(nil)},
		{line: "pod/x --", want: shell(nil)},
		{line: "pod/x", around: surroundings{terminal: true}, want: shell(func(r *app.SessionRequest) { r.TTY = true })},
		{line: "pod/x -it", want: shell(nil)},
		{line: "pod/x -- ls", want: command(nil)},
		{line: "pod/x -- ls", around: surroundings{terminal: true}, want: command(nil)},
		{line: "pod/x -i -- ls", want: command(func(r *app.SessionRequest) { r.Stdin = true })},
		{line: "pod/x -t -- ls", around: surroundings{terminal: true}, want: command(func(r *app.SessionRequest) { r.TTY = true })},
		{line: "pod/x -t -- ls", want: command(nil)},
		{line: "pod/x -it -- ls", around: surroundings{terminal: true}, want: command(func(r *app.SessionRequest) { r.Stdin, r.TTY = true, true })},
		{line: "pod/x -- ls -i --ttl 0 --", want: command(func(r *app.SessionRequest) { r.Command = []string{"ls", "-i", "--ttl", "0", "--"} })},
		{line: "pod/x --via=exec", want: shell(nil)},
		{line: "pod/x --via=attach", want: shell(func(r *app.SessionRequest) { r.Attach = true })},
		{line: "pod/x --via=attach --new --grace 5s -- ls", want: command(func(r *app.SessionRequest) { r.Attach, r.New, r.Grace = true, true, 5*time.Second })},
		{
			line: "pod/x --via=attach --ttl 10s", around: surroundings{terminal: true},
			want: shell(func(r *app.SessionRequest) { r.Attach, r.TTY, r.TTL, r.TTLGiven = true, true, 10*time.Second, true }),
		},
		{line: "pod/x --via=port-forward", fails: `--via="port-forward" is none of exec, attach`},
		{
			line: "pod/x --via=attach --ttl 10s -- ls", fails: "--ttl means nothing here: with --via=attach a container ends with its session",
			hint: "leave --ttl away; what outlives a lost client is bounded by --grace",
		},
		{
			line: "pod/x --via=attach --ttl 0", around: surroundings{terminal: true},
			fails: "--ttl=0s is too short: with --via=attach a session on a terminal ends after that time without a key", hint: "the least is --ttl=10s",
		},
		{
			line: "pod/x --via=attach --grace 5s", around: surroundings{terminal: true},
			fails: "--grace means nothing here: with --via=attach a session on a terminal is not told that its client is gone",
			hint:  "it ends after a time without a key: --ttl",
		},
		{
			line: "pod/x --via=attach --detach -- ls", fails: "--detach and --via=attach exclude each other: such a session is bound to its client",
			hint: "leave one of them away",
		},
		{line: "-c app pod/x", want: shell(func(r *app.SessionRequest) { r.Container = "app" })},
		{line: "--container=app pod/x", want: shell(func(r *app.SessionRequest) { r.Container = "app" })},
		{line: "pod/x --target app", want: shell(func(r *app.SessionRequest) { r.Container = "app" })},
		{line: "pod/x -c app --target app", want: shell(func(r *app.SessionRequest) { r.Container = "app" })},
		{line: "pod/x -c app --target log", fails: "--container=app and --target=log name two containers", hint: "leave one of them away"},
		{line: "deploy/x --pick newest", want: shell(func(r *app.SessionRequest) {
			r.Query.Kind, r.Pick = "deployment", target.PickNewest
		})},
		{line: "-l app=web", want: shell(func(r *app.SessionRequest) { r.Query, r.Selector = target.Query{}, "app=web" })},
		{line: "pods --selector app=web,tier!=db --pick ready", want: shell(func(r *app.SessionRequest) {
			r.Query, r.Selector, r.Pick = target.Query{}, "app=web,tier!=db", target.PickReady
		})},
		{line: "pod/x --image debug:1", want: shell(func(r *app.SessionRequest) { r.Image, r.ImageOrigin = "debug:1", "flag" })},
		{
			line:   "pod/x",
			around: surroundings{getenv: func(name string) string { return strings.ReplaceAll(name, "MINDEBUG_IMAGE", "env:2") }},
			want:   shell(func(r *app.SessionRequest) { r.Image, r.ImageOrigin = "env:2", "MINDEBUG_IMAGE" }),
		},
		{
			line:   "pod/x --image debug:1",
			around: surroundings{getenv: func(string) string { return "env:2" }},
			want:   shell(func(r *app.SessionRequest) { r.Image, r.ImageOrigin = "debug:1", "flag" }),
		},
		{line: "pod/x --image-pull-policy Never", want: shell(func(r *app.SessionRequest) { r.PullPolicy = corev1.PullNever })},
		{line: "pod/x --learn-user", want: shell(func(r *app.SessionRequest) { r.LearnUser = true })},
		{line: "pod/x --use-pull-secrets", want: shell(func(r *app.SessionRequest) { r.UsePullSecrets = true })},
		{line: "pod/x --run-as 0", want: shell(func(r *app.SessionRequest) { r.Profile.RunAs = &profiles.RunAs{} })},
		{
			line: "pod/x --run-as 65532:0",
			want: shell(func(r *app.SessionRequest) { r.Profile.RunAs = &profiles.RunAs{UID: 65532, GID: new(int64(0))} }),
		},
		{line: "pod/x --profile general", want: shell(func(r *app.SessionRequest) { r.Profile.Profile = profiles.General })},
		{line: "pod/x --profile mirror", want: shell(nil)},
		{
			line: "pod/x --cap-add net_raw,CAP_BPF --cap-add SYS_TIME",
			want: shell(func(r *app.SessionRequest) {
				r.Profile.AddCapabilities = []corev1.Capability{"NET_RAW", "BPF", "SYS_TIME"}
			}),
		},
		{
			line: "pod/x --env B=2,A=1 --env C=a=b",
			want: shell(func(r *app.SessionRequest) {
				r.Env = []corev1.EnvVar{{Name: "A", Value: "1"}, {Name: "B", Value: "2"}, {Name: "C", Value: "a=b"}}
			}),
		},
		{line: "pod/x --mount-volumes", want: shell(func(r *app.SessionRequest) { r.MountVolumes = true })},
		{line: "pod/x --ttl 90s", want: shell(func(r *app.SessionRequest) { r.TTL, r.TTLGiven = 90*time.Second, true })},
		{line: "pod/x --ttl 0", want: shell(func(r *app.SessionRequest) { r.TTL, r.TTLGiven = 0, true })},
		{line: "pod/x --ttl 30m", want: shell(func(r *app.SessionRequest) { r.TTLGiven = true })},
		{
			line: "pod/x --grace 1s --timeout 2m --new -q",
			want: shell(func(r *app.SessionRequest) {
				r.Grace, r.Timeout, r.New, r.Quiet = time.Second, 2*time.Minute, true, true
			}),
		},

		{line: "pod/x --reason=INC-7:é$(x)", want: shell(func(r *app.SessionRequest) { r.Reason = "INC-7:é$(x)" })},
		{line: "pod/x --reason=" + strings.Repeat("x", 200), want: shell(func(r *app.SessionRequest) { r.Reason = strings.Repeat("x", 200) })},
		{line: "pod/x --reason=" + strings.Repeat("x", 201), fails: "--reason has 201 bytes, and 200 are the most", hint: "name the ticket that says more"},
		{line: "pod/x --reason=a\x1bb", fails: `--reason="a\x1bb" is not one line of printable text`},
		{line: "pod/x --reason=a\xff", fails: `is not one line of printable text`},
		{line: "pod/x --ttl -1s", fails: "--ttl=-1s is negative"},
		{line: "pod/x --grace 999ms", fails: "--grace=999ms is less than the least, 1s"},
		{line: "pod/x --detach -- ls", want: command(func(r *app.SessionRequest) { r.Detach = true })},
		{line: "pod/x --detach", fails: "--detach leaves a command running, and a shell", hint: "-- COMMAND"},
		{line: "pod/x --detach -i -- cat", fails: "excludes --stdin and --tty", hint: "leave them away"},
		{line: "pod/x --detach -t -- top", fails: "excludes --stdin and --tty", hint: "leave them away"},
		{line: "pod/x --timeout 0", fails: "--timeout=0s leaves no time"},
		{line: "pod/x --image-pull-policy never", fails: `--image-pull-policy="never" is none of Always, IfNotPresent, Never`},
		{line: "pod/x --dry-run=maybe", fails: `--dry-run="maybe" is none of none, client, server`},
		{line: "pod/x -o yaml", fails: "--output=yaml is for what --dry-run prints"},
		{line: "pod/x --dry-run=client -o yaml", want: shell(nil)},
		{line: "pod/x -o json", want: shell(nil)},
		{line: "pod/x --image Not/An:Image:", fails: `"Not/An:Image:" is not the name of an image`},
		{line: "pod/x --run-as root", fails: `--run-as="root" is not UID[:GID]`},
		{line: "pod/x --run-as -1", fails: `--run-as="-1" is not UID[:GID]`},
		{line: "pod/x --run-as 1:", fails: `--run-as="1:" is not UID[:GID]`},
		{line: "pod/x --run-as :1", fails: `--run-as=":1" is not UID[:GID]`},
		{line: "pod/x --run-as 1:x", fails: `--run-as="1:x" is not UID[:GID]`},
		{line: "pod/x --run-as 1:2:3", fails: `--run-as="1:2:3" is not UID[:GID]`},
		{line: "pod/x --run-as 2147483648", fails: `--run-as="2147483648" is not UID[:GID]`},
		{line: "pod/x --profile baseline", fails: "there is no --profile=baseline", hint: "leave --profile away: the mirror, which has the target's privileges, is in its place"},
		{line: "pod/x --profile legacy", fails: "there is no --profile=legacy", hint: "leave --profile away"},
		{line: "pod/x --profile genral", fails: "there is no --profile=genral", hint: "did you mean --profile=general?"},
		{line: "pod/x --profile xyzzy", fails: "there is no --profile=xyzzy", hint: "the profiles are mirror, general, netadmin, restricted, sysadmin"},
		{line: "pod/x --cap-add ALL", fails: "--cap-add=ALL: the kernel has no such capability", hint: "all of them are in --profile=sysadmin"},
		{line: "pod/x --cap-add xyzzy", fails: "--cap-add=xyzzy: the kernel has no such capability", hint: "capabilities(7) lists them"},
		{line: "pod/x --cap-add cap_net_admim", fails: "--cap-add=cap_net_admim", hint: "did you mean --cap-add=NET_ADMIN?"},
		{line: "pod/x --env MINDEBUG_RUN=x", fails: "--env=MINDEBUG_RUN may not be set", hint: "name it otherwise"},
		{line: "pod/x --env PATH=/x", fails: "--env=PATH may not be set", hint: "set it for a command: -- env PATH=/x COMMAND"},
		{line: "pod/x --env==1", fails: `--env="=1" has no name`, hint: "write --env=NAME=VALUE"},
		{line: "pod/x --custom /no/such", fails: "reading the file of --custom: open /no/such", hint: "it takes what kubectl debug --custom takes"},
		{line: "pod/x --custom -", fails: "reading the file of --custom: open -: no such file", hint: "it takes what"},
		{line: "pod/x --custom session.go", fails: "--custom=session.go: this is not a container specification", hint: "it takes what"},
		{line: "deploy/x --pick best", fails: `--pick="best" is none of ready, not-ready, newest, oldest`},
		{line: "pod/x --pick newest", fails: "--pick=newest chooses between several pods, and pod/x is one"},
		{line: "pod/x -l app=web", fails: `--selector selects pods by their labels, and "pod/x" names something`},
		{line: "deploy -l app=web", fails: `"deploy" names something`},
		{line: "-l app==,", fails: `--selector="app==,": `},
		{line: "--selector= ", fails: "no target given"},
		{line: "-- ls", fails: "no target given"},
	}
	for _, test := range tests {
		t.Run(test.line, func(t *testing.T) {
			t.Parallel()
			if test.around.getenv == nil {
				test.around.getenv = noEnv
			}
			got, err := parse(t, test.line, test.around)
			if test.fails != "" {
				var usage *fault.Usage
				if !errors.As(err, &usage) || !strings.Contains(usage.Reason, test.fails) {
					t.Fatalf("error = %v; want a *fault.Usage that says %q", err, test.fails)
				}
				if !strings.Contains(usage.Hint, test.hint) {
					t.Errorf("hint %q; want %q", usage.Hint, test.hint)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Command) == 0 {
				got.Command = nil
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
}

// TestCustomFile reads what the flag names.
func TestCustomFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "custom.yaml")
	if err := os.WriteFile(file, []byte("volumeMounts: [{name: data, mountPath: /data}]"), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := parse(t, "pod/x --custom "+file, surroundings{getenv: noEnv})
	if err != nil || r.Profile.Custom == nil {
		t.Fatalf("custom file %v, %v", r.Profile.Custom, err)
	}
	if diff := cmp.Diff([]string{"volumeMounts"}, r.Profile.Custom.Fields()); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}

func TestParseQuery(t *testing.T) {
	t.Parallel()
	const list = "name a pod: kubectl mindebug pod/NAME"
	const types = "these types are known: pod, deployment, statefulset, daemonset, replicaset, cronjob, job, service"
	tests := []struct {
		words        string
		want         string
		reason, hint string
	}{
		{words: "pod/x", want: "pod/x"},
		{words: "pod x", want: "pod/x"},
		{words: "x", want: "pod/x"},
		{reason: "no target given", hint: "name one: kubectl mindebug pod/NAME"},
		{words: "deploy/x", want: "deployment/x"},
		{words: "pdo/x", reason: `"pdo" is not a resource type that has containers`, hint: "did you mean pod/NAME?"},
		{words: "Deplyo/x", reason: `"Deplyo" is not a resource type that has containers`, hint: "did you mean deployment/NAME?"},
		{words: "foo/x", reason: `"foo" is not a resource type that has containers`, hint: types},
		{words: "ns/x", reason: `"ns" is not a resource type that has containers`, hint: types},
		{words: "endpoints/x", reason: `"endpoints" is not a resource type that has containers`, hint: types},
		{words: "node/x", reason: "mindebug debugs containers, not nodes", hint: "kubectl does: kubectl debug node/x -it --image=busybox"},
		{words: "configmap/x", reason: `"configmap" is not a resource type that has containers`, hint: types},
		{words: "chek pod/x", reason: `there is no verb "chek"`, hint: "did you mean: kubectl mindebug check?"},
		{words: "chek pod/x -o", reason: `there is no verb "chek"`, hint: "did you mean: kubectl mindebug check?"},
		{words: "chek", want: "pod/chek"},
		{words: "node/x ls", reason: `more than one target`, hint: list},
		{words: "pod/", reason: "the name is missing", hint: list},
		{words: "a/b/c", reason: `"a" is not a resource type`, hint: types},
	}
	for _, test := range tests {
		t.Run(test.words, func(t *testing.T) {
			t.Parallel()
			got, err := parseQuery(strings.Fields(test.words), likeVerbs)
			if test.want != "" {
				if err != nil || got.String() != test.want {
					t.Errorf("parseQuery = %v, %v; want %s", got, err, test.want)
				}
				return
			}
			var usage *fault.Usage
			if !errors.As(err, &usage) {
				t.Fatalf("error %v (%T) is no *fault.Usage", err, err)
			}
			if !strings.Contains(usage.Reason, test.reason) || usage.Hint != test.hint {
				t.Errorf("%q with hint %q; want %q with hint %q", usage.Reason, usage.Hint, test.reason, test.hint)
			}
		})
	}
}
