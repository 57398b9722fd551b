package triage

import (
	_ "embed"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

//go:embed net.sh
var netScript string

// network is who listens, who is connected, and whether a host is reached.
var network = Topic{
	Name: "net", About: "who listens where, connections by state, whether --host is reached",
	Applies: always, Script: netScript, Args: hostWords, Read: readNet,
}

// hostWords are the host and the port that are to be reached.
func hostWords(s Subject) []string {
	i := strings.LastIndex(s.Host, ":")
	if i < 0 {
		return nil
	}
	return []string{strings.Trim(s.Host[:i], "[]"), s.Host[i+1:]}
}

// IsOwn reports whether the host is the target's own pod: nothing is sent to a port of the target. Pod may be nil, where it is
// not known yet.
func IsOwn(host string, pod *corev1.Pod) bool {
	words := hostWords(Subject{Host: host})
	if len(words) == 0 {
		return false
	}
	name := strings.ToLower(strings.TrimSuffix(words[0], "."))
	address, err := netip.ParseAddr(name)
	address = address.Unmap()
	if err == nil && (address.IsLoopback() || address.IsUnspecified()) || name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	if pod == nil {
		return false
	}
	for _, ip := range pod.Status.PodIPs {
		own, wrong := netip.ParseAddr(ip.IP)
		if wrong == nil && err == nil && own.Unmap() == address {
			return true
		}
	}
	// Its own name, alone in /etc/hosts, and before its subdomain's in the DNS of a cluster (KEP-1797 has others).
	first, rest, _ := strings.Cut(name, ".")
	subdomain, _, _ := strings.Cut(rest, ".")
	return (first == pod.Name || first == pod.Spec.Hostname) && (rest == "" || subdomain == pod.Spec.Subdomain)
}

// Bounds of the topic: how many connections in a state are many.
const (
	manyUnclosed  = 20
	manyWaiting   = 5
	manyTimeWait  = 10000
	manyUnhearing = 3
)

// readNet reads the socket tables (proc_net in the kernel: networking/proc_net_tcp.rst).
func readNet(raw Raw, s Subject) Reading {
	var r Reading
	names := map[string]string{}
	comm := parseDump(raw.Get("names"))
	for _, p := range comm.paths {
		names[strings.Split(p, "/")[2]] = cut(comm.lines[p][0])
	}
	owners := socketOwners(raw)
	own := func(k socket) bool { return len(owners) == 0 || len(owners[k.inode]) > 0 }
	by := func(k socket) string {
		if pids := owners[k.inode]; len(pids) > 0 {
			return fmt.Sprintf("process %s %s", pids[0], names[pids[0]])
		}
		return "not by a process of this container that can be read"
	}
	tcp := append(parseSockets(raw.Get("tcp")), parseSockets(raw.Get("tcp6"))...)
	if raw.Get("tcp") == "" {
		r.unread("the sockets of the pod under /proc/net")
		return r
	}
	var listens []string
	states := map[string]int{}
	for _, k := range tcp {
		if k.state == listening {
			listens = append(listens, fmt.Sprintf("%s (%s)", k.local, by(k)))
		} else {
			states[k.state]++
		}
	}
	for _, k := range append(parseSockets(raw.Get("udp")), parseSockets(raw.Get("udp6"))...) {
		if !k.remote.Addr().IsValid() || k.remote.Port() == 0 {
			listens = append(listens, fmt.Sprintf("udp %s (%s)", k.local, by(k)))
		}
	}
	if len(listens) == 0 {
		listens = []string{"nobody"}
	}
	r.fact("listens", some(listens))
	r.fact("connections", orNone(some(counted(states))))
	r.ports(tcp, s)
	r.connections(tcp, states, own, s)
	r.overflows(raw.Get("netstat"), s)
	r.host(raw, s)
	return r
}

// socketOwners are the processes by the inodes of their sockets, of which several may share one.
func socketOwners(raw Raw) map[string][]string {
	owners := map[string][]string{}
	for line := range strings.Lines(raw.Get("owners")) {
		if inode, pid, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			owners[inode] = append(owners[inode], pid)
		}
	}
	return owners
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

// socket is a line of /proc/net/tcp and its like.
type socket struct {
	local, remote netip.AddrPort
	state, inode  string
	queued        int64
	unanswered    int64
}

// listening is the state of a socket that accepts connections.
const listening = "LISTEN"

// tcpStates are those of include/net/tcp_states.h by their numbers.
var tcpStates = map[string]string{
	"01": "ESTABLISHED", "02": "SYN_SENT", "03": "SYN_RECV", "04": "FIN_WAIT1", "05": "FIN_WAIT2", "06": "TIME_WAIT", "07": "CLOSE",
	"08": "CLOSE_WAIT", "09": "LAST_ACK", "0A": listening, "0B": "CLOSING", "0C": "NEW_SYN_RECV",
}

func parseSockets(text string) (sockets []socket) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 10 {
			continue
		}
		local, ok := parseAddress(f[1])
		remote, also := parseAddress(f[2])
		if !ok || !also {
			continue
		}
		_, queued, _ := strings.Cut(f[4], ":")
		k := socket{local: local, remote: remote, state: tcpStates[f[3]], inode: f[9]}
		k.queued, _ = strconv.ParseInt(queued, 16, 64)
		k.unanswered, _ = strconv.ParseInt(f[6], 16, 64)
		sockets = append(sockets, k)
	}
	return sockets
}

// parseAddress reads "0100007F:1F90": words of 32 bits, each in the byte order of the machine, which is little-endian
// wherever the debug image runs.
func parseAddress(text string) (netip.AddrPort, bool) {
	address, port, _ := strings.Cut(text, ":")
	n, err := strconv.ParseUint(port, 16, 16)
	if err != nil || len(address) != 8 && len(address) != 32 {
		return netip.AddrPort{}, false
	}
	var bytes []byte
	for i := 0; i < len(address); i += 8 {
		word, err := strconv.ParseUint(address[i:i+8], 16, 32)
		if err != nil {
			return netip.AddrPort{}, false
		}
		bytes = append(bytes, byte(word), byte(word>>8), byte(word>>16), byte(word>>24))
	}
	a, ok := netip.AddrFromSlice(bytes)
	return netip.AddrPortFrom(a.Unmap(), uint16(n)), ok
}

// wanted is a port that the pod says is served.
type wanted struct {
	port   uint16
	says   string
	weight Weight
}

// wantedPorts are those of the container's ports and probes.
func wantedPorts(c corev1.Container) (ports []wanted) {
	byName := map[string]int32{}
	for _, p := range c.Ports {
		byName[p.Name] = p.ContainerPort
		if p.Protocol == corev1.ProtocolTCP || p.Protocol == "" {
			ports = append(ports, wanted{uint16(p.ContainerPort), "a port of the container", Warning})
		}
	}
	for _, probe := range []struct {
		*corev1.Probe
		name string
	}{{c.LivenessProbe, "liveness"}, {c.ReadinessProbe, "readiness"}, {c.StartupProbe, "startup"}} {
		if probe.Probe == nil {
			continue
		}
		n := 0
		switch {
		case probe.HTTPGet != nil && probe.HTTPGet.Host == "":
			n = cmpPort(probe.HTTPGet.Port.IntValue(), byName[probe.HTTPGet.Port.StrVal])
		case probe.TCPSocket != nil && probe.TCPSocket.Host == "":
			n = cmpPort(probe.TCPSocket.Port.IntValue(), byName[probe.TCPSocket.Port.StrVal])
		case probe.GRPC != nil:
			n = int(probe.GRPC.Port)
		}
		if n > 0 {
			ports = append(ports, wanted{uint16(n), "asked by its " + probe.name + " probe", Critical})
		}
	}
	slices.SortStableFunc(ports, func(a, b wanted) int {
		return slices.Index(weights, a.weight) - slices.Index(weights, b.weight)
	})
	return ports
}

// cmpPort is a port by number, else by its name.
func cmpPort(number int, named int32) int {
	if number > 0 {
		return number
	}
	return int(named)
}

// ports compares what the pod says with who listens.
func (r *Reading) ports(tcp []socket, s Subject) {
	c, _ := s.container()
	said := map[uint16]bool{}
	for _, w := range wantedPorts(c) {
		if said[w.port] {
			continue
		}
		said[w.port] = true
		heard, open := false, false
		for _, k := range tcp {
			if k.state == listening && k.local.Port() == w.port {
				heard, open = true, open || !k.local.Addr().IsLoopback()
			}
		}
		next := s.look("netstat -ltn")
		switch {
		case !heard:
			r.find(w.weight, fmt.Sprintf("nobody listens on port %d, %s", w.port, w.says), `who connects is refused: "connection refused"`, next)
		case !open:
			r.find(w.weight, fmt.Sprintf("port %d, %s, is listened to on the loopback address only", w.port, w.says),
				"nobody outside of the pod reaches it, a Service and the kubelet neither; bind it to 0.0.0.0 or ::", next)
		}
	}
}

// connections are those in states that tell of trouble; of sockets that are known to be others' only what has no owner counts.
func (r *Reading) connections(tcp []socket, states map[string]int, own func(socket) bool, s Subject) {
	unclosed, unanswered, unheard := map[string]int{}, map[string]int{}, map[string]int{}
	for _, k := range tcp {
		switch remote := k.remote.String(); {
		case !own(k):
		case k.state == listening && k.queued >= manyWaiting:
			r.find(Warning, fmt.Sprintf("%d connections to %s wait to be accepted", k.queued, k.local),
				"the program does not take them: it hangs, or has too few threads; who connects waits", s.look("cat @/proc/@pid/net/tcp @/proc/@pid/net/tcp6"))
		case k.state == "CLOSE_WAIT":
			unclosed[remote]++
		case k.state == "SYN_SENT" && k.unanswered > 0: // the first try is on its way for a moment in any program
			unanswered[remote]++
		case k.state == "ESTABLISHED" && k.unanswered >= manyUnhearing:
			unheard[remote]++
		}
	}
	next := s.look("netstat -tn")
	if n := total(unclosed); n >= manyUnclosed {
		r.find(Warning, fmt.Sprintf("%d connections were closed by the other side and not by the program (CLOSE_WAIT): %s", n, some(counted(unclosed))),
			"it leaks them, until there are no files or memory left", next)
	}
	if len(unanswered) > 0 {
		r.find(Warning, "it waits for hosts that do not answer (SYN_SENT): "+some(counted(unanswered)),
			"a host that is down, a wrong address, or a network policy; each try takes up to two minutes", next)
	}
	if len(unheard) > 0 {
		r.find(Warning, "what it sends is not acknowledged and sent again: "+some(counted(unheard)), "the way there is broken, or the other side is gone", next)
	}
	if n := states["TIME_WAIT"]; n >= manyTimeWait && !s.Pod.Spec.HostNetwork {
		r.find(Warning, fmt.Sprintf("%d connections are in TIME_WAIT", n), "ports for new ones to the same host run out: keep connections open and use them again", next)
	}
}

func total(counts map[string]int) (n int) {
	for c := range maps.Values(counts) {
		n += c
	}
	return n
}

// overflows are connections that were dropped since nobody accepted them (ListenOverflows in net/ipv4/proc.c).
func (r *Reading) overflows(text string, s Subject) {
	names, rest, _ := strings.Cut(text, "\n")
	values := strings.Fields(rest)
	i := slices.Index(strings.Fields(names), "ListenOverflows")
	if i < 0 || i >= len(values) {
		return
	}
	if n, ok := number(values[i]); ok && n > 0 && !s.Pod.Spec.HostNetwork { // of the node's network it is not told whose they were
		r.find(Notice, fmt.Sprintf("%s since the pod started were dropped because the queue of a listening socket was full", plural(n, "connection")),
			"the program was too slow to accept; who connected waited a second or more", s.look("cat @/proc/@pid/net/netstat"))
	}
}

// host is whether the host was reached.
func (r *Reading) host(raw Raw, s Subject) {
	if s.Host == "" {
		return
	}
	began, said, _ := strings.Cut(raw.Get("host"), "\n")
	from, ok := uptime(began)
	to, also := uptime(raw.Get("reached"))
	if !ok || !also {
		r.unread("whether " + s.Host + " is reached")
		return
	}
	took := (to - from).Round(10 * time.Millisecond)
	said = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(said), "nc: "))
	if said == "" && took < 10*time.Second {
		r.fact("host", fmt.Sprintf("%s is reached, in %s", s.Host, took))
		return
	}
	why, next := "the name is known and the way there is not", ""
	switch {
	case strings.Contains(said, "sage:"):
		r.unread(fmt.Sprintf("whether %s is reached: the nc of the debug image cannot tell", s.Host))
		return
	case said == "", strings.Contains(said, "timed out"):
		said, why = "no answer", "the host is down, the address is wrong, or a network policy or a firewall drops what is sent there"
		next = s.kubectl("get networkpolicies")
	case strings.Contains(said, "refused"):
		why = "the host is there and nobody listens on that port, or a firewall refuses for it"
	case strings.Contains(said, "bad address"):
		why, next = "no name server knows the name, or none answers", s.look("nslookup "+hostWords(s)[0])
	}
	r.find(Critical, fmt.Sprintf("%s is not reached from the pod: %s, after %s", s.Host, cut(said), took), why, next)
}
