package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
)

func newVersion(version string) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of this program",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return write(cmd.OutOrStdout(), []byte(version+"\n"))
		},
	}
}

// noArgs refuses arguments.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return &fault.Usage{
		Reason: fmt.Sprintf("%s takes no argument, and here is %q", cmd.Name(), args[0]),
		Hint:   fmt.Sprintf("a pod of that name is pod/%s", cmd.Name()),
	}
}
