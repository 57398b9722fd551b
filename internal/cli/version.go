package cli

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/mindebug/kubectl-mindebug/internal/config"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/ui"
)

// versionReport is this build, for programs.
type versionReport struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Version    string `json:"version"`
	Go         string `json:"go"`
	Platform   string `json:"platform"`
	// Image is the debug image of this build, by digest; only a release has one.
	Image string `json:"image,omitempty"`
}

const versionExample = `  # For a script
  kubectl mindebug version -o json`

func newVersion(version string) *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:     "version",
		Short:   "Print the version of this program",
		Long:    "Prints the version of this program. It asks nobody whether there is a later one.",
		Example: versionExample,
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			report := versionReport{apiVersion, "Version", version, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH, config.Released()}
			switch output {
			case formatJSON:
				return writeJSON(cmd.OutOrStdout(), report)
			case formatYAML:
				return writeYAML(cmd.OutOrStdout(), report)
			}
			if err := write(cmd.OutOrStdout(), []byte(version+"\n")); err != nil {
				return err
			}
			if config.Released() == "" {
				ui.NewNotices(cmd.ErrOrStderr()).Say("this build is no release: it names no debug image")
			}
			return nil
		},
	}
	addOutput(c.Flags(), &output, formatJSON, formatYAML)
	return c
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
