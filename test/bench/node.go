package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// tasks knows when the node's runtime started each container, from containerd's own events.
type tasks struct {
	mu    sync.Mutex
	start map[string]time.Time

	listener *exec.Cmd
	ended    chan struct{}
}

// watchTasks listens to containerd until it is stopped. It returns nil where CONTAINERD_ADDRESS is not set: then the node is
// another machine.
func watchTasks(ctx context.Context) (*tasks, error) {
	if os.Getenv("CONTAINERD_ADDRESS") == "" {
		return nil, nil
	}
	cmd := exec.CommandContext(ctx, "ctr", "events")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("listening to containerd: %w", err)
	}
	t := &tasks{start: map[string]time.Time{}, listener: cmd, ended: make(chan struct{})}
	go func() {
		defer close(t.ended)
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 4<<20)
		for lines.Scan() {
			t.note(lines.Text())
		}
		_ = cmd.Wait()
	}()
	return t, nil
}

// stop ends the listener.
func (t *tasks) stop() {
	if t == nil {
		return
	}
	_ = t.listener.Process.Kill()
	<-t.ended
}

// note takes in a line of `ctr events`: time (four words), namespace, topic, and the event as JSON.
func (t *tasks) note(line string) {
	words := strings.SplitN(line, " ", 7)
	if len(words) != 7 || words[5] != "/tasks/start" {
		return
	}
	at, err := time.Parse("2006-01-02 15:04:05.999999999 -0700 MST", strings.Join(words[:4], " "))
	var event struct {
		ID string `json:"container_id"`
	}
	if err != nil || json.Unmarshal([]byte(words[6]), &event) != nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.start[event.ID] = at
}

// started returns when a container had started; id is as in a pod's status.
func (t *tasks) started(ctx context.Context, id string) (time.Time, error) {
	_, id, _ = strings.Cut(id, "://")
	for range 100 { // the event may come after the status
		t.mu.Lock()
		at, ok := t.start[id]
		t.mu.Unlock()
		if ok {
			return at, nil
		}
		if err := wait(ctx, 20*time.Millisecond); err != nil {
			return at, err
		}
	}
	return time.Time{}, fmt.Errorf("containerd told no start of container %s", id)
}

// auditLog is what the API server writes of this run. It writes a request's entry before its client has the answer.
type auditLog struct {
	name string
	from int64
}

// openAuditLog returns nil where the log is not at hand.
func openAuditLog() (*auditLog, error) {
	name := os.Getenv("MINDEBUG_AUDIT_LOG")
	if name == "" {
		return nil, nil
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	return &auditLog{name: name, from: info.Size()}, nil
}

// patched returns when the API server had answered the last patch that added a container to a pod.
func (a *auditLog) patched(namespace, pod string) (time.Time, error) {
	file, err := os.Open(a.name)
	if err != nil {
		return time.Time{}, err
	}
	defer file.Close()
	if _, err := file.Seek(a.from, io.SeekStart); err != nil {
		return time.Time{}, err
	}
	path := []byte(fmt.Sprintf("/namespaces/%s/pods/%s/ephemeralcontainers", namespace, pod))
	var at time.Time
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		if !bytes.Contains(lines.Bytes(), path) {
			continue
		}
		var entry struct {
			Stage, RequestURI, Verb string
			StageTimestamp          time.Time
		}
		if err := json.Unmarshal(lines.Bytes(), &entry); err != nil {
			return at, fmt.Errorf("reading %s: %w", a.name, err)
		}
		if entry.Stage == "ResponseComplete" && entry.Verb == "patch" && !strings.Contains(entry.RequestURI, "dryRun") {
			at = entry.StageTimestamp
		}
	}
	if at.IsZero() {
		return at, fmt.Errorf("%s tells of no container added to pod %s", a.name, pod)
	}
	return at, lines.Err()
}
