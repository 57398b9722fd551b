package pki

import (
	"crypto/tls"
	"crypto/x509"
	"slices"
	"testing"
	"time"
)

func TestSignedCertificateVerifies(t *testing.T) {
	t.Parallel()
	now := time.Now()
	ca, err := NewAuthority("test-ca", now)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := ca.Sign(Request{Name: "dana", Groups: []string{"oncall"}, Hosts: []string{"127.0.0.1", "localhost"}}, now)
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := tls.X509KeyPair(pair.Cert, pair.Key)
	if err != nil {
		t.Fatal(err)
	}
	authority, err := ca.Pair()
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authority.Cert) {
		t.Fatal("the authority's certificate cannot be read")
	}
	leaf, err := x509.ParseCertificate(loaded.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"127.0.0.1", "localhost"} {
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: host}); err != nil {
			t.Errorf("as %s: %v", host, err)
		}
	}
	if leaf.Subject.CommonName != "dana" || !slices.Equal(leaf.Subject.Organization, []string{"oncall"}) {
		t.Errorf("subject is %s", leaf.Subject)
	}
}

func TestClientDoesNotServe(t *testing.T) {
	t.Parallel()
	ca, err := NewAuthority("test-ca", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	pair, err := ca.Sign(Request{Name: "dana"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := tls.X509KeyPair(pair.Cert, pair.Key)
	if err != nil {
		t.Fatal(err)
	}
	if slices.Contains(loaded.Leaf.ExtKeyUsage, x509.ExtKeyUsageServerAuth) {
		t.Error("a client's certificate may serve")
	}
}
