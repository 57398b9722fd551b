package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// nodeAddress is this machine as pods see it.
func nodeAddress(t *testing.T) string {
	t.Helper()
	onNode(t)
	nodes, err := client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
	if err != nil || len(nodes.Items) == 0 {
		t.Fatalf("reading nodes: %v", err)
	}
	for _, a := range nodes.Items[0].Status.Addresses {
		if a.Type == corev1.NodeInternalIP {
			return a.Address
		}
	}
	t.Fatal("the node has no address")
	return ""
}

// tlsHost serves TLS at an address with a certificate that signs itself, until a time, and returns HOST:PORT and that certificate.
func tlsHost(t *testing.T, address string, until time.Time) (host, bundle string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "orders"}, IPAddresses: []net.IP{net.ParseIP(address)},
		NotBefore: until.AddDate(-1, 0, 0), NotAfter: until, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	_ = server.Listener.Close()
	server.Listener, server.TLS = listener, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	server.StartTLS()
	t.Cleanup(server.Close)
	return listener.Addr().String(), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// TestTriageTLS: a host that the target's own bundle vouches for, one that expired, one that it does not know, and a target
// without a bundle.
func TestTriageTLS(t *testing.T) {
	t.Parallel()
	address := nodeAddress(t)
	namespace := newNamespace(t, "restricted")
	good, goodBundle := tlsHost(t, address, time.Now().AddDate(0, 6, 0))
	expired, expiredBundle := tlsHost(t, address, time.Now().AddDate(0, 0, -3))
	foreign, _ := tlsHost(t, address, time.Now().AddDate(0, 6, 0))
	trusts(t, namespace, goodBundle+expiredBundle)
	trusting := newPod(t, restrictedPod(t, namespace, "trusting").With(trusting))
	r := lookAt(t, trusting, "tls", "--host="+good)
	r.want(t)
	if got, want := r.fact("trusted"), "by CN=orders of /trust/ca.crt"; got != want {
		t.Errorf("it is trusted %q, want %q", got, want)
	}
	lookAt(t, trusting, "tls", "--host="+expired).want(t, "critical: the certificate of "+expired+" expired 3d ago")
	lookAt(t, trusting, "tls", "--host="+foreign).want(t, "critical: /trust/ca.crt does not vouch for "+foreign+": its issuer CN=orders is unknown there")
	bare := newPod(t, restrictedPod(t, namespace, "bare"))
	lookAt(t, bare, "tls", "--host="+good).want(t, "critical: there is no CA bundle in the image")
}

// TestTriageTLSOfEveryRuntime: a certificate that expired is found whatever runs in the target, and nothing in one that is in
// order, though Java and Node.js have authorities of their own that are not read.
func TestTriageTLSOfEveryRuntime(t *testing.T) {
	t.Parallel()
	address := nodeAddress(t)
	namespace := newNamespace(t, "restricted")
	good, goodBundle := tlsHost(t, address, time.Now().AddDate(0, 6, 0))
	expired, expiredBundle := tlsHost(t, address, time.Now().AddDate(0, 0, -3))
	trusts(t, namespace, goodBundle+expiredBundle)
	for _, name := range []string{"scratch-go", "java", "nodejs", "python3"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pod := newPod(t, kindPod(t, namespace, kindOf(t, name)).With(trusting))
			triage(t, pod, "tls", "--host="+good).want(t)
			triage(t, pod, "tls", "--host="+expired).want(t, "critical: the certificate of "+expired+" expired 3d ago")
		})
	}
}

// trusts makes the bundle of the pods of a namespace that are trusting.
func trusts(t *testing.T, namespace, bundle string) {
	t.Helper()
	_, err := client.CoreV1().ConfigMaps(namespace).Create(t.Context(), &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "trust"}, Data: map[string]string{"ca.crt": bundle},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

// trusting has the first container of a pod trust the namespace's bundle.
func trusting(p *corev1.Pod) {
	c := &p.Spec.Containers[0]
	c.Env = append(c.Env, corev1.EnvVar{Name: "SSL_CERT_FILE", Value: "/trust/ca.crt"})
	mount(p, "/trust", corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "trust"}}})
}
