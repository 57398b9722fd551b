// Command http is the program in the sample targets: a static server that behaves as programs in production do, the bad
// habits included. It runs as PID 1 and reaps nobody: POST /spawn leaves a zombie, and so does every orphan that it adopts.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	allocate := flag.String("allocate", os.Getenv("ALLOCATE"), "hold this much touched memory: bytes, or a number with KiB, MiB or GiB")
	exitAfter := flag.Duration("exit-after", 0, "exit by itself after this time (0: never)")
	exitCode := flag.Int("exit-code", 1, "the status of that exit")
	exit := flag.Bool("exit", false, "exit at once with status 0: the child that /spawn makes")
	become := flag.String("setuid", "", "become UID:GID and begin anew, as gosu does")
	nodump := flag.Bool("nodump", false, "be closed even to others of the same user (prctl PR_SET_DUMPABLE)")
	flag.Parse()
	if *exit {
		return
	}
	if err := disguise(*become, *nodump); err != nil {
		fmt.Fprintln(os.Stderr, "http:", err)
		os.Exit(2)
	}
	held, err := hold(*allocate)
	if err != nil {
		fmt.Fprintln(os.Stderr, "http:", err)
		os.Exit(2)
	}
	if *exitAfter > 0 {
		time.AfterFunc(*exitAfter, func() {
			fmt.Fprintf(os.Stderr, "http: exiting with status %d after %s\n", *exitCode, *exitAfter)
			os.Exit(*exitCode)
		})
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	fmt.Printf("http: serving on :%s as uid %d gid %d, holding %d bytes\n", port, os.Getuid(), os.Getgid(), len(held))
	err = serve(ctx, ":"+port)
	stop()
	runtime.KeepAlive(held)
	if err != nil {
		fmt.Fprintln(os.Stderr, "http:", err)
		os.Exit(1)
	}
}

// disguise makes this process another than its pod says. After setuid it executes itself again, which makes it dumpable
// as any program is.
func disguise(become string, nodump bool) error {
	if become != "" {
		uid, gid, err := parseUser(become)
		if err != nil {
			return err
		}
		if os.Getuid() != uid {
			if err := errors.Join(syscall.Setgroups([]int{gid}), syscall.Setgid(gid), syscall.Setuid(uid)); err != nil {
				return fmt.Errorf("becoming %s: %w", become, err)
			}
			return syscall.Exec("/proc/self/exe", os.Args, os.Environ())
		}
	}
	if nodump {
		if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_DUMPABLE, 0, 0); errno != 0 {
			return fmt.Errorf("becoming not dumpable: %w", errno)
		}
	}
	return nil
}

// parseUser reads "UID:GID".
func parseUser(text string) (uid, gid int, err error) {
	u, g, _ := strings.Cut(text, ":")
	uid, uidErr := strconv.Atoi(u)
	gid, gidErr := strconv.Atoi(g)
	if uidErr != nil || gidErr != nil || uid < 0 || gid < 0 {
		return 0, 0, fmt.Errorf("-setuid %q is not UID:GID", text)
	}
	return uid, gid, nil
}

// serve ends with ctx, at once: a client that is still connected is not waited for.
func serve(ctx context.Context, address string) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "hello") })
	mux.HandleFunc("POST /spawn", func(w http.ResponseWriter, _ *http.Request) {
		// Started and never waited for.
		child, err := os.StartProcess("/proc/self/exe", []string{"child", "-exit"}, &os.ProcAttr{})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprintln(w, child.Pid)
	})
	server := &http.Server{Addr: address, Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { server.Close() })
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// hold allocates that many bytes and writes to each page, so that they are resident.
func hold(amount string) ([]byte, error) {
	if amount == "" {
		return nil, nil
	}
	number, unit := amount, 1
	for suffix, factor := range map[string]int{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30} {
		if rest, found := strings.CutSuffix(amount, suffix); found {
			number, unit = rest, factor
		}
	}
	n, err := strconv.Atoi(number)
	if err != nil || n < 0 {
		return nil, fmt.Errorf("-allocate %q is no amount of memory", amount)
	}
	memory := make([]byte, n*unit)
	for i := 0; i < len(memory); i += os.Getpagesize() {
		memory[i] = 1
	}
	return memory, nil
}
