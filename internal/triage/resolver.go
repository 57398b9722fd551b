package triage

import (
	"net/netip"
	"slices"
	"strings"
)

// resolver is what /etc/resolv.conf says (resolv.conf(5)).
type resolver struct {
	servers, search []string
	ndots           int64
}

// Bounds of the C libraries: how many servers any of them asks (MAXNS), and how many search domains glibc had before 2.26.
const (
	mostServers = 3
	mostSearch  = 6
	ndotsAtMost = 15
)

// parseResolver reads it as glibc does: the last search or domain counts, and ndots is 1 where nothing is said.
func parseResolver(text string) resolver {
	r := resolver{ndots: 1}
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		switch f[0] {
		case "nameserver":
			r.servers = append(r.servers, cut(f[1]))
		case "search", "domain":
			r.search = nil
			for _, domain := range f[1:] {
				r.search = append(r.search, cut(domain))
			}
		case "options":
			for _, option := range f[1:] {
				if value, ok := strings.CutPrefix(option, "ndots:"); ok {
					if n, ok := number(value); ok {
						r.ndots = min(max(n, 0), ndotsAtMost)
					}
				}
			}
		}
	}
	return r
}

// asked are the servers that may be asked: those that programs ask, and that are addresses and not the pod's own.
func (r resolver) asked(s Subject) (servers []string) {
	for _, server := range r.servers[:min(len(r.servers), mostServers)] {
		address, err := netip.ParseAddr(server)
		if err == nil && !IsOwn(netip.AddrPortFrom(address, 53).String(), s.Pod) {
			servers = append(servers, server)
		}
	}
	return servers
}

// probe is a name that a server can be asked for: one that each cluster has, where the search domains are a cluster's.
func (r resolver) probe() (name string, clusters bool) {
	for _, domain := range r.search {
		if strings.HasPrefix(domain, "svc.") && isName(domain) {
			return "kubernetes.default." + strings.TrimSuffix(domain, ".") + ".", true
		}
	}
	for _, domain := range r.search {
		if isName(domain) {
			return strings.TrimSuffix(domain, ".") + ".", false
		}
	}
	return "localhost.", false
}

// candidates are the names that a resolver asks for one name, in its order.
func (r resolver) candidates(name string) (names []string) {
	if strings.HasSuffix(name, ".") {
		return []string{name}
	}
	for _, domain := range r.search {
		if isName(domain) {
			names = append(names, name+"."+strings.TrimSuffix(domain, ".")+".")
		}
	}
	if int64(strings.Count(name, ".")) >= r.ndots {
		return slices.Insert(names, 0, name+".")
	}
	return append(names, name+".")
}

// isName reports whether a text has only what names of hosts are made of.
func isName(text string) bool {
	return text != "" && len(text) < 250 && !strings.HasPrefix(text, "-") && strings.Trim(text,
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") == ""
}
