// Package e2e tests the plugin on a real cluster: the one of KUBECONFIG, whatever started it. A test that needs the node
// itself, its audit log for instance, asks for it by name (onNode) and is skipped elsewhere.
//
// Each test has a namespace and pods of its own, so that all run in parallel and leave nothing behind.
//
// TestSoak is built with the tag "soak" only, by `make soak`: it takes minutes, and `make e2e` does not know it.
package e2e
