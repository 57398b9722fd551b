// Command kubectl-mindebug is the kubectl plugin "mindebug".
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/mindebug/kubectl-mindebug/internal/cli"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
)

// version is stamped by -ldflags.
var version = "dev"

func main() {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	signal.Ignore(syscall.SIGPIPE) // a write that fails ends the session in an orderly way
	go func() {
		if s, ok := (<-signals).(syscall.Signal); ok {
			cancel(&fault.Interrupted{Signal: s})
		}
	}()
	cache, _ := os.UserCacheDir() // without one nothing is kept
	own, _ := os.UserConfigDir()  // without one nothing is configured there
	program := cli.Program{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv, Version: version, CacheDir: cache, ConfigDir: own}
	os.Exit(cli.Run(ctx, program, cli.Words(os.Args)))
}
