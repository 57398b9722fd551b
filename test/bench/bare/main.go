// Command bare is what the start and the size of kubectl-mindebug are compared with: a program of the same libraries that
// does next to nothing. bench builds it.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	coreclient "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/remotecommand"
)

func main() {
	flags := genericclioptions.NewConfigFlags(true)
	command := &cobra.Command{Use: "bare POD", Short: "exec into a pod", Args: cobra.ExactArgs(1), RunE: func(c *cobra.Command, args []string) error {
		config, err := flags.ToRESTConfig()
		if err != nil {
			return err
		}
		client, err := coreclient.NewForConfig(config)
		if err != nil {
			return err
		}
		pod, err := client.Pods(*flags.Namespace).Get(c.Context(), args[0], metav1.GetOptions{})
		if err != nil {
			return err
		}
		exec, err := remotecommand.NewWebSocketExecutor(config, "GET", pod.Name)
		if err != nil {
			return err
		}
		return exec.StreamWithContext(c.Context(), remotecommand.StreamOptions{Stdout: os.Stdout})
	}}
	flags.AddFlags(command.PersistentFlags())
	if err := command.Execute(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
