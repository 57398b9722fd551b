// Package profiles makes the plan of a debug container from the facts of its target: the security context that mirrors
// the target's, value by value, with the origin of each.
//
// The rule of the mirror is "the same privileges, never more": it grants no uid, group, capability, privilege or
// loosened sandbox that the target lacks, and no less than what the kernel's ptrace rule (ptrace(2), "Ptrace access
// mode checking") asks of a process that looks into another one's /proc/PID/root, fd and environ.
//
// The package is pure: a function of its arguments, with no client, clock or network. It adds nothing to a pod.
package profiles
