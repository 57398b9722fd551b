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
	"slices"
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

// auditEvent is what is read of a line of it.
type auditEvent struct {
	AuditID, Stage, RequestURI, Verb string
	StageTimestamp                   time.Time
}

// each calls do for all events whose line has a text in it.
func (a *auditLog) each(text string, do func(auditEvent)) error {
	file, err := os.Open(a.name)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.Seek(a.from, io.SeekStart); err != nil {
		return err
	}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		if !bytes.Contains(lines.Bytes(), []byte(text)) {
			continue
		}
		var event auditEvent
		if err := json.Unmarshal(lines.Bytes(), &event); err != nil {
			return fmt.Errorf("reading %s: %w", a.name, err)
		}
		do(event)
	}
	return lines.Err()
}

// patched returns when the API server had answered the last patch that a client added a container to a pod by.
func (a *auditLog) patched(namespace, pod string) (time.Time, error) {
	var at time.Time
	err := a.each(fmt.Sprintf("/namespaces/%s/pods/%s/ephemeralcontainers", namespace, pod), func(e auditEvent) {
		if e.Stage == "ResponseComplete" && e.Verb == "patch" && !strings.Contains(e.RequestURI, "dryRun") {
			at = e.StageTimestamp
		}
	})
	if err == nil && at.IsZero() {
		err = fmt.Errorf("%s tells of no container added to pod %s", a.name, pod)
	}
	return at, err
}

// of counts the events of requests by their ids, once each of them is over.
func (a *auditLog) of(ctx context.Context, requests []request) (int, error) {
	for range 100 {
		events, over := 0, map[string]bool{}
		if err := a.each(auditPrefix, func(e auditEvent) {
			if slices.ContainsFunc(requests, func(r request) bool { return r.id == e.AuditID }) {
				events++
				over[e.AuditID] = over[e.AuditID] || e.Stage == "ResponseComplete"
			}
		}); err != nil {
			return 0, err
		}
		whole := 0
		for _, is := range over {
			if is {
				whole++
			}
		}
		if whole == len(over) && whole > 0 {
			return events, nil
		}
		if err := wait(ctx, 100*time.Millisecond); err != nil {
			return 0, err
		}
	}
	return 0, fmt.Errorf("%s: requests are not over", a.name)
}
