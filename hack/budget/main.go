// Command budget prints what the program costs, and fails where that is more than was agreed: its size, the CPU time of its
// start beside a bare program of the same libraries, and which modules its size comes from.
package main

import (
	"cmp"
	"context"
	"debug/elf"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	// most is the size in bytes of the stripped program for linux/amd64. An import of client-go's generated clients, or of
	// cli-runtime's connection flags, adds the types of all API groups: 10 MB, and 3 ms to each start.
	most = 25_000_000
	// factor is how much CPU time `--help` is to take, of the bare program's. It is printed, not demanded: a machine that others
	// use as well would decide.
	factor = 1.2
	// starts are measured of each program; the least of them is what it costs, the rest is the machine's.
	starts = 40
	// listed are the modules that are named.
	listed = 20
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "error: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "mindebug-budget-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	own, bare, symbols := filepath.Join(dir, "own"), filepath.Join(dir, "bare"), filepath.Join(dir, "symbols")
	for _, b := range []struct{ to, linked, from string }{
		{own, "-s -w", "./cmd/kubectl-mindebug"}, {bare, "-s -w", "./test/bench/bare"}, {symbols, "-w", "./cmd/kubectl-mindebug"},
	} {
		cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", b.linked, "-o", b.to, b.from)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("building %s: %w: %s", b.from, err, out)
		}
	}
	if err := printModules(ctx, symbols); err != nil {
		return err
	}
	size, err := os.Stat(own)
	if err != nil {
		return err
	}
	used, least, err := startsOf(ctx, own, bare)
	if err != nil {
		return err
	}
	ratio := float64(used) / float64(least)
	fmt.Printf("\nsize %.2f MB of %.2f MB\n--help %s of CPU, a bare program %s: %.2f of %.2f that is wished for\n",
		float64(size.Size())/1e6, float64(most)/1e6, used, least, ratio, factor)
	if size.Size() > most {
		return fmt.Errorf("the program has %d bytes, and %d are agreed", size.Size(), most)
	}
	return nil
}

// startsOf is the least CPU time that `--help` of each program takes; they take turns.
func startsOf(ctx context.Context, own, bare string) (used, least time.Duration, err error) {
	used, least = time.Hour, time.Hour
	for range starts {
		for program, shortest := range map[string]*time.Duration{own: &used, bare: &least} {
			cmd := exec.CommandContext(ctx, program, "--help")
			if err := cmd.Run(); err != nil {
				return 0, 0, fmt.Errorf("running %s: %w", program, err)
			}
			*shortest = min(*shortest, cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime())
		}
	}
	return used, least, nil
}

// printModules prints which modules the code and data of a program come from, and how many bytes of the file each is.
func printModules(ctx context.Context, program string) error {
	modules, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Path}}", "all").Output()
	if err != nil {
		return fmt.Errorf("listing modules: %w", err)
	}
	file, err := elf.Open(program)
	if err != nil {
		return err
	}
	defer file.Close()
	symbols, err := file.Symbols()
	if err != nil {
		return fmt.Errorf("reading the symbols of %s: %w", program, err)
	}
	bytesOf, known := map[string]uint64{}, strings.Fields(string(modules))
	for _, s := range symbols {
		if int(s.Section) < len(file.Sections) && file.Sections[s.Section].Type == elf.SHT_PROGBITS {
			bytesOf[moduleOf(s.Name, known)] += s.Size
		}
	}
	names := slices.SortedFunc(maps.Keys(bytesOf), func(a, b string) int { return cmp.Compare(bytesOf[b], bytesOf[a]) })
	fmt.Printf("%10s  of code and data, the linker's tables apart\n", "bytes")
	for _, name := range names[:min(listed, len(names))] {
		fmt.Printf("%10d  %s\n", bytesOf[name], name)
	}
	return nil
}

// moduleOf is the module that a symbol belongs to, by its package's path.
func moduleOf(symbol string, modules []string) string {
	symbol = strings.TrimPrefix(strings.TrimPrefix(symbol, "type:"), "go:itab.")
	symbol = strings.TrimLeft(strings.TrimPrefix(symbol, ".eq."), "*")
	longest := ""
	for _, module := range modules {
		if len(module) > len(longest) && strings.HasPrefix(strings.ReplaceAll(symbol, "%2e", "."), module) {
			longest = module
		}
	}
	return cmp.Or(longest, "the standard library, and what belongs to none")
}
