package triage

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// authority is one of a test.
type authority struct {
	*x509.Certificate
	key *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, name string) authority {
	t.Helper()
	c, key := issue(t, nil, name, func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true })
	return authority{c, key}
}

// issue makes a certificate that holds for a year around noon.
func issue(t *testing.T, by *authority, name string, change func(*x509.Certificate)) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: noon.AddDate(0, -6, 0), NotAfter: noon.AddDate(0, 6, 0),
	}
	if change != nil {
		change(template)
	}
	parent, parentKey := template, key
	if by != nil {
		parent, parentKey = by.Certificate, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c, key
}

func bundleOf(certificates ...*x509.Certificate) string {
	var text strings.Builder
	for _, c := range certificates {
		_ = pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
	}
	return text.String()
}

// reaches is a session container whose nc reaches who answers, or nobody where that is nil.
type reaches struct{ answers func(net.Conn) }

// Run implements Runner.
func (r reaches) Run(ctx context.Context, script string, args []string, stdin io.Reader, stdout, stderr io.Writer) (int, error) {
	if script != dialScript || len(args) != 2 || args[0] != "db.shop" || args[1] != "443" {
		return 0, fmt.Errorf("it ran %q with %q", script, args)
	}
	if r.answers == nil {
		_, _ = io.WriteString(stderr, "nc: bad address 'db.shop'\n")
		return 1, nil
	}
	here, there := net.Pipe()
	stop := context.AfterFunc(ctx, func() { _ = here.Close() })
	defer stop()
	go func() {
		r.answers(there)
		_ = there.Close()
	}()
	go func() { _, _ = io.Copy(here, stdin) }()
	_, _ = io.Copy(stdout, here)
	return 0, nil
}

// TestTLS: what each host is said to be, from the handshake to the findings.
func TestTLS(t *testing.T) {
	t.Parallel()
	root, other := newAuthority(t, "Root"), newAuthority(t, "Other")
	const file = "/etc/ssl/certs/ca-certificates.crt\n"
	trusted := Raw{{"program", "/app/server\n"}, {"bundle", file + bundleOf(other.Certificate, root.Certificate)}}
	shows := func(by *authority, config *tls.Config, change func(*x509.Certificate)) func(net.Conn) {
		leaf, key := issue(t, by, "db.shop", change)
		config.Certificates = []tls.Certificate{{Certificate: [][]byte{leaf.Raw}, PrivateKey: key}}
		return func(c net.Conn) { _ = tls.Server(c, config).HandshakeContext(t.Context()) }
	}
	until := func(end time.Time) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.NotAfter = end }
	}
	for name, test := range map[string]struct {
		answers  func(net.Conn)
		has      Raw
		findings []string
		unread   []string
		fact     string
	}{
		"healthy":       {answers: shows(&root, &tls.Config{}, nil), fact: "trusted: by CN=Root of /etc/ssl/certs/ca-certificates.crt"},
		"expired":       {answers: shows(&root, &tls.Config{}, until(noon.AddDate(0, 0, -3))), findings: []string{"critical: the certificate of db.shop:443 expired 3d ago"}},
		"expires soon":  {answers: shows(&root, &tls.Config{}, until(noon.AddDate(0, 0, 5))), findings: []string{"warning: the certificate of db.shop:443 expires in 4d23h"}},
		"expires later": {answers: shows(&root, &tls.Config{}, until(noon.AddDate(0, 0, 20))), findings: []string{"notice: the certificate of db.shop:443 expires in 19d"}},
		"not yet": {
			answers:  shows(&root, &tls.Config{}, func(c *x509.Certificate) { c.NotBefore = noon.AddDate(0, 1, 0) }),
			findings: []string{"critical: the certificate of db.shop:443 is not valid before 2026-12-22T12:00:00Z"},
		},
		"another name": {
			answers:  shows(&root, &tls.Config{}, func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = []string{"db"}, []net.IP{{10, 0, 0, 1}} }),
			findings: []string{"critical: the certificate is not for db.shop but for db, 10.0.0.1"},
		},
		"unknown authority": {
			answers: shows(&root, &tls.Config{}, nil), has: Raw{{"bundle", file + bundleOf(other.Certificate)}},
			findings: []string{"critical: /etc/ssl/certs/ca-certificates.crt does not vouch for db.shop:443: its issuer CN=Root is unknown there"},
		},
		"signed by itself": {
			answers:  shows(nil, &tls.Config{}, nil),
			findings: []string{"critical: /etc/ssl/certs/ca-certificates.crt does not vouch for db.shop:443: its issuer CN=db.shop is unknown there"},
		},
		"no bundle":    {answers: shows(&root, &tls.Config{}, nil), has: Raw{{"program", "/server\n"}}, findings: []string{"critical: there is no CA bundle in the image"}},
		"empty bundle": {answers: shows(&root, &tls.Config{}, nil), has: Raw{{"bundle", file}}, findings: []string{"critical: there is no certificate in the CA bundle /etc/ssl/certs/ca-certificates.crt"}},
		"Java":         {answers: shows(&root, &tls.Config{}, nil), has: Raw{{"program", "/usr/lib/jvm/bin/java\n"}}, unread: []string{"which authorities the program trusts: the cacerts of its JDK"}},
		"old": {
			answers:  shows(&root, &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}, nil), //nolint:gosec // that is the fault
			findings: []string{"warning: db.shop:443 speaks no newer version than TLS 1.1"},
		},
		"wants a certificate": {
			answers:  shows(&root, &tls.Config{ClientAuth: tls.RequireAnyClientCert, MaxVersion: tls.VersionTLS12}, nil), //nolint:gosec // as many do
			findings: []string{"critical: the handshake with db.shop:443 ended: remote error: tls: handshake failure"},
			fact:     "trusted: by CN=Root of /etc/ssl/certs/ca-certificates.crt",
		},
		"no TLS": {
			answers: func(c net.Conn) {
				go func() { _, _ = io.Copy(io.Discard, c) }()
				_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
			},
			findings: []string{"critical: db.shop:443 does not speak TLS: first record does not look like a TLS handshake"},
		},
		"hangs up":    {answers: func(net.Conn) {}, findings: []string{"critical: the handshake with db.shop:443 ended: EOF"}},
		"not reached": {findings: []string{"critical: db.shop:443 is not reached from the pod: bad address 'db.shop'"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := aSubject()
			s.Host = "db.shop:443"
			raw, err := handshake(t.Context(), reaches{test.answers}, s, nil)
			if err != nil {
				t.Fatal(err)
			}
			has := test.has
			if has == nil {
				has = trusted
			}
			r := readTLS(append(append(Raw{}, has...), raw...), s)
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
			var facts strings.Builder
			for _, f := range r.Facts {
				facts.WriteString(f.Name + ": " + f.Text + "\n")
			}
			if !strings.Contains(facts.String(), test.fact) {
				t.Errorf("facts lack %q:\n%s", test.fact, facts.String())
			}
		})
	}
	if _, err := handshake(t.Context(), reaches{}, aSubject(), nil); err == nil {
		t.Error("without a host it is looked at")
	}
}
