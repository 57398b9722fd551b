package triage

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	_ "embed"
	"encoding/pem"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"
)

//go:embed tls.sh
var tlsScript string

// TLS is the name of the topic that needs a host.
const TLS = "tls"

// secure is whether what a host shows is trusted by the target. It speaks to the host, and so is only for who names it.
var secure = Topic{
	Name: TLS, About: "only where named, with --host: its certificates, against the authorities that the target has",
	Applies: func(Subject) bool { return false }, Script: tlsScript, Gather: handshake, Read: readTLS,
}

// Bounds of the topic: how long a handshake may take, and how long before its end a certificate is told of.
const (
	handshakeWithin = 15 * time.Second
	endsSoon        = 14 * 24 * time.Hour
	endsLater       = 30 * 24 * time.Hour
	mostChain       = 20
)

// Words of the block "handshake".
const (
	unreached = "not reached: "
	notTLS    = "no TLS: "
	broken    = "ended: "
)

// handshake speaks TLS to the host, by Go here over an nc there, and keeps the certificates that it shows.
func handshake(ctx context.Context, runner Runner, s Subject, _ Raw) (Raw, error) {
	words := hostWords(s)
	if len(words) == 0 {
		return nil, errors.New("which host is not said: --host HOST:PORT")
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeWithin)
	defer cancel()
	connection := dial(ctx, runner, words[0], words[1])
	defer connection.Close()
	var shown []*x509.Certificate
	client := tls.Client(connection, &tls.Config{
		ServerName: words[0], InsecureSkipVerify: true, //nolint:gosec // whether it is trusted is what Read tells, by the target's authorities
		MinVersion: tls.VersionTLS10, //nolint:gosec // what is old is told, too
		VerifyConnection: func(state tls.ConnectionState) error {
			shown = state.PeerCertificates
			return nil
		},
	})
	err := client.HandshakeContext(ctx)
	said := tls.VersionName(client.ConnectionState().Version) + ", " + tls.CipherSuiteName(client.ConnectionState().CipherSuite)
	var record tls.RecordHeaderError
	var missed *unreachedError
	switch {
	case err == nil:
	case errors.As(err, &missed):
		said = unreached + missed.said
	case errors.Is(err, context.DeadlineExceeded):
		said = unreached + fmt.Sprintf("no answer within %s", handshakeWithin)
	case errors.As(err, &record):
		said = notTLS + record.Msg
	default:
		said = broken + err.Error()
	}
	raw := Raw{{"handshake", said + "\n"}}
	var chain bytes.Buffer
	for _, c := range shown[:min(len(shown), mostChain)] {
		_ = pem.Encode(&chain, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}) // into memory it does not fail
	}
	return append(raw, Block{"chain", chain.String()}), nil
}

// certificates reads a bundle; what is none in it is left out.
func certificates(text string) (all []*x509.Certificate) {
	for data := []byte(text); ; {
		var b *pem.Block
		if b, data = pem.Decode(data); b == nil {
			return all
		}
		if c, err := x509.ParseCertificate(b.Bytes); err == nil && strings.HasSuffix(b.Type, "CERTIFICATE") {
			all = append(all, c)
		}
	}
}

// ownData are programs that bring authorities of their own and look at no bundle, with where they are; and time zones, too.
var ownData = map[string]string{
	"java": "the cacerts of its JDK", "node": "those that are built into it and NODE_EXTRA_CA_CERTS", "nodejs": "those that are built into it and NODE_EXTRA_CA_CERTS",
}

func readTLS(raw Raw, s Subject) Reading {
	var r Reading
	if len(raw) == 0 || s.Host == "" {
		return r
	}
	file, text, _ := strings.Cut(raw.Get("bundle"), "\n")
	authorities := certificates(text)
	own := ownData[path.Base(strings.TrimSpace(raw.Get("program")))]
	switch {
	case own != "":
		r.fact("authorities", "the program's own")
		r.unread("which authorities the program trusts: " + own)
	case file == "":
		r.fact("authorities", "none")
		r.find(Critical, "there is no CA bundle in the image", `its program trusts nobody: "certificate signed by unknown authority"; put ca-certificates into the image, or mount a bundle`,
			s.look("ls -la @/etc/ssl"))
	case len(authorities) == 0:
		r.fact("authorities", "none in "+cut(file))
		r.find(Critical, fmt.Sprintf("there is no certificate in the CA bundle %s", cut(file)), "its program trusts nobody", s.look("ls -la @/etc/ssl"))
	default:
		r.fact("authorities", fmt.Sprintf("%d in %s", len(authorities), cut(file)))
	}
	said := strings.TrimSpace(raw.Get("handshake"))
	chain := certificates(raw.Get("chain"))
	if !r.spoken(said, len(chain), s) {
		return r
	}
	for i, c := range chain {
		r.fact(fmt.Sprintf("certificate %d", i+1), fmt.Sprintf("%s, by %s, until %s", cut(c.Subject.String()), cut(c.Issuer.String()), c.NotAfter.UTC().Format(time.RFC3339)))
	}
	r.validity(chain, s)
	r.named(chain[0], s)
	if len(authorities) > 0 {
		r.trusted(chain, authorities, file, s)
	}
	return r
}

// spoken tells how the handshake went, and whether there is a certificate.
func (r *Reading) spoken(said string, certificates int, s Subject) bool {
	next := s.kubectl("get networkpolicies")
	if why, ok := strings.CutPrefix(said, unreached); ok {
		r.find(Critical, fmt.Sprintf("%s is not reached from the pod: %s", s.Host, cut(why)), "there is nobody to speak TLS to", next)
		return false
	}
	if why, ok := strings.CutPrefix(said, notTLS); ok {
		r.find(Critical, fmt.Sprintf("%s does not speak TLS: %s", s.Host, cut(why)), "the port is another, or wants no TLS, or a STARTTLS of its own protocol", "")
		return false
	}
	if why, ok := strings.CutPrefix(said, broken); ok {
		r.find(Critical, fmt.Sprintf("the handshake with %s ended: %s", s.Host, cut(why)), "it may want a certificate of its client, or another version or name", "")
		return certificates > 0
	}
	r.fact("handshake", cut(said))
	if version, _, _ := strings.Cut(said, ","); version == "TLS 1.0" || version == "TLS 1.1" {
		r.find(Warning, fmt.Sprintf("%s speaks no newer version than %s", s.Host, version), "programs of today refuse it", "")
	}
	return certificates > 0
}

// validity is about the time.
func (r *Reading) validity(chain []*x509.Certificate, s Subject) {
	for i, c := range chain {
		who := fmt.Sprintf("the certificate of %s", s.Host)
		if i > 0 {
			who = fmt.Sprintf("certificate %d of %s's chain, %s,", i+1, s.Host, cut(c.Subject.String()))
		}
		left := c.NotAfter.Sub(s.Ended)
		switch {
		case left < 0:
			r.find(Critical, fmt.Sprintf("%s expired %s ago", who, ago(-left)), "every client that looks refuses it", "")
		case s.Ended.Before(c.NotBefore):
			r.find(Critical, fmt.Sprintf("%s is not valid before %s", who, c.NotBefore.UTC().Format(time.RFC3339)), "clients refuse it, unless a clock is wrong", "")
		case left < endsSoon:
			r.find(Warning, fmt.Sprintf("%s expires in %s", who, ago(left)), "it is not renewed, or late", "")
		case left < endsLater && i == 0:
			r.find(Notice, fmt.Sprintf("%s expires in %s", who, ago(left)), "it is to be renewed", "")
		}
	}
}

// named is whether the certificate is for the host.
func (r *Reading) named(c *x509.Certificate, s Subject) {
	host := strings.TrimSuffix(hostWords(s)[0], ".")
	if c.VerifyHostname(host) == nil {
		return
	}
	names := append([]string{}, c.DNSNames...)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	for i := range names {
		names[i] = cut(names[i])
	}
	r.find(Critical, fmt.Sprintf("the certificate is not for %s but for %s", host, orNone(some(names))), "clients refuse it; call the host by one of these names, or let the certificate have this one", "")
}

// trusted is whether the target's authorities vouch for it. The time is judged apart: here it is one at which the leaf holds.
func (r *Reading) trusted(chain, authorities []*x509.Certificate, file string, s Subject) {
	options := x509.VerifyOptions{Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(), CurrentTime: s.Ended}
	for _, c := range authorities {
		options.Roots.AddCert(c)
	}
	for _, c := range chain[1:] {
		options.Intermediates.AddCert(c)
	}
	if leaf := chain[0]; s.Ended.After(leaf.NotAfter) || s.Ended.Before(leaf.NotBefore) {
		options.CurrentTime = leaf.NotAfter.Add(-time.Second)
	}
	verified, err := chain[0].Verify(options)
	var unknown x509.UnknownAuthorityError
	switch {
	case err == nil:
		root := verified[0][len(verified[0])-1]
		r.fact("trusted", fmt.Sprintf("by %s of %s", cut(root.Subject.String()), cut(file)))
	case errors.As(err, &unknown):
		last := chain[len(chain)-1]
		why := "that authority is to be added to the image or mounted; or the server does not send all between it and its own certificate"
		if len(chain) == 1 && bytes.Equal(last.RawIssuer, last.RawSubject) {
			why = "it is signed by itself: it is to be added to the image or mounted itself"
		}
		r.find(Critical, fmt.Sprintf("%s does not vouch for %s: its issuer %s is unknown there", cut(file), s.Host, cut(last.Issuer.String())), why,
			s.look("grep -c BEGIN @"+plainPath(file)))
	default:
		r.find(Critical, fmt.Sprintf("%s is not trusted: %s", s.Host, cut(err.Error())), "clients refuse it", "")
	}
}

// plainPath is a path that means nothing to a shell, else that of the folder where bundles are.
func plainPath(file string) string {
	if strings.HasPrefix(file, "/") && isName(strings.ReplaceAll(file, "/", "")) {
		return file
	}
	return "/etc/ssl/certs"
}
