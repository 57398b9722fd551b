//go:build cgo

// Command cgo is the dynamic program of the test images: it needs the C library at run time, asks it for its version, and
// answers with that on $PORT.
package main

// #include <gnu/libc-version.h>
import "C"

import (
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	version := C.GoString(C.gnu_get_libc_version())
	hello := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "hello from glibc", version) })
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-ended
		os.Exit(0)
	}()
	server := &http.Server{Addr: ":" + port, Handler: hello, ReadHeaderTimeout: 10 * time.Second}
	fmt.Fprintln(os.Stderr, "cgo:", server.ListenAndServe())
	os.Exit(1)
}
