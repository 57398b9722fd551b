// Package attachtest tests what carries the streams of a container. It has a server that speaks the streaming protocols of
// an API server (websockets v5.channel.k8s.io and SPDY v4.channel.k8s.io, exec and attach), ways to it that fail, and
// one suite, Conformance, that runs against that server and against a real kubelet alike.
//
// It is for test files, and takes a machine with a POSIX shell. It knows no pods: whatever container is named is there,
// unless a Handler says otherwise.
package attachtest
