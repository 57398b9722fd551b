package profiles

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// capabilities are the kernel's, without their prefix "CAP_", each at the place of its number in
// include/uapi/linux/capability.h (as of Linux 5.9; none was added up to 6.18).
var capabilities = []corev1.Capability{
	"CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
	"LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER", "SYS_MODULE",
	"SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME",
	"SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG",
	"WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF", "CHECKPOINT_RESTORE",
}

// Capabilities returns the names of all capabilities, in the order of their numbers.
func Capabilities() []corev1.Capability { return slices.Clone(capabilities) }

// UnknownCapabilityError says that the kernel has no capability of that name.
type UnknownCapabilityError struct {
	// Name is as it was written.
	Name string
}

func (e *UnknownCapabilityError) Error() string {
	return fmt.Sprintf("there is no capability %q", e.Name)
}

// ParseCapability reads the name of a capability as capabilities(7) has it, with or without "CAP_", in capitals or not,
// and returns it as Kubernetes' own documentation writes it: "NET_ADMIN". The error is an *UnknownCapabilityError. "ALL"
// is the name of none.
func ParseCapability(name string) (corev1.Capability, error) {
	if c := canonical(corev1.Capability(name)); slices.Contains(capabilities, c) {
		return c, nil
	}
	return "", &UnknownCapabilityError{Name: name}
}

// canonical is a capability's name as runtimes read it: in capitals, the prefix left away.
func canonical(c corev1.Capability) corev1.Capability {
	return corev1.Capability(strings.TrimPrefix(strings.ToUpper(string(c)), "CAP_"))
}
