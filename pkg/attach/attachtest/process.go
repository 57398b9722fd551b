//go:build unix

package attachtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"syscall"
	"testing"

	"github.com/creack/pty"

	"github.com/mindebug/kubectl-mindebug/pkg/attach"
)

// NewMachine is a Subject whose containers are processes of this machine, behind a Server.
func NewMachine(t testing.TB) Subject {
	t.Helper()
	var mu sync.Mutex
	started := map[string]string{}
	server := NewServer(t, func(c *Call) (int, error) {
		if !c.Attach {
			return Process(c)
		}
		mu.Lock()
		c.Command = []string{"sh", "-c", started[c.Request.URL.Query().Get("container")]}
		mu.Unlock()
		_, err := Process(c) // who is attached is not told the exit status
		return 0, err
	})
	container := attach.Container{Namespace: "shop", Pod: "web", Name: "app"}
	return Subject{
		Config: server.Config(), Container: container,
		Waiting: attach.Container{Namespace: container.Namespace, Pod: container.Pod, Name: "waiting"},
		Start: func(_ *testing.T, _ bool, script string) attach.Container {
			mu.Lock()
			defer mu.Unlock()
			c := container
			c.Name = fmt.Sprintf("started-%d", len(started))
			started[c.Name] = script
			return c
		},
	}
}

// Process is a Handler that runs the call's command as a process of this machine, with a pseudo-terminal where one is
// asked for. As in a container, the process goes on when the client is gone; it is killed when the server ends.
func Process(c *Call) (int, error) {
	if len(c.Command) == 0 {
		return 0, errors.New("no command")
	}
	cmd := exec.CommandContext(context.Background(), c.Command[0], c.Command[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // so that all that it starts can be killed
	var err error
	if c.TTY {
		err = runOnTerminal(c, cmd)
	} else {
		err = runPlain(c, cmd)
	}
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0, nil
	case !errors.As(err, &exit):
		return 0, fmt.Errorf("running %q: %w", c.Command[0], err)
	case exit.Sys().(syscall.WaitStatus).Signaled():
		return 128 + int(exit.Sys().(syscall.WaitStatus).Signal()), nil
	}
	return exit.ExitCode(), nil
}

// runPlain runs cmd with pipes, and takes all its output before it returns.
func runPlain(c *Call, cmd *exec.Cmd) error {
	if c.Stdin != nil {
		stdin, err := cmd.StdinPipe() // no Cmd.Stdin: Wait would wait for the client to end it
		if err != nil {
			return err
		}
		go func() {
			_, _ = io.Copy(stdin, c.Stdin)
			_ = stdin.Close()
		}()
	}
	cmd.Stdout, cmd.Stderr = c.Stdout, c.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	defer killAtEnd(c, cmd)()
	return cmd.Wait()
}

// runOnTerminal runs cmd on a pseudo-terminal of the size that the client says.
func runOnTerminal(c *Call, cmd *exec.Cmd) error {
	terminal, err := pty.Start(cmd)
	if err != nil {
		return err
	}
	defer killAtEnd(c, cmd)()
	if c.Stdin != nil {
		go func() { _, _ = io.Copy(terminal, c.Stdin) }()
	}
	resized, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(resized)
		for {
			select {
			case size, ok := <-c.Sizes:
				if !ok {
					return
				}
				_ = pty.Setsize(terminal, &pty.Winsize{Cols: size.Width, Rows: size.Height})
			case <-over:
				return
			}
		}
	}()
	var output sync.WaitGroup
	output.Go(func() { _, _ = io.Copy(out(c), terminal) }) // ends by EIO when the last process has closed it
	err = cmd.Wait()
	output.Wait()
	close(over)
	<-resized
	_ = terminal.Close()
	return err
}

func out(c *Call) io.Writer {
	if c.Stdout == nil {
		return io.Discard
	}
	return c.Stdout
}

// killAtEnd kills the processes of cmd when the server ends. What it returns is called when cmd has ended.
func killAtEnd(c *Call, cmd *exec.Cmd) func() {
	ended := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case <-c.Done:
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		case <-ended:
		}
	})
	return func() {
		close(ended)
		watch.Wait()
	}
}
