package cli

import (
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/mindebug/kubectl-mindebug/pkg/profiles"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// addTo gives each verb and each flag of the tree the function that completes it. It is called for completions only.
func (c completer) addTo(cmd *cobra.Command) {
	switch {
	case cmd.Name() == "stop":
		cmd.ValidArgsFunction = c.stop
	case cmd.Name() == "triage":
		cmd.ValidArgsFunction = c.triage
	case cmd.Name() == "cp":
		cmd.ValidArgsFunction = c.copied
	case strings.Contains(cmd.Use, "POD|TYPE/NAME"):
		cmd.ValidArgsFunction = c.target
	case !cmd.HasSubCommands() && cmd.Name() != "help":
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	cmd.LocalFlags().VisitAll(func(flag *pflag.Flag) {
		if isFile := slices.Contains(fileFlags, flag.Name); !isFile {
			_ = cmd.RegisterFlagCompletionFunc(flag.Name, c.flag(cmd, flag)) // the flag is there, and has none yet
		}
	})
	for _, below := range cmd.Commands() {
		c.addTo(below)
	}
}

// fileFlags take a file or a folder of this machine, which shells complete by themselves.
var fileFlags = []string{
	"custom", "file", "out", "kubeconfig", "cache-dir", "certificate-authority", "client-certificate", "client-key",
}

// flag is what completes the value of a flag.
func (c completer) flag(cmd *cobra.Command, flag *pflag.Flag) cobra.CompletionFunc {
	if output, ok := flag.Value.(*format); ok {
		return fixed(output.allowed...)
	}
	switch kubectls := cmd.Root().PersistentFlags().Lookup(flag.Name) == flag; {
	case kubectls && flag.Name == "namespace":
		return c.namespace
	case kubectls:
		return c.kubeconfig(flag.Name)
	}
	switch flag.Name {
	case "container", "target":
		return c.container
	case "profile":
		return fixed(profiles.Names()...)
	case "cap-add":
		var all []string
		for _, capability := range profiles.Capabilities() {
			all = append(all, string(capability))
		}
		return list(all)
	case "pick":
		return fixed(string(target.PickReady), string(target.PickNotReady), string(target.PickNewest), string(target.PickOldest))
	case "via":
		return fixed(viaExec, viaAttach)
	case "dry-run":
		return fixed(dryRunClient, dryRunServer)
	case "image-pull-policy":
		return fixed(string(corev1.PullAlways), string(corev1.PullIfNotPresent), string(corev1.PullNever))
	case "kind":
		return list(append(kindsOfImages(), "all"))
	case "from":
		return fixed("image")
	}
	return cobra.NoFileCompletions
}

// fixed completes one of some values.
func fixed(values ...string) cobra.CompletionFunc {
	return cobra.FixedCompletions(values, words)
}

// list completes the last of a list of values.
func list(values []string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, begun string) (found offer, _ cobra.ShellCompDirective) {
		before := begun[:strings.LastIndex(begun, ",")+1]
		for _, value := range values {
			found = append(found, before+value)
		}
		return found, words
	}
}

// kubeconfig completes the name of something in the kubeconfig, which is all that is read.
func (c completer) kubeconfig(flag string) cobra.CompletionFunc {
	return func(*cobra.Command, []string, string) (offer, cobra.ShellCompDirective) {
		config, err := c.f.flags.Loader().RawConfig()
		if err != nil {
			return nil, words
		}
		return namesIn(config, flag), words
	}
}

// namesIn are the names that a kubeconfig has for a flag.
func namesIn(config clientcmdapi.Config, flag string) []string {
	switch flag {
	case "context":
		return slices.Sorted(maps.Keys(config.Contexts))
	case "cluster":
		return slices.Sorted(maps.Keys(config.Clusters))
	case "user":
		return slices.Sorted(maps.Keys(config.AuthInfos))
	}
	return nil
}
