// Package policy makes the manifests with which a platform team allows debugging: Roles from the table of calls in
// internal/access. It is a function of its arguments and asks no cluster.
package policy
