package exceed

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Capabilities is a set of capabilities as the kernel has it: bit n is the capability of number n
// (include/uapi/linux/capability.h), as in the CapPrm line of /proc/PID/status.
type Capabilities uint64

// names are the kernel's, by number, without "CAP_".
var names = []string{
	"CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
	"LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
	"SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
	"SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
	"MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
	"CHECKPOINT_RESTORE",
}

var (
	// all is every capability of Linux 5.9 and later. A machine may allow its runtime fewer: both sides then lack the same.
	all = Capabilities(1)<<len(names) - 1
	// containerdDefault is what containerd starts from (defaultUnixCaps in pkg/oci/spec.go).
	containerdDefault = of("CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP",
		"SETPCAP", "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE")
	// crioDefault is what CRI-O starts from (default_capabilities in crio.conf(5)).
	crioDefault = of("CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "SETGID", "SETUID", "SETPCAP", "NET_BIND_SERVICE", "KILL")
	sysPtrace   = of("SYS_PTRACE")
)

// of is the set of the capabilities of those names; a name that the kernel does not know is in none (runc ignores it with
// a warning: capSlice in libcontainer/capabilities).
func of(list ...string) Capabilities {
	var set Capabilities
	for _, name := range list {
		if n := slices.Index(names, name); n >= 0 {
			set |= 1 << n
		}
	}
	return set
}

// Has reports whether every capability of other is in the set.
func (c Capabilities) Has(other Capabilities) bool { return other&^c == 0 }

// String lists the names of the set without "CAP_", in the order of their numbers: "CHOWN, KILL"; "none" and "ALL" for
// the empty and the full set.
func (c Capabilities) String() string {
	switch c {
	case 0:
		return "none"
	case all:
		return "ALL"
	}
	var list []string
	for n, name := range names {
		if c&(1<<n) != 0 {
			list = append(list, name)
		}
	}
	return strings.Join(list, ", ")
}

// Sets are the capability sets of a process after it was executed. The inheritable and the ambient one are always empty:
// both runtimes clear them (WithoutAmbientCaps in containerd's internal/cri/opts; Kubernetes gives none, KEP-2763).
type Sets struct {
	Permitted, Effective, Bounding Capabilities
}

// executed are the sets of a process of that uid that was given these: an execve leaves a process that is not root only
// what its file carries, which is nothing here, and gives root all that the bounding set has (capabilities(7),
// "Transformation of capabilities during execve()" and "Capabilities and execution of programs by root").
func executed(given Capabilities, uid int64) Sets {
	if uid != 0 {
		return Sets{Bounding: given}
	}
	return Sets{Permitted: given, Effective: given, Bounding: given}
}

// containerd is the set that containerd gives. It puts "CAP_" before every name, so that one which has it already is a
// name that nobody knows, to add as to drop (WithCapabilities in internal/cri/opts/spec_opts.go).
func containerd(c *corev1.Capabilities) Capabilities {
	return given(c, containerdDefault, func(name string) string { return name })
}

// crio is the set that CRI-O gives: it takes a name with and without "CAP_" (setupCapabilities).
func crio(c *corev1.Capabilities) Capabilities {
	return given(c, crioDefault, func(name string) string { return strings.TrimPrefix(name, "CAP_") })
}

// given is what both runtimes do, each by its own default and its own reading of a name: ALL first, then each that is
// added, then each that is dropped. Case is not looked at.
func given(c *corev1.Capabilities, set Capabilities, read func(string) string) Capabilities {
	if c == nil {
		return set
	}
	add, drop := normalize(c.Add, read), normalize(c.Drop, read)
	if slices.Contains(add, "ALL") {
		set = all
	}
	if slices.Contains(drop, "ALL") {
		set = 0
	}
	return (set | of(add...)) &^ of(drop...)
}

func normalize(list []corev1.Capability, read func(string) string) []string {
	out := make([]string, len(list))
	for i, c := range list {
		out[i] = read(strings.ToUpper(string(c)))
	}
	return out
}
