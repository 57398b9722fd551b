// Package facts reads what is known of a target container from its pod: spec and status. It decides nothing: a value
// that is nowhere stays unknown.
package facts
