// Package archtest holds the architecture of this module in tests: which
// package may import which, which packages are pure, and what pkg/ promises to
// those who import it. It reads the source of every file, whatever platform
// the file is for, and exports nothing.
//
// The table to edit when a package is added is in tiers_test.go.
package archtest
