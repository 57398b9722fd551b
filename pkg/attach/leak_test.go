//go:build unix

package attach_test

import (
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/mindebug/kubectl-mindebug/pkg/attach"
	"github.com/mindebug/kubectl-mindebug/pkg/attach/attachtest"
)

// TestNothingIsLeftOfFifty: commands that ended leave no goroutine and no descriptor.
//
//nolint:paralleltest // it counts what the whole process has
func TestNothingIsLeftOfFifty(t *testing.T) {
	const descriptors = "/proc/self/fd"
	if _, err := os.Stat(descriptors); err != nil {
		t.Skip("needs " + descriptors)
	}
	e := execer(t, func(c *attachtest.Call) (int, error) {
		_, err := io.Copy(c.Stdout, c.Stdin)
		return 3, err
	})
	run := func() {
		s := attach.Streams{Stdin: strings.NewReader("words"), Stdout: io.Discard, Stderr: io.Discard}
		if status, err := e.Exec(t.Context(), container, []string{"cat"}, s); status != 3 || err != nil {
			t.Errorf("Exec = %d, %v", status, err)
		}
	}
	run()
	count := func() (int, int) {
		list, err := os.ReadDir(descriptors)
		if err != nil {
			t.Fatal(err)
		}
		return runtime.NumGoroutine(), len(list)
	}
	goroutines, files := count()
	for range 50 {
		run()
	}
	deadline := time.After(10 * time.Second)
	for {
		g, f := count()
		if g <= goroutines+5 && f <= files+5 { // those of the last one, on either side, may be on their way out
			return
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-deadline:
			t.Fatalf("%d goroutines and %d descriptors; after the first it was %d and %d", g, f, goroutines, files)
		}
	}
}
