package triage

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"
)

var (
	//go:embed dns.sh
	dnsScript string
	//go:embed dnsask.sh
	dnsAskScript string
)

// dns is how the target finds addresses.
var dns = Topic{
	Name: "dns", About: "resolver files, search domains, each name server asked, how long it takes",
	Applies: always, Script: dnsScript, Gather: askServers, Read: readDNS,
}

// Bounds of the topic: how long an answer may take, how many search domains Kubernetes gives by itself with room for one of
// the node's, and how many names are asked for one.
const (
	slowAnswer     = 500 * time.Millisecond
	usualSearch    = 4
	costlyNdots    = 5
	mostCandidates = 12
)

// Blocks of what was gathered: an answer is askBlock, the server and the name.
const (
	askBlock    = "ask "
	lookupBlock = "lookup "
)

// askServers asks each name server for a name that any has an answer for, and the first that answers for the host as a
// resolver would. The target's own addresses are not asked.
func askServers(ctx context.Context, runner Runner, s Subject, printed Raw) (Raw, error) {
	conf := parseResolver(printed.Get("resolv.conf"))
	servers := conf.asked(s)
	name, _ := conf.probe()
	var words []string
	for _, server := range servers {
		words = append(words, server, name)
	}
	answers, err := ask(ctx, runner, words)
	if err != nil || len(hostWords(s)) == 0 || !isName(hostWords(s)[0]) {
		return answers, err
	}
	if _, err := netip.ParseAddr(hostWords(s)[0]); err == nil {
		return answers, nil
	}
	for _, a := range parseAnswers(answers, askBlock) {
		if a.silent() || a.odd() {
			continue
		}
		words = nil
		candidates := conf.candidates(hostWords(s)[0])
		for _, candidate := range candidates[:min(len(candidates), mostCandidates)] {
			words = append(words, a.server, candidate)
		}
		looked, err := ask(ctx, runner, words)
		for _, b := range looked {
			answers = append(answers, Block{lookupBlock + strings.TrimPrefix(b.Name, askBlock), b.Data})
		}
		return answers, err
	}
	return answers, nil
}

// ask asks servers for names, by pairs, and returns a block for each in their order.
func ask(ctx context.Context, runner Runner, words []string) (Raw, error) {
	if len(words) == 0 {
		return nil, nil
	}
	mark := "#" + rand.Text()
	out := &head{limit: 256 << 10}
	status, err := runner.Run(ctx, dnsAskScript, append([]string{mark}, words...), nil, out, io.Discard)
	if err == nil && status != 0 {
		err = fmt.Errorf("asking the name servers ended with exit status %d", status)
	}
	parsed, _ := parseRaw(out.text.String(), mark)
	var blocks Raw
	for i := 0; i < len(words); i += 2 {
		for _, b := range parsed[strings.TrimSpace(askBlock)] {
			if b.Name == words[i]+" "+words[i+1] {
				blocks = append(blocks, Block{askBlock + b.Name, b.Data})
				break
			}
		}
	}
	if err == nil && len(blocks) == 0 {
		err = errors.New("the name servers could not be asked")
	}
	return blocks, err
}

// answer is what came of asking a server for a name.
type answer struct {
	server, name, said string
	took               time.Duration
}

func parseAnswers(raw Raw, kind string) (answers []answer) {
	for _, b := range raw {
		words, ok := strings.CutPrefix(b.Name, kind)
		if !ok {
			continue
		}
		server, name, _ := strings.Cut(words, " ")
		times, said, _ := strings.Cut(b.Data, "\n")
		a := answer{server: server, name: name, said: said}
		began, ended, _ := strings.Cut(times, " ")
		from, ok := uptime(began)
		to, also := uptime(ended)
		if ok && also {
			a.took = to - from
		}
		answers = append(answers, a)
	}
	return answers
}

// silent reports that no answer came. BusyBox goes on asking where the port is closed; timeout(1) leaves no word.
func (a answer) silent() bool {
	if a.found() || a.code() != "" || a.empty() {
		return false
	}
	for _, words := range []string{"timed out", "onnection refused", "nreachable"} {
		if strings.Contains(a.said, words) {
			return true
		}
	}
	return strings.TrimSpace(a.said) == ""
}

// odd reports what no nslookup of BusyBox says: the debug image is another.
func (a answer) odd() bool { return !a.found() && a.code() == "" && !a.empty() && !a.silent() }

// found reports whether there is an address.
func (a answer) found() bool { return strings.Contains(a.said, "\nName:") }

// empty reports that the name is there, without an address.
func (a answer) empty() bool { return strings.Contains(a.said, "Can't find "+a.name) }

// code is the server's word for why it has none: NXDOMAIN, SERVFAIL, REFUSED.
func (a answer) code() string {
	_, rest, ok := strings.Cut(a.said, "server can't find "+a.name+": ")
	if !ok {
		return ""
	}
	word, _, _ := strings.Cut(rest, "\n")
	return cut(strings.TrimSpace(word))
}

// short is what came instead of an address.
func (a answer) short() string {
	switch {
	case a.code() != "":
		return a.code()
	case a.empty():
		return "no address"
	case strings.Contains(a.said, "onnection refused"):
		return "no answer, connection refused"
	}
	return "no answer within 3 seconds"
}

// text is the answer for a reader.
func (a answer) text() string {
	took := fmt.Sprintf(", in %s", a.took.Round(10*time.Millisecond))
	switch {
	case a.found():
		return "answers" + took
	case a.silent():
		return a.short()
	}
	return fmt.Sprintf("answers %s for %s%s", a.short(), a.name, took)
}

func readDNS(raw Raw, s Subject) Reading {
	var r Reading
	conf := parseResolver(raw.Get("resolv.conf"))
	r.fact("policy", string(s.Pod.Spec.DNSPolicy))
	if raw.has("resolv.conf") {
		r.fact("name servers", orNone(some(conf.servers)))
		r.fact("search", fmt.Sprintf("%s; ndots %d", orNone(some(conf.search)), conf.ndots))
		const outside = "api.example.com"
		for i, name := range conf.candidates(outside) {
			if name == outside+"." {
				r.fact("cost", fmt.Sprintf("%s is looked up by %s of the same, for IPv4 and IPv6 each", outside, plural(i+1, "question")))
			}
		}
	}
	r.resolverFiles(raw, conf, s)
	r.servers(parseAnswers(raw, askBlock), conf, s)
	r.looked(parseAnswers(raw, lookupBlock), s)
	return r
}

// has reports whether there is such a block.
func (r Raw) has(name string) bool {
	return slices.ContainsFunc(r, func(b Block) bool { return b.Name == name })
}

// resolverFiles is what the files say by themselves.
func (r *Reading) resolverFiles(raw Raw, conf resolver, s Subject) {
	next := s.look("cat @/etc/resolv.conf")
	for _, f := range []string{"resolv.conf", "hosts", "nsswitch.conf"} {
		if raw.has("closed " + f) {
			r.unread("/etc/" + f + ", which is closed to the target's user, too")
		}
	}
	switch n := len(conf.servers); {
	case len(raw) == 0 || raw.has("closed resolv.conf"):
	case !raw.has("resolv.conf"):
		r.find(Critical, "there is no /etc/resolv.conf", "resolvers then ask 127.0.0.1, where nobody answers", s.look("ls -la @/etc"))
	case n == 0:
		r.find(Critical, "/etc/resolv.conf names no server", "resolvers then ask 127.0.0.1, where nobody answers", next)
	case n > mostServers:
		r.find(Notice, fmt.Sprintf("%d name servers are given and programs ask only the first %d", n, mostServers), "the others are never asked", next)
	}
	if n := len(conf.search); conf.ndots >= costlyNdots && n > usualSearch {
		r.find(Notice, fmt.Sprintf("ndots is %d, with %d search domains", conf.ndots, n),
			fmt.Sprintf("a name outside of the cluster is asked for up to %d times before it is found; write it with a dot at its end, or lower ndots in the pod's dnsConfig", 2*(n+1)),
			next)
	}
	if n := len(conf.search); n > mostSearch {
		r.find(Notice, fmt.Sprintf("there are %d search domains", n), fmt.Sprintf("C libraries before glibc 2.26 take the first %d", mostSearch), next)
	}
	r.hostsFile(raw, s)
	r.nameSwitch(raw, s)
}

// hostsFile looks for localhost, which programs take for granted, and for the host that is asked about.
func (r *Reading) hostsFile(raw Raw, s Subject) {
	if len(raw) == 0 || raw.has("closed hosts") {
		return
	}
	host, names := "", 0
	local := false
	if words := hostWords(s); len(words) > 0 {
		host = words[0]
	}
	for line := range strings.Lines(raw.Get("hosts")) {
		line, _, _ = strings.Cut(line, "#")
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		names += len(f) - 1
		local = local || slices.Contains(f[1:], "localhost")
		if host != "" && slices.Contains(f[1:], host) {
			r.fact("hosts file", fmt.Sprintf("%s is %s there, whatever the name servers say", host, cut(f[0])))
		}
	}
	r.fact("hosts", plural(names, "name"))
	if !local {
		r.find(Warning, "/etc/hosts does not have localhost", "a program that connects to localhost asks the name servers, or fails", s.look("cat @/etc/hosts"))
	}
}

// nameSwitch is about programs with glibc, which takes its order of files and servers from nsswitch.conf (nsswitch.conf(5)).
func (r *Reading) nameSwitch(raw Raw, s Subject) {
	libc := strings.TrimSpace(raw.Get("libc"))
	if !strings.HasPrefix(libc, "libc") {
		if libc != "" {
			r.fact("C library", "musl, which reads no nsswitch.conf")
		}
		return
	}
	r.fact("C library", "glibc")
	if raw.has("closed nsswitch.conf") {
		return
	}
	if !raw.has("nsswitch.conf") {
		r.find(Notice, "there is no /etc/nsswitch.conf, and the program uses glibc", "before glibc 2.35 it then asks the name servers before /etc/hosts: hostAliases and localhost depend on them",
			s.look("ls -la @/etc"))
		return
	}
	for line := range strings.Lines(raw.Get("nsswitch.conf")) {
		if sources, ok := strings.CutPrefix(strings.TrimSpace(line), "hosts:"); ok {
			r.fact("order", strings.Join(strings.Fields(cut(sources)), " "))
			if !slices.ContainsFunc(strings.Fields(sources), func(w string) bool { return w == "dns" || w == "resolve" }) {
				r.find(Critical, "/etc/nsswitch.conf has no dns for hosts", "programs with glibc ask no name server", s.look("cat @/etc/nsswitch.conf"))
			}
		}
	}
}

// servers is what each of them answered.
func (r *Reading) servers(answers []answer, conf resolver, s Subject) {
	_, clusters := conf.probe()
	var silent, ignorant, slow []string
	for _, a := range answers {
		if a.odd() {
			r.unread(fmt.Sprintf("whether %s answers: the nslookup of the debug image says %q", a.server, cut(strings.TrimSpace(a.said))))
			continue
		}
		r.fact("server "+a.server, a.text())
		switch {
		case a.silent():
			silent = append(silent, a.server)
		case clusters && !a.found():
			ignorant = append(ignorant, a.server)
		case a.took >= slowAnswer:
			slow = append(slow, fmt.Sprintf("%s (%s)", a.server, a.took.Round(10*time.Millisecond)))
		}
	}
	for _, server := range conf.servers[:min(len(conf.servers), mostServers)] {
		if !slices.Contains(conf.asked(s), server) {
			r.fact("server "+server, "not asked: it is the pod itself, or no address")
		}
	}
	name, _ := conf.probe()
	next := func(servers []string) string {
		if len(servers) == 0 {
			return ""
		}
		server, _, _ := strings.Cut(servers[0], " ")
		return s.look("nslookup " + name + " " + server)
	}
	switch {
	case len(silent) > 0 && len(silent) == len(conf.servers[:min(len(conf.servers), mostServers)]):
		r.find(Critical, "no name server answers: "+some(silent), "no name is found: a server that is down, or a network policy that does not allow port 53", next(silent))
	case len(silent) > 0:
		r.find(Warning, "a name server does not answer: "+some(silent), "each lookup that begins there waits for it, 5 seconds by default", next(silent))
	}
	if len(ignorant) > 0 {
		r.find(Warning, fmt.Sprintf("a name server does not know %s: %s", name, some(ignorant)),
			"names of Services are not found where it is asked, now and then if there are others", next(ignorant))
	}
	if len(slow) > 0 {
		r.find(Warning, "a name server is slow: "+some(slow), "each new connection waits for it, with search domains several times", next(slow))
	}
}

// looked is what came of the host's name.
func (r *Reading) looked(answers []answer, s Subject) {
	if len(answers) == 0 {
		return
	}
	host := hostWords(s)[0]
	for i, a := range answers {
		if a.found() {
			r.fact("host", fmt.Sprintf("%s is found as %s, by question %d of the resolver", host, a.name, i+1))
			return
		}
	}
	var said []string
	for _, a := range answers {
		said = append(said, a.name+": "+a.short())
	}
	r.find(Critical, fmt.Sprintf("the name %s is not found: %s", host, some(said)), "the name is wrong, its Service is in another namespace, or the record is gone",
		s.look("nslookup "+answers[0].name+" "+answers[0].server))
}
