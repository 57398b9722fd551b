package main

import (
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/mindebug/kubectl-mindebug/internal/cli"
)

// tree is the command tree without what differs between the machines that it is printed on.
func tree() *cobra.Command {
	root := cli.Command()
	root.DisableAutoGenTag = true
	return root
}

// reference writes a page for each verb, and removes those of verbs that are no more.
func reference(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return doc.GenMarkdownTree(tree(), dir)
}

// manPages writes a man page for each verb. Their date is that of SOURCE_DATE_EPOCH.
func manPages(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return doc.GenManTree(tree(), &doc.GenManHeader{Section: "1", Source: "mindebug", Manual: "kubectl mindebug"}, dir)
}

// completionScripts writes those of each shell, under the names that the shells look for.
func completionScripts(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root := tree()
	for name, write := range map[string]func(path string) error{
		"kubectl-mindebug.bash": func(path string) error { return root.GenBashCompletionFileV2(path, true) },
		"_kubectl-mindebug":     root.GenZshCompletionFile,
		"kubectl-mindebug.fish": func(path string) error { return root.GenFishCompletionFile(path, true) },
		"kubectl-mindebug.ps1":  root.GenPowerShellCompletionFileWithDesc,
	} {
		if err := write(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}
