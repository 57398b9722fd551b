// Command server is the static Go program of the test images: it answers "hello" on $PORT and ends on SIGTERM. It serves its
// profiles on $PPROF, an address, where that is set. With PLANT=deadlock two goroutines wait for each other for ever.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/pprof"
	"os"
	"os/signal"
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
	if os.Getenv("PLANT") == "deadlock" {
		plant()
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

// plant has two goroutines wait for each other's locks.
func plant() {
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
}
