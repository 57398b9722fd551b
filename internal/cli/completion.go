package cli

import (
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/ui"
)

const completionExample = `  # In every new shell: kubectl completes the words after "mindebug"
  kubectl mindebug completion install

  # For the program called by its own name
  source <(kubectl mindebug completion bash)`

// completerName is the program that kubectl asks what comes after "kubectl mindebug".
const completerName = "kubectl_complete-mindebug"

// Words are the words of a run, of a process' own arguments. Under the name by which kubectl asks for completions they are
// those to complete.
func Words(argv []string) []string {
	name := strings.TrimSuffix(filepath.Base(argv[0]), ".exe")
	if name == completerName {
		return append([]string{cobra.ShellCompRequestCmd}, argv[1:]...)
	}
	return argv[1:]
}

// shells write their script.
var shells = map[string]func(root *cobra.Command, out io.Writer) error{
	"bash":       func(root *cobra.Command, out io.Writer) error { return root.GenBashCompletionV2(out, true) },
	"zsh":        func(root *cobra.Command, out io.Writer) error { return root.GenZshCompletion(out) },
	"fish":       func(root *cobra.Command, out io.Writer) error { return root.GenFishCompletion(out, true) },
	"powershell": func(root *cobra.Command, out io.Writer) error { return root.GenPowerShellCompletionWithDesc(out) },
}

// shellNames are in the order of help.
var shellNames = []string{"bash", "zsh", "fish", "powershell"}

func newCompletion(f *factory) *cobra.Command {
	c := &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Complete words on the Tab key: pods, containers, files, flags",
		Long: `Sets up the completion of words. In most cases "completion install" is all that is needed: kubectl's own completion, where
the shell has it, then asks mindebug what comes after "kubectl mindebug". With a shell's name it prints the script that
completes the words after "kubectl-mindebug".`,
		Example:   completionExample,
		ValidArgs: shellNames,
		Args:      cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 || !slices.Contains(shellNames, args[0]) {
				return &fault.Usage{
					Reason: "completion needs the word install or uninstall, or one shell: " + strings.Join(shellNames, ", "),
					Hint:   "have kubectl complete for mindebug: kubectl mindebug completion install",
				}
			}
			return shells[args[0]](cmd.Root(), f.program.Out)
		},
	}
	c.AddCommand(newCompletionInstall(f), newCompletionUninstall(f))
	return c
}

func newCompletionInstall(f *factory) *cobra.Command {
	return &cobra.Command{
		Use:   "install",
		Short: "Let kubectl complete what comes after \"kubectl mindebug\"",
		Long: `Puts a link ` + completerName + ` beside the program, in the folder of PATH where kubectl finds that. It leads to
the name there, which an upgrade keeps, not to one version's file. The shell needs kubectl's own completion: see
"kubectl completion --help".`,
		Example: "  kubectl mindebug completion install",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			link, err := installCompleter(f.program.Getenv("PATH"))
			if err == nil {
				ui.NewNotices(f.program.Err).Say("%s: kubectl completes the words after \"kubectl mindebug\", in shells that have its completion (kubectl completion --help)", link)
			}
			return err
		},
	}
}

func newCompletionUninstall(f *factory) *cobra.Command {
	return &cobra.Command{
		Use:     "uninstall",
		Short:   "Remove what \"completion install\" made",
		Example: "  kubectl mindebug completion uninstall",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			removed, err := uninstallCompleter(f.program.Getenv("PATH"))
			notices := ui.NewNotices(f.program.Err)
			for _, link := range removed {
				notices.Say("%s is removed", link)
			}
			if err == nil && len(removed) == 0 {
				notices.Say("there is no %s on PATH", completerName)
			}
			return err
		},
	}
}
