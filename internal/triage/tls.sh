# shellcheck shell=sh disable=SC2154
# tls: the authorities that the target trusts: the file that its environment names, or the first that programs look for
# (crypto/x509/root_linux.go of Go, which has OpenSSL's), or the files of a folder.
named=$(tr '\0' '\n' <"/proc/$TPID/environ" | sed -n 's/^SSL_CERT_FILE=//p' | head -n 1)
block program
readlink "/proc/$TPID/exe" | head -c 4096
for f in ${named:+"$named"} /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/ca-bundle.pem \
  /etc/pki/tls/cacert.pem /etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem /etc/ssl/cert.pem; do
  inside "$f"
  if [ -f "$w" ] && [ -r "$w" ]; then
    block bundle
    printf '%s\n' "$f" | head -n 1
    head -c 2097152 "$w"
    return 0
  fi
done
inside /etc/ssl/certs
for f in "$w"/*; do
  if [ -f "$f" ] && [ -r "$f" ]; then
    block bundle
    echo /etc/ssl/certs
    cat "$w"/*.pem "$w"/*.crt "$w"/*.0 | head -c 2097152
    return 0
  fi
done
