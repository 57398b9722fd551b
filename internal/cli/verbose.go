package cli

import (
	"flag"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"sync"

	"github.com/spf13/pflag"
	"k8s.io/klog/v2"
)

// quiet silences client-go, which logs what it also returns; errors.go says it.
var quiet = sync.OnceFunc(func() { klog.SetSlogLogger(slog.New(slog.DiscardHandler)) })

// addVerbosity adds kubectl's own -v.
func addVerbosity(flags *pflag.FlagSet, level *int) {
	flags.IntVarP(level, "v", "v", 0, "log the requests to the API server: 6 their addresses, 8 their contents too, secrets included")
}

// logTo has client-go log to out, up to a level.
func logTo(out io.Writer, level int) error {
	klog.ClearLogger()
	var flags flag.FlagSet
	klog.InitFlags(&flags)
	for _, setting := range [][2]string{
		{"v", strconv.Itoa(level)}, {"logtostderr", "false"}, {"one_output", "true"}, {"stderrthreshold", "FATAL"},
	} {
		if err := flags.Set(setting[0], setting[1]); err != nil {
			return fmt.Errorf("setting up the log: %w", err)
		}
	}
	klog.SetOutput(out)
	return nil
}
