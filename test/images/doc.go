// Package images makes container images of every kind that people debug, with a real program in each, and knows the truth
// about them: table.go is what tests compare a verdict with. The images are made from Debian's packages at the versions of
// packages.lock, of one's own program, and of nothing else; no image registry is reached. README.md lists them.
//
// It is for tests only.
package images
