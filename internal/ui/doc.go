// Package ui is the terminal: raw mode and its end, the window's size, notices, and text from elsewhere made harmless.
//
// The rules of what is written where:
//   - standard output carries what was asked for, and nothing else;
//   - notices go to standard error, one line each, and only where somebody reads along: for a shell always, for a
//     command where standard error is a terminal; --quiet asks for none;
//   - text that comes from a cluster is escaped before it is shown.
package ui
