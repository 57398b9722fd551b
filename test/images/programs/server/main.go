// Command server is the static Go program of the test images: it answers "hello" on $PORT and ends on SIGTERM. It serves its
// profiles on $PPROF, an address, where that is set. $PLANT has the names of faults, with commas between.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/pprof"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	err := serve(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
}

// serve serves until ctx ends.
func serve(ctx context.Context) error {
	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	hello := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "hello") })
	server := &http.Server{Addr: ":" + port, Handler: hello, ReadHeaderTimeout: 10 * time.Second}
	if err := plant(); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	if at := os.Getenv("PPROF"); at != "" {
		mux := http.NewServeMux()
		mux.HandleFunc("/debug/pprof/", pprof.Index)
		profiles := &http.Server{Addr: at, Handler: mux, ReadHeaderTimeout: 10 * time.Second}
		group.Go(func() error {
			if err := profiles.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
				return err
			}
			return nil
		})
		group.Go(func() error {
			<-ctx.Done()
			return profiles.Close()
		})
	}
	group.Go(func() error {
		if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		return server.Close()
	})
	return group.Wait()
}

// faults are what can be wrong with the program.
var faults = map[string]func() error{
	"deadlock": deadlock,                                    // two goroutines wait for each other for ever
	"zombie":   func() error { return self("end").Start() }, // a child has ended, and nobody waits for it
	"deleted":  deleted,                                     // a file of 2 MB is open, and has no name
	"memory":   memory,                                      // a child was killed by the kernel for want of memory
	"busy":     busy,                                        // it only takes time of the processor

	"end":  func() error { os.Exit(0); return nil },
	"grow": grow,
}

func plant() error {
	for name := range strings.SplitSeq(os.Getenv("PLANT"), ",") {
		if name == "" {
			continue
		}
		if err := faults[name](); err != nil {
			return err
		}
	}
	return nil
}

func deadlock() error {
	var orders, stock sync.Mutex
	var both sync.WaitGroup
	both.Add(2)
	take := func(first, second *sync.Mutex) {
		first.Lock()
		both.Done()
		both.Wait()
		second.Lock()
	}
	go take(&orders, &stock)
	go take(&stock, &orders)
	return nil
}

// self is this program once more, with another fault.
func self(fault string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "PLANT="+fault)
	return cmd
}

func deleted() error {
	const name = "/spool/gone"
	if err := os.WriteFile(name, make([]byte, 2_000_000), 0o600); err != nil {
		return err
	}
	if _, err := syscall.Open(name, syscall.O_RDONLY, 0); err != nil { // a descriptor that no collection closes
		return err
	}
	return os.Remove(name)
}

func memory() error {
	if err := self("grow").Run(); err == nil {
		return errors.New("the child was not killed")
	}
	return nil
}

// held is the memory of grow.
var held [][]byte

// grow takes memory until it is killed.
func grow() error {
	for {
		held = append(held, bytes.Repeat([]byte{1}, 1<<20))
	}
}

func busy() error {
	for time.Now().Unix() > 0 {
		continue
	}
	return nil
}
