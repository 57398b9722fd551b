// Command launch runs a program and reports on file descriptor 3 when it began and what it took. Bench measures by it, since
// Linux counts what the parent had in memory as the peak of a process that it starts, until that has more: so the parent has
// to be small.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

func main() {
	status, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintf(os.Stderr, "launch: %v\n", err)
	}
	os.Exit(status)
}

func run(argv []string) (int, error) {
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return 127, err
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	runtime.LockOSThread() // the program ends with the thread that started it
	began := time.Now()
	process, err := os.StartProcess(path, argv, &os.ProcAttr{
		Env: os.Environ(), Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}, Sys: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL},
	})
	if err != nil {
		return 126, err
	}
	go func() {
		for s := range signals {
			_ = process.Signal(s)
		}
	}()
	state, err := process.Wait()
	took := time.Since(began)
	if err != nil {
		return 126, err
	}
	report := struct {
		Began     time.Time
		Took, CPU time.Duration
		MaxRSS    int64
	}{Began: began, Took: took, CPU: state.UserTime() + state.SystemTime()}
	if usage, ok := state.SysUsage().(*syscall.Rusage); ok {
		report.MaxRSS = usage.Maxrss << 10
	}
	if err := json.NewEncoder(os.NewFile(3, "report")).Encode(report); err != nil {
		return 126, err
	}
	if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal()), nil
	}
	return state.ExitCode(), nil
}
