// Package target holds what is known of a debugging target as plain values: the words that name it and the facts that
// a plan is made from. It reads nothing and decides nothing; package profiles turns facts into a plan.
package target
