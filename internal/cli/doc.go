// Package cli is the command line: one file a verb, flags into plain values, and the one place (errors.go) where errors
// become words and an exit status.
package cli
