// Package policytest has the cases that the admission policy of `policy generate` is held to, by cel-go and by a real API
// server alike.
package policytest
