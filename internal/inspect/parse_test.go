package inspect

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	t.Parallel()
	check := func(name string, want, got any) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	check("release", map[string]string{"ID": "debian", "PRETTY_NAME": "Debian GNU/Linux 12", "V": "1", "E": ""},
		parseRelease([]byte("# no\nID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12\"\nV='1'\nnothing\nE=\n")))
	users, count := parsePasswd([]byte("root:x:0:0:root:/root:/bin/sh\n#no:x:1:1\nshort\nbad:x:a:0\napp:x:1000:1000\n"))
	check("passwd", []User{{"root", 0, 0, "/root", "/bin/sh"}, {Name: "app", UID: 1000, GID: 1000}}, users)
	check("users", 2, count)
	check("dpkg", []Package{{"a", "1:2-3"}, {"c", "4"}}, parseDpkg([]byte(
		"Package: a\nStatus: install ok installed\nVersion: 1:2-3\nDescription: x\n Package: no\n\n"+
			"Package: b\nStatus: deinstall ok config-files\nVersion: 1\n\nPackage: c\nVersion: 4")))
	check("apk", []Package{{"musl", "1.2.5-r1"}}, parseAPK([]byte("C:Q1x=\nP:musl\nV:1.2.5-r1\nF:lib\nR:ld.so\n\n")))
	check("hosts", "files dns", parseHosts([]byte("passwd: files\n hosts:  files dns # x\n")))
	check("no hosts", "", parseHosts([]byte("passwd: files\n")))
	for content, want := range map[string]string{"#!/bin/sh\nx": "/bin/sh", "#! /usr/bin/env  node \r\n": "/usr/bin/env  node \r", "#!": ""} {
		line, ok := parseScript([]byte(content))
		check("script "+content, want, line)
		check("script", true, ok)
	}
	if _, ok := parseScript([]byte("\x7fELF")); ok {
		t.Error("an ELF file is taken for a script")
	}
	check("node", "18.20.4", nodeVersion([]byte("#define NODE_MAJOR_VERSION 18\n#define NODE_MINOR_VERSION 20\n#define NODE_PATCH_VERSION 4\n")))
	check("short", maxText+1, utf8.RuneCountInString(short(strings.Repeat("é", 500))))
	check("valid", true, utf8.ValidString(short("\xff\xfe")))
}

// FuzzParse: hostile text makes no more than the limits allow, and nothing that is no text.
func FuzzParse(f *testing.F) {
	f.Add([]byte("root:x:0:0:root:/root:/bin/sh\nID=\"x\"\nPackage: a\nVersion: 1\n\nP:a\nV:1\nhosts: files\n"))
	f.Add([]byte("#!/usr/bin/env -S node\n"))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		kept := func(texts ...string) {
			for _, s := range texts {
				if utf8.RuneCountInString(s) > maxText+1 || !utf8.ValidString(s) {
					t.Errorf("%q is kept", s)
				}
			}
		}
		for _, v := range parseRelease(data) {
			kept(v)
		}
		users, count := parsePasswd(data)
		if len(users) > maxUsers || count < len(users) {
			t.Errorf("%d users of %d", len(users), count)
		}
		for _, u := range users {
			kept(u.Name, u.Home, u.Shell)
		}
		for _, p := range append(parseDpkg(data), parseAPK(data)...) {
			kept(p.Name, p.Version)
		}
		kept(parseHosts(data))
		if line, _ := parseScript(data); len(line) > 255 {
			t.Errorf("a script's line of %d bytes", len(line))
		}
		if c := parseCertificates(data, now); c.Count+c.Unreadable > maxCertificates {
			t.Errorf("%d certificates", c.Count)
		}
	})
}

// authority is a certificate that ends some days from now.
func authority(t *testing.T, name string, days int) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: now.AddDate(0, 0, days), IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func TestCertificates(t *testing.T) {
	t.Parallel()
	bundle := authority(t, "later", 500) + "a comment\n" + authority(t, "sooner", 100) + authority(t, "over", -1) +
		"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
	soonest := now.AddDate(0, 0, 100)
	want := Certificates{Count: 3, Expired: 1, Soonest: &soonest, SoonestName: "CN=sooner", Unreadable: 1}
	if diff := cmp.Diff(want, parseCertificates([]byte(bundle), now)); diff != "" {
		t.Errorf("a bundle (-want +got):\n%s", diff)
	}
	want.Unreadable, want.Expired, want.Count = 0, 0, 1
	one := authority(t, "sooner", 100)
	for name, test := range map[string]struct {
		files       []file
		environment []string
		path        string
	}{
		"the first that has some": {[]file{text("etc/ssl/certs/ca-certificates.crt", ""), text("etc/ssl/cert.pem", one)}, nil, "/etc/ssl/cert.pem"},
		"SSL_CERT_FILE":           {[]file{text("etc/ssl/cert.pem", bundle), text("own.pem", one)}, []string{"SSL_CERT_FILE=/own.pem"}, "/own.pem"},
		"a folder":                {[]file{text("etc/ssl/certs/a.pem", one), dir("etc/ssl/certs/d")}, nil, "/etc/ssl/certs"},
		"SSL_CERT_DIR":            {[]file{text("own/a.pem", one)}, []string{"SSL_CERT_DIR=/none:/own"}, "/own"},
	} {
		want.Path = test.path
		r := Analyse(Subject{View: viewOf(t, test.files), Env: test.environment, Now: now})
		if diff := cmp.Diff(&want, r.Certificates); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// endless is a file that never ends.
type endless struct{}

func (endless) ReadAt(p []byte, _ int64) (int, error) {
	copy(p, bytes.Repeat([]byte("x"), len(p)))
	return len(p), nil
}

func TestBounded(t *testing.T) {
	t.Parallel()
	file := bounded(endless{})
	part := make([]byte, 1<<20)
	var err error
	reads := 0
	for ; err == nil && reads < 1000; reads++ {
		_, err = file.ReadAt(part, 0)
	}
	if reads != maxParts>>20+1 {
		t.Errorf("%d MiB were read, then %v", reads, err)
	}
	for file, reads = bounded(endless{}), 0; reads < maxReads; reads++ {
		if _, err := file.ReadAt(part[:1], 0); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := file.ReadAt(part[:1], 0); err == nil {
		t.Error("reads of single bytes have no end")
	}
}
