package triage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

// What BusyBox 1.35 says, recorded.
const (
	saidFound   = "Server:\t\t10.0.0.10\nAddress:\t10.0.0.10:53\n\nName:\tkubernetes.default.svc.cluster.local\nAddress: 10.96.0.1\n"
	saidNone    = "Server:\t\t10.0.0.10\nAddress:\t10.0.0.10:53\n\n** server can't find %[1]s: NXDOMAIN\n\n** server can't find %[1]s: NXDOMAIN\n"
	saidEmpty   = "Server:\t\t10.0.0.10\nAddress:\t10.0.0.10:53\n\n*** Can't find %s: No answer\n"
	saidNobody  = ";; connection timed out; no servers could be reached\n"
	saidRefused = "nslookup: read: Connection refused\n" + saidNobody
)

const (
	clusterConf  = "search shop.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.0.0.10\noptions ndots:5\n"
	clusterProbe = "kubernetes.default.svc.cluster.local."
	usualHosts   = "# made by the kubelet\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost\n10.1.2.3\tweb\n"
	usualSwitch  = "passwd: files\nhosts:  files dns\n"
)

// gathered is what the topic has of a target, with blocks changed, and without those whose text is "-".
func gatheredDNS(change map[string]string) (raw Raw) {
	blocks := Raw{{"resolv.conf", clusterConf}, {"hosts", usualHosts}, {"nsswitch.conf", usualSwitch}, {"libc", "libc.so.6\n"}}
	if _, asked := change["ask"]; !asked {
		blocks = append(blocks, Block{askBlock + "10.0.0.10 " + clusterProbe, "100.00 100.01\n" + saidFound})
	}
	for _, b := range blocks {
		if text, changed := change[b.Name]; changed {
			b.Data = text
		}
		if b.Data != "-" {
			raw = append(raw, b)
		}
	}
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for name := range change {
			if !yield(name) {
				return
			}
		}
	}) {
		if !raw.has(name) && change[name] != "-" {
			raw = append(raw, Block{name, change[name]})
		}
	}
	return raw
}

func TestReadDNS(t *testing.T) {
	t.Parallel()
	answered := func(server, name, times, said string) map[string]string {
		return map[string]string{"ask": "-", askBlock + server + " " + name: times + "\n" + said}
	}
	with := func(m map[string]string, more ...string) map[string]string {
		for i := 0; i < len(more); i += 2 {
			m[more[i]] = more[i+1]
		}
		return m
	}
	two := strings.Replace(clusterConf, "nameserver", "nameserver 10.0.0.9\nnameserver", 1)
	for name, test := range map[string]struct {
		change                  map[string]string
		host                    string
		facts, findings, unread []string
	}{
		"healthy": {facts: []string{
			"name servers: 10.0.0.10", "server 10.0.0.10: answers, in 10ms", "C library: glibc", "order: files dns", "hosts: 4 names",
			"cost: api.example.com is looked up by 4 questions of the same, for IPv4 and IPv6 each",
		}},
		"no resolv.conf":       {change: map[string]string{"resolv.conf": "-", "ask": "-"}, findings: []string{"critical: there is no /etc/resolv.conf"}},
		"no server in it":      {change: map[string]string{"resolv.conf": "# nothing\n", "ask": "-"}, findings: []string{"critical: /etc/resolv.conf names no server"}},
		"closed":               {change: map[string]string{"resolv.conf": "-", "ask": "-", "closed resolv.conf": ""}, unread: []string{"/etc/resolv.conf, which is closed to the target's user, too"}},
		"refused":              {change: answered("10.0.0.10", clusterProbe, "1.0 6.0", saidRefused), facts: []string{"server 10.0.0.10: no answer, connection refused"}, findings: []string{"critical: no name server answers: 10.0.0.10"}},
		"killed by its bound":  {change: answered("10.0.0.10", clusterProbe, "1.0 7.0", ""), findings: []string{"critical: no name server answers: 10.0.0.10"}},
		"one of two":           {change: map[string]string{"resolv.conf": two, askBlock + "10.0.0.9 " + clusterProbe: "1.0 6.0\n" + saidNobody}, findings: []string{"warning: a name server does not answer: 10.0.0.9"}},
		"not the cluster's":    {change: answered("10.0.0.10", clusterProbe, "1.0 1.1", fmt.Sprintf(saidNone, clusterProbe)), facts: []string{"server 10.0.0.10: answers NXDOMAIN for " + clusterProbe + ", in 100ms"}, findings: []string{"warning: a name server does not know " + clusterProbe + ": 10.0.0.10"}},
		"slow":                 {change: answered("10.0.0.10", clusterProbe, "1.0 1.6", saidFound), findings: []string{"warning: a name server is slow: 10.0.0.10 (600ms)"}},
		"another nslookup":     {change: answered("10.0.0.10", clusterProbe, "1.0 1.0", "timeout: can't execute 'nslookup'"), unread: []string{`whether 10.0.0.10 answers: the nslookup of the debug image says "timeout: can't execute 'nslookup'"`}},
		"outside of a cluster": {change: with(answered("10.0.0.10", "corp.", "1.0 1.1", fmt.Sprintf(saidEmpty, "corp.")), "resolv.conf", "nameserver 10.0.0.10\nsearch corp\n"), facts: []string{"server 10.0.0.10: answers no address for corp., in 100ms"}},
		"itself":               {change: with(map[string]string{"ask": "-"}, "resolv.conf", "nameserver 127.0.0.1\n"), facts: []string{"server 127.0.0.1: not asked: it is the pod itself, or no address"}},
		"many servers": {
			change:   map[string]string{"resolv.conf": "nameserver 127.0.0.1\nnameserver 127.0.0.1\nnameserver 127.0.0.1\nnameserver 10.0.0.7\n", "ask": "-"},
			findings: []string{"notice: 4 name servers are given and programs ask only the first 3"},
		},
		"many domains": {
			change:   map[string]string{"resolv.conf": strings.Replace(clusterConf, "search", "search a b c d", 1)},
			findings: []string{"notice: ndots is 5, with 7 search domains", "notice: there are 7 search domains"},
		},
		"many domains, ndots 1":     {change: map[string]string{"resolv.conf": "search a b svc.cluster.local c d\nnameserver 10.0.0.10\n"}, facts: []string{"cost: api.example.com is looked up by 1 question of the same, for IPv4 and IPv6 each"}},
		"no localhost":              {change: map[string]string{"hosts": "# localhost\n10.1.2.3 web\n"}, findings: []string{"warning: /etc/hosts does not have localhost"}},
		"no nsswitch.conf":          {change: map[string]string{"nsswitch.conf": "-"}, findings: []string{"notice: there is no /etc/nsswitch.conf, and the program uses glibc"}},
		"no nsswitch.conf, static":  {change: map[string]string{"nsswitch.conf": "-", "libc": ""}},
		"no nsswitch.conf, musl":    {change: map[string]string{"nsswitch.conf": "-", "libc": "ld-musl\n"}, facts: []string{"C library: musl, which reads no nsswitch.conf"}},
		"nsswitch.conf without dns": {change: map[string]string{"nsswitch.conf": "hosts: files mdns4_minimal\n"}, findings: []string{"critical: /etc/nsswitch.conf has no dns for hosts"}},
		"a host":                    {host: "db:5432", change: map[string]string{lookupBlock + "10.0.0.10 db.x.": "1.0 1.0\n" + saidFound}, facts: []string{"host: db is found as db.x., by question 1 of the resolver"}},
		"no such host":              {host: "db:5432", change: map[string]string{lookupBlock + "10.0.0.10 db.": "1.0 1.0\n" + fmt.Sprintf(saidNone, "db.")}, findings: []string{"critical: the name db is not found: db.: NXDOMAIN"}},
		"a host of the file":        {host: "web:80", facts: []string{"hosts file: web is 10.1.2.3 there, whatever the name servers say"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := aSubject()
			s.Host = test.host
			r := readDNS(gatheredDNS(test.change), s)
			var findings []string
			for _, f := range r.Findings {
				findings = append(findings, fmt.Sprintf("%s: %s", f.Weight, f.Fact))
			}
			if diff := cmp.Diff(test.findings, findings); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.unread, r.Unread); diff != "" {
				t.Errorf("not read (-want +got):\n%s", diff)
			}
			for _, want := range test.facts {
				if !slices.ContainsFunc(r.Facts, func(f Fact) bool { return f.Name+": "+f.Text == want }) {
					t.Errorf("facts %q lack %q", r.Facts, want)
				}
			}
		})
	}
}

func TestResolver(t *testing.T) {
	t.Parallel()
	r := parseResolver("# c\n; c\ndomain a\nnameserver\nsearch b  c;d\nnameserver fd00::1%eth0\nnameserver nonsense\noptions timeout:1 ndots:99 ndots:x\nsortlist 1\n")
	if diff := cmp.Diff(resolver{servers: []string{"fd00::1%eth0", "nonsense"}, search: []string{"b", "c;d"}, ndots: 15}, r, cmp.AllowUnexported(resolver{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"fd00::1%eth0"}, r.asked(aSubject())); diff != "" {
		t.Errorf("asked are (-want +got):\n%s", diff)
	}
	own := aSubject()
	own.Pod.Status.PodIPs = []corev1.PodIP{{IP: "10.0.0.10"}}
	if got := parseResolver(clusterConf).asked(own); len(got) > 0 {
		t.Errorf("of the pod itself %q would be asked", got)
	}
	for name, want := range map[string][]string{
		"db.":        {"db."},
		"db":         {"db.b.", "db."},
		"a.b.c.d":    {"a.b.c.d.b.", "a.b.c.d."},
		"a.b.c.d.ex": {"a.b.c.d.ex.", "a.b.c.d.ex.b."},
	} {
		conf := resolver{search: []string{"b", "c;d", "-type=any"}, ndots: 4}
		if diff := cmp.Diff(want, conf.candidates(name)); diff != "" {
			t.Errorf("for %s (-want +got):\n%s", name, diff)
		}
	}
}

// askRunner is a session container whose nslookup is a script of ours; the scripts of topics print nothing there.
type askRunner struct {
	local
	words []string
}

// Run implements Runner.
func (r *askRunner) Run(ctx context.Context, script string, args []string, stdin io.Reader, stdout, stderr io.Writer) (int, error) {
	r.words = append(r.words, args[1:]...)
	return r.local.Run(ctx, script, args, stdin, stdout, stderr)
}

// offline answers for the name servers of this machine, and for who would speak TLS.
type offline struct{ local }

// Run implements Runner.
func (o offline) Run(ctx context.Context, script string, args []string, stdin io.Reader, stdout, stderr io.Writer) (int, error) {
	if script == dialScript {
		return 1, nil
	}
	if script != dnsAskScript {
		return o.local.Run(ctx, script, args, stdin, stdout, stderr)
	}
	for i := 1; i+1 < len(args); i += 2 {
		fmt.Fprintf(stdout, "\n%s ask %s %s\n1.0 1.0\n%s", args[0], args[i], args[i+1], saidFound)
	}
	return 0, nil
}

// TestAskServers: each server is asked once for what any knows, and the one that answers for the host, in the resolver's order.
func TestAskServers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"timeout":  "#!/bin/sh\nshift\nexec \"$@\"\n",
		"nslookup": "#!/bin/sh\n[ \"$2\" = 10.0.0.10 ] || { echo ';; connection timed out; no servers could be reached'; exit 1; }\nprintf '\\nName:\\t%s\\n' \"$1\"\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	s := aSubject()
	s.Host = "db:5432"
	runner := &askRunner{local: local{[]string{"/usr/bin/env", "PATH=" + dir + ":" + os.Getenv("PATH"), sh}}}
	raw, err := askServers(t.Context(), runner, s, Raw{{"resolv.conf", "nameserver 10.0.0.9\n" + clusterConf}})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"10.0.0.9", clusterProbe, "10.0.0.10", clusterProbe,
		"10.0.0.10", "db.shop.svc.cluster.local.", "10.0.0.10", "db.svc.cluster.local.", "10.0.0.10", "db.cluster.local.", "10.0.0.10", "db.",
	}
	if diff := cmp.Diff(want, runner.words); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	answers, looked := parseAnswers(raw, askBlock), parseAnswers(raw, lookupBlock)
	if len(answers) != 2 || !answers[0].silent() || !answers[1].found() || len(looked) != 4 || !looked[3].found() || looked[3].name != "db." {
		t.Errorf("answers %+v, then %+v", answers, looked)
	}
	for _, runner := range []Runner{&says{status: 3}, &says{err: errors.New("lost")}, &says{}} {
		if _, err := askServers(t.Context(), runner, s, Raw{{"resolv.conf", clusterConf}}); err == nil {
			t.Errorf("%+v is taken for answers", runner)
		}
	}
	if raw, err := askServers(t.Context(), &says{err: errors.New("asked")}, s, Raw{{"resolv.conf", "nameserver 127.0.0.1\n"}}); err != nil || len(raw) > 0 {
		t.Errorf("of the pod itself: %v, %v", raw, err)
	}
}
