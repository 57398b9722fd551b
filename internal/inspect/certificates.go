package inspect

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"time"
)

// bundles are the files that programs take the authorities from that they trust: Go's list (crypto/x509/root_linux.go),
// which has OpenSSL's on the distributions that there are.
var bundles = []string{
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/ssl/ca-bundle.pem",
	"/etc/pki/tls/cacert.pem",
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
	"/etc/ssl/cert.pem",
}

// Limits of a bundle of certificates, and of a folder of them.
const (
	maxBundle       = 4 << 20
	maxCertificates = 2000
)

// parseCertificates reads a bundle.
func parseCertificates(data []byte, now time.Time) (c Certificates) {
	for c.Count+c.Unreadable < maxCertificates {
		var b *pem.Block
		if b, data = pem.Decode(data); b == nil {
			break
		}
		if b.Type != "CERTIFICATE" && b.Type != "TRUSTED CERTIFICATE" {
			continue
		}
		one, err := x509.ParseCertificate(b.Bytes)
		if err != nil {
			c.Unreadable++
			continue
		}
		c.Count++
		switch end := one.NotAfter.UTC(); {
		case end.Before(now):
			c.Expired++
		case c.Soonest == nil || end.Before(*c.Soonest):
			c.Soonest, c.SoonestName = &end, short(one.Subject.String())
		}
	}
	return c
}

// certificates finds the bundle that programs would take.
func (a *analysis) certificates() {
	paths := bundles
	if file := a.environment("SSL_CERT_FILE"); file != "" {
		paths = []string{a.absolute(file)}
	}
	for _, e := range a.look(paths...) {
		if e.Kind != File {
			continue
		}
		if c := a.read(maxBundle, e.Path); c.Err == nil {
			found := parseCertificates(c.Data, a.now)
			found.Path = e.Path
			a.report.Certificates = &found
			if found.Count > 0 {
				return
			}
		}
	}
	for _, dir := range folders(a.environment("SSL_CERT_DIR") + ":/etc/ssl/certs:/etc/pki/tls/certs") {
		a.certificateFolder(dir)
		if c := a.report.Certificates; c != nil && c.Count > 0 {
			return
		}
	}
}

// certificateFolder reads the certificates of a folder.
func (a *analysis) certificateFolder(dir string) {
	names, err := a.view.List(dir, 400)
	if err != nil || len(names) == 0 {
		return // that there is none is what is found
	}
	paths := make([]string, len(names))
	for i, n := range names {
		paths[i] = dir + "/" + n
	}
	var all bytes.Buffer
	for _, c := range a.view.Read(16<<10, paths...) {
		if c.Err == nil && all.Len() < maxBundle {
			all.Write(c.Data)
			all.WriteByte('\n')
		}
	}
	if found := parseCertificates(all.Bytes(), a.now); found.Count > 0 {
		found.Path = dir
		a.report.Certificates = &found
	}
}
