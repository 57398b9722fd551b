// Package app holds the use cases: which stages there are, in which order, and what is handed from one to the next.
// Nothing else knows two stages. It writes notices, but no errors: their words are made in internal/cli.
package app
