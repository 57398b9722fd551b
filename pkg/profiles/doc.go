// Package profiles makes the plan of a debug container from the facts of its target: the security context that mirrors
// the target's, value by value, with the origin of each; and what a user asks for on top of that.
//
// The rule of the mirror is "the same privileges, never more": it grants no uid, group, capability, privilege or
// loosened sandbox that the target lacks, and no less than what the kernel's ptrace rule (ptrace(2), "Ptrace access
// mode checking") asks of a process that looks into another one's /proc/PID/root, fd and environ.
//
// What is asked on top has kubectl's words (`kubectl debug --profile`, --custom; k8s.io/kubectl/pkg/cmd/debug of v0.37)
// and gives what the word promises, whoever the target is:
//
//   - general: uid 0 and gid 0, the runtime's default capabilities and SYS_PTRACE, which lets a process see any other of
//     its process namespace (ptrace(2); capabilities(7));
//   - netadmin: uid 0 and gid 0, of the capabilities NET_ADMIN and NET_RAW alone;
//   - sysadmin: uid 0 and gid 0, privileged: all capabilities, no seccomp, the node's devices;
//   - restricted: the mirror without any capability.
//
// Request.RunAs, Request.AddCapabilities and Request.Custom go further in one respect each. What all of this leaves open is the
// mirror's. Plan.StepUp says whether a plan is another than the mirror, and not merely less.
//
// The package is pure: a function of its arguments, with no client, clock or network. It adds nothing to a pod.
package profiles
