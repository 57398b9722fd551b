package triage

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// listener is the socket on port 8080 in the sample, up to its state.
const listener = "00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A "

// port gives the container a port, and probed a probe that asks there, too, by number and by name.
func port(s *Subject) {
	s.Pod.Spec.Containers[0].Ports = []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}}
}

func probed(s *Subject) {
	port(s)
	c := &s.Pod.Spec.Containers[0]
	c.LivenessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(8080)}}}
	c.ReadinessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Port: intstr.FromString("http")}}}
}

// connected are lines of n connections in a state to 10.0.0.9:9000, of the process that listens in the sample, and then its own.
func connected(n int, state, counts string) []string {
	var lines strings.Builder
	for i := range n {
		fmt.Fprintf(&lines, "   1: 0100000A:%04X 0900000A:2328 %s %s 65532        0 INODE 1\n", 40000+i, state, counts)
	}
	return []string{"   0: " + listener, lines.String() + "   0: " + listener}
}

func TestNet(t *testing.T) {
	t.Parallel()
	const quiet = "00000000:00000000 00:00000000 00000000"
	wantReadings(t, network, map[string]reading{
		"healthy": {sample: "v1-healthy", change: probed, facts: map[string]string{
			"listens": "[::]:8080 (process 1 server)", "connections": "none",
		}},
		"another listens": {sample: "v1-busy", facts: map[string]string{"listens": "[::]:9999 (process 10 nc)"}},
		"nobody listens on a port": {
			sample: "v1-busy", change: port, findings: []string{"warning: nobody listens on port 8080, a port of the container"},
		},
		"nobody listens where probes ask": {
			sample: "v1-busy", change: probed, findings: []string{"critical: nobody listens on port 8080, asked by its liveness probe"},
		},
		"loopback only": {
			sample: "v1-healthy", change: port, replace: []string{"00000000000000000000000000000000:1F90", "00000000000000000000000001000000:1F90"},
			facts:    map[string]string{"listens": "[::1]:8080 (process 1 server)"},
			findings: []string{"warning: port 8080, a port of the container, is listened to on the loopback address only"},
		},
		"does not accept": {
			sample: "v1-healthy", replace: []string{listener + "00000000:00000000", listener + "00000000:00000010"},
			findings: []string{"warning: 16 connections to [::]:8080 wait to be accepted"},
		},
		"no sockets": {sample: "v1-healthy", replace: []string{"  sl  local_address rem_address", ""}, facts: map[string]string{"connections": "none"}},
	})
	for name, test := range map[string]struct {
		lines []string
		want  []string
		fact  string
	}{
		"open":             {connected(3, "01", quiet), nil, "ESTABLISHED 3"},
		"half a minute":    {connected(200, "06", quiet), nil, "TIME_WAIT 200"},
		"not closed":       {connected(25, "08", quiet), []string{"warning: 25 connections were closed by the other side and not by the program (CLOSE_WAIT): 10.0.0.9:9000 25"}, "CLOSE_WAIT 25"},
		"a few not closed": {connected(5, "08", quiet), nil, "CLOSE_WAIT 5"},
		"begun":            {connected(1, "02", quiet), nil, "SYN_SENT 1"},
		"no answer":        {connected(1, "02", "00000001:00000000 01:00000064 00000001"), []string{"warning: it waits for hosts that do not answer (SYN_SENT): 10.0.0.9:9000 1"}, "SYN_SENT 1"},
		"not acknowledged": {
			connected(2, "01", "00000100:00000000 01:00000100 00000005"),
			[]string{"warning: what it sends is not acknowledged and sent again: 10.0.0.9:9000 2"},
			"ESTABLISHED 2",
		},
		"no ports left": {connected(manyTimeWait, "06", quiet), []string{"warning: 10000 connections are in TIME_WAIT"}, "TIME_WAIT 10000"},
	} {
		raw := recorded(t, "v1-healthy", "net", test.lines...)
		inode, _, _ := strings.Cut(raw.Get("owners"), " ")
		for i := range raw {
			raw[i].Data = strings.ReplaceAll(raw[i].Data, "INODE", inode)
		}
		r := readNet(raw, aSubject())
		var got []string
		for _, f := range r.Findings {
			got = append(got, fmt.Sprintf("%s: %s", f.Weight, f.Fact))
		}
		if fmt.Sprint(got) != fmt.Sprint(test.want) || r.Facts[1].Text != test.fact {
			t.Errorf("%s: %q, %q; want %q, %q", name, got, r.Facts[1].Text, test.want, test.fact)
		}
	}
}

func TestOverflows(t *testing.T) {
	t.Parallel()
	var r Reading
	r.overflows("TcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 0 12 13\n", aSubject())
	r.overflows("TcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 0 0 13\n", aSubject())
	r.overflows("TcpExt: SyncookiesSent ListenOverflows\nTcpExt: 0\n", aSubject())
	node := aSubject()
	node.Pod.Spec.HostNetwork = true
	r.overflows("TcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 0 12 13\n", node)
	if len(r.Findings) != 1 || !strings.HasPrefix(r.Findings[0].Fact, "12 connections since the pod started were dropped") {
		t.Errorf("findings %v", r.Findings)
	}
}

func TestHost(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ host, said, reached, want string }{
		"reached":     {"orders.shop:9000", "100.00 1\n", "100.05 1\n", "orders.shop:9000 is reached, in 50ms"},
		"refused":     {"orders.shop:9000", "100.00 1\nnc: can't connect to remote host (10.0.0.1): Connection refused\n", "100.05 1", "orders.shop:9000 is not reached from the pod: can't connect to remote host (10.0.0.1): Connection refused, after 50ms"},
		"no answer":   {"[fd00::1]:80", "100.00 1\nnc: timed out\n", "105.00 1", "[fd00::1]:80 is not reached from the pod: no answer, after 5s"},
		"killed":      {"orders.shop:9000", "100.00 1\n", "110.00 1", "orders.shop:9000 is not reached from the pod: no answer, after 10s"},
		"no name":     {"no.shop:80", "100.00 1\nnc: bad address 'no.shop'\n", "100.00 1", "no.shop:80 is not reached from the pod: bad address 'no.shop', after 0s"},
		"another nc":  {"no.shop:80", "100.00 1\nUsage: nc\n", "100.00 1", "whether no.shop:80 is reached: the nc of the debug image cannot tell"},
		"not printed": {"no.shop:80", "", "", "whether no.shop:80 is reached"},
		"not asked":   {"", "", "", ""},
	} {
		s := aSubject()
		s.Host = test.host
		var r Reading
		r.host(Raw{{"host", test.said}, {"reached", test.reached}}, s)
		got := strings.Join(r.Unread, "")
		for _, f := range r.Facts {
			got += f.Text
		}
		for _, f := range r.Findings {
			got += f.Fact
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
	if words := hostWords(Subject{Host: "[fd00::1]:80"}); len(words) != 2 || words[0] != "fd00::1" || words[1] != "80" {
		t.Errorf("words %q", words)
	}
}

func TestIsOwn(t *testing.T) {
	t.Parallel()
	pod := runs()
	pod.Status.PodIPs = []corev1.PodIP{{IP: "10.1.2.3"}, {IP: "fd00::7"}}
	pod.Spec.Hostname, pod.Spec.Subdomain = "web-0", "pool"
	for host, want := range map[string]bool{
		"": false, "orders.shop:80": false, "10.1.2.4:80": false, "10.1.2.3:80": true, "[fd00:0::7]:80": true, "web:80": true,
		"[::ffff:10.1.2.3]:80": true, "[::ffff:127.0.0.1]:80": true, "web-0:80": true, "web-0.pool:80": true, "web-0.pool.shop.svc.cluster.local:80": true,
		"web-0.other:80": false, "web.example.com:80": false, "web-1.pool:80": false, "db.localhost:80": true,
		"localhost:80": true, "LOCALHOST.:80": true, "127.0.0.9:80": true, "[::1]:80": true, "0.0.0.0:80": true,
	} {
		if got := IsOwn(host, pod); got != want {
			t.Errorf("%q is the target's own: %t, want %t", host, got, want)
		}
	}
	if IsOwn("10.1.2.3:80", nil) || !IsOwn("localhost:80", nil) {
		t.Error("without a pod the loopback address is known, and no other")
	}
}

func TestParseAddress(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"0100007F:1F90": "127.0.0.1:8080", "00000000:0035": "0.0.0.0:53", "00000000000000000000000001000000:1F90": "[::1]:8080",
		"0000000000000000FFFF00000100007F:0050": "127.0.0.1:80", "B80D01200000000067452301EFCDAB89:01BB": "[2001:db8::123:4567:89ab:cdef]:443",
		"": "", "0100007F": "", "0100007F:": "", "0100007F:12345": "", "x100007F:1F90": "", "01:1F90": "",
	} {
		got, ok := parseAddress(text)
		if ok != (want != "") || ok && got != netip.MustParseAddrPort(want) {
			t.Errorf("%q is %s, %t; want %q", text, got, ok, want)
		}
	}
}
