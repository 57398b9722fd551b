// Command dist makes what a release consists of, in a folder and without the network: for each platform an archive with the
// program, its licence and those of the code in it, completion scripts and man pages, and a CycloneDX bill of materials; the
// krew manifest with the archives' sums; checksums.txt. The same sources, version and Go make the same bytes.
package main
