package cluster

import (
	"fmt"
	"strings"

	"github.com/mindebug/kubectl-mindebug/test/cluster/internal/image"
	"github.com/mindebug/kubectl-mindebug/test/cluster/internal/layout"
)

// Env is what a shell evaluates to use the cluster: it and nothing else may go to stdout. Module is the folder of this
// program's source, from which it can be run again.
func Env(l layout.Layout, module string) string {
	var b strings.Builder
	for _, variable := range []struct{ name, value string }{
		{"KUBECONFIG", l.Kubeconfig(admin)},
		{"CONTAINERD_ADDRESS", l.ContainerdSocket()},
		{"CONTAINERD_NAMESPACE", Namespace},
		{"CONTAINERD_SUPPRESS_DEPRECATION_WARNINGS", "true"}, // ctr says at each call that the kernel's cgroups are old
		{"MINDEBUG_IMAGE", image.Debug},
		{"MINDEBUG_STOCK_IMAGE", image.Stock},
		{"MINDEBUG_AUDIT_LOG", l.AuditLog()},
		{"MINDEBUG_TEST_RESTART", "go -C " + quote(module) + " run . restart"},
		{layout.DirVariable, l.Dir},
		{layout.CacheVariable, l.Cache},
	} {
		fmt.Fprintf(&b, "export %s=%s\n", variable.name, quote(variable.value))
	}
	fmt.Fprintf(&b, "export PATH=%s:\"$PATH\"\n", quote(l.Bin()))
	return b.String()
}

// quote makes one shell word of any text.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
