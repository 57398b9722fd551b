// Package doctest is for tests only: the blocks of code on the pages of the documentation, and which of them are commands
// that a test can run. It runs nothing.
package doctest
