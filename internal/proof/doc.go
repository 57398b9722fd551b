// Package proof is for tests only: generated pods of every kind, what must hold of the debug container that is made for
// each, and mutants of the mirror that show that the tests would notice.
package proof
