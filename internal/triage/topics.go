package triage

// topics are all that there are, in the order in which they are looked at: what may have to wait for a file system is after
// the others, and last what touches the target.
var topics = []Topic{process, network, dns, secure, memory, cpu, clock, config, files, disk, java, node, golang}

// always is for topics that are cheap and apply to whatever runs.
func always(Subject) bool { return true }
