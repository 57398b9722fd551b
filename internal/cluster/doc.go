// Package cluster builds the clients of a cluster from kubectl's flags and is the only package that does. What its users
// need of it they declare as interfaces of their own.
package cluster
