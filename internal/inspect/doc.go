// Package inspect tells what is in a container: which program it runs and what that needs, which packages, certificates,
// users and shells there are, and why it does not start. The analysis is a function of a view of files; the views are here
// too: of an image's layers, and through a session of what runs. All that is read is hostile: every length is bounded, no
// link leaves the root, nothing is waited for in a file.
package inspect
