package e2e

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
)

// lookAt runs triage for one topic, of which all must be read.
func lookAt(t *testing.T, pod *corev1.Pod, topic string, args ...string) triaged {
	t.Helper()
	report := triage(t, pod, append([]string{topic}, args...)...)
	if len(report.Topics) != 1 || report.Topics[0].Name != topic || len(report.Topics[0].Unread) > 0 {
		t.Fatalf("topics %+v", report.Topics)
	}
	return report
}

// want holds the findings, "weight: fact", to what was planted.
func (r triaged) want(t *testing.T, findings ...string) {
	t.Helper()
	var got []string
	for _, f := range r.Findings {
		got = append(got, f.Weight+": "+f.Fact)
	}
	if !slices.Equal(got, findings) {
		t.Errorf("findings %q, want %q", got, findings)
	}
}

// fact is what is said of one thing in the first topic.
func (r triaged) fact(name string) string {
	for _, f := range r.Topics[0].Facts {
		if f.Name == name {
			return f.Text
		}
	}
	return ""
}

// nameServer is a name server that has an address for each name that ends in "known." or is a cluster's, and does not know others.
const nameServer = `
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 53))
while True:
    q, who = s.recvfrom(1500)
    end = q.index(b"\0", 12) + 5
    question = q[12:end]
    ours = question[:-4].endswith((b"\x05known\0", b"\x0akubernetes\x07default\x03svc\x07cluster\x05local\0"))
    a = ours and question[-4:-2] == b"\0\1"
    head = q[:2] + (b"\x81\x80" if ours else b"\x81\x83") + b"\0\1" + (b"\0\1" if a else b"\0\0") + b"\0\0\0\0"
    s.sendto(head + question + (b"\xc0\x0c\0\1\0\1\0\0\0\5\0\4\x0a\x60\0\1" if a else b""), who)
`

// newNameServer starts it in a pod of the namespace, and returns its address.
func newNameServer(t *testing.T, namespace string) string {
	t.Helper()
	kind := kindOf(t, "python3")
	pod := newPod(t, kubetest.Pod(namespace, "names").Restricted().Image(kind.Ref).With(func(p *corev1.Pod) {
		c := &p.Spec.Containers[0]
		c.Command = []string{kind.Program, "-u", "-c", nameServer}
		p.Spec.SecurityContext = &corev1.PodSecurityContext{Sysctls: []corev1.Sysctl{{Name: "net.ipv4.ip_unprivileged_port_start", Value: "0"}}}
	}))
	return pod.Status.PodIP
}

// asking lets a pod ask these name servers, with a cluster's search domains.
func asking(servers ...string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Spec.DNSPolicy = corev1.DNSNone
		p.Spec.DNSConfig = &corev1.PodDNSConfig{
			Nameservers: servers, Searches: []string{"shop.svc.cluster.local", "svc.cluster.local", "cluster.local"},
			Options: []corev1.PodDNSConfigOption{{Name: "ndots", Value: new("5")}},
		}
	}
}

// TestTriageDNS: a resolver as it should be, and each fault planted. The target's own files are what counts.
func TestTriageDNS(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t, "restricted")
	good := newNameServer(t, namespace)
	const dead = "192.0.2.1" // for documentation (RFC 5737): nobody has it
	asks := func(name string, change func(*corev1.Pod)) *corev1.Pod {
		return newPod(t, restrictedPod(t, namespace, name).With(change))
	}
	t.Run("healthy", func(t *testing.T) {
		t.Parallel()
		r := lookAt(t, asks("healthy", asking(good)), "dns", "--host=db.known:5432")
		r.want(t)
		if got := r.fact("server " + good); !strings.HasPrefix(got, "answers, in ") {
			t.Errorf("the server is said to be %q", got)
		}
		if got, want := r.fact("host"), "db.known is found as db.known., by question 4 of the resolver"; got != want {
			t.Errorf("of the host it says %q, want %q", got, want)
		}
		if got, want := r.fact("search"), "shop.svc.cluster.local, svc.cluster.local, cluster.local; ndots 5"; got != want {
			t.Errorf("the search is %q, want %q", got, want)
		}
	})
	t.Run("no server", func(t *testing.T) {
		t.Parallel()
		lookAt(t, asks("silent", asking(dead)), "dns").want(t, "critical: no name server answers: "+dead)
	})
	t.Run("one of two, of another zone", func(t *testing.T) {
		t.Parallel()
		mixed := asks("mixed", func(p *corev1.Pod) {
			asking(dead, good)(p)
			p.Spec.DNSConfig.Searches = []string{"svc.elsewhere", "a.test", "b.test", "c.test", "d.test"}
		})
		lookAt(t, mixed, "dns", "--host=db.nowhere:5432").want(t,
			"critical: the name db.nowhere is not found: db.nowhere.svc.elsewhere.: NXDOMAIN, db.nowhere.a.test.: NXDOMAIN, db.nowhere.b.test.: NXDOMAIN, db.nowhere.c.test.: NXDOMAIN, db.nowhere.d.test.: NXDOMAIN, db.nowhere.: NXDOMAIN",
			"warning: a name server does not answer: "+dead,
			"warning: a name server does not know kubernetes.default.svc.elsewhere.: "+good,
			"notice: ndots is 5, with 5 search domains",
		)
	})
}
