package app

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"

	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/pkg/attach"
)

func runTriage(t *testing.T, w *world, host string) (Triaged, error) {
	t.Helper()
	r := TriageRequest{SessionRequest: aRequest(), Topics: []string{"memory"}, Host: host, Flags: "--context=prod "}
	return Triage(t.Context(), w, w, &w.registries, Streams{In: &bytes.Buffer{}, Out: &bytes.Buffer{}, Err: &bytes.Buffer{}}, r)
}

// TestTriage: one session, whose script is that of the topics, and whose output is read.
func TestTriage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{pod: nonRoot().Build()}
		w.run = func(_ context.Context, s attach.Streams, _ <-chan string) (int, error) {
			script, err := io.ReadAll(s.Stdin)
			if err != nil {
				return 0, err
			}
			_, mark, _ := strings.Cut(string(script), "mark='")
			mark, _, _ = strings.Cut(mark, "'")
			text := "\nMARK memory v2\n/x/memory.current:99\n/x/memory.max:100\n\nMARK memory ended\n"
			_, err = io.WriteString(s.Stdout, strings.ReplaceAll(text, "MARK", mark))
			return 0, err
		}
		found, err := runTriage(t, w, "")
		if err != nil || len(found.Findings) != 1 || len(w.pod.Spec.EphemeralContainers) != 1 {
			t.Fatalf("%+v, %v; %d containers were added", found, err, len(w.pod.Spec.EphemeralContainers))
		}
		if f := found.Findings[0]; f.Topic != "memory" || !strings.HasPrefix(f.Next, "kubectl mindebug --context=prod -n ") {
			t.Errorf("it found %+v", f)
		}
		if found.Pod != w.pod.Name || found.Image == "" || found.UID == 0 || found.At.IsZero() {
			t.Errorf("it is said to be of %+v", found)
		}
	})
}

// TestTriageClosed: where the target's files are closed it says so, and finds nothing in what it cannot see.
func TestTriageClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{pod: nonRoot().Build()}
		w.greeting = strings.Replace(w.hello(), "environ open", "environ closed", 1)
		_, err := runTriage(t, w, "")
		var closed *fault.Closed
		if !errors.As(err, &closed) {
			t.Errorf("the error is %v, want that the files are closed", err)
		}
	})
}

// TestTriageOwnHost: nothing is sent to a port of the target; where that is known from the start, nothing is added either.
func TestTriageOwnHost(t *testing.T) {
	t.Parallel()
	for host, added := range map[string]int{"localhost:80": 0, "127.0.0.1:8080": 0, "[::1]:80": 0, "10.1.2.3:8080": 1} {
		synctest.Test(t, func(t *testing.T) {
			w := &world{pod: nonRoot().Build(), run: script}
			w.pod.Status.PodIPs = []corev1.PodIP{{IP: "10.1.2.3"}}
			_, err := runTriage(t, w, host)
			var usage *fault.Usage
			if !errors.As(err, &usage) || len(w.pod.Spec.EphemeralContainers) != added || len(w.execs) > len(w.looks)+added {
				t.Errorf("%s: the error is %v; %d containers were added, %d execs", host, err, len(w.pod.Spec.EphemeralContainers), len(w.execs))
			}
		})
	}
}

// TestTriageUntouched: what the target may not be asked is told as that, with whose it is.
func TestTriageUntouched(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{pod: nonRoot().Build()}
		w.run = func(_ context.Context, s attach.Streams, _ <-chan string) (int, error) {
			script, err := io.ReadAll(s.Stdin)
			_, mark, _ := strings.Cut(string(script), "mark='")
			mark, _, _ = strings.Cut(mark, "'")
			return 0, errors.Join(err, second(io.WriteString(s.Stdout, "\n"+mark+" java first\n1\n\n"+mark+" java ended\n")))
		}
		var said bytes.Buffer
		r := TriageRequest{SessionRequest: aRequest(), Topics: []string{"java"}}
		_, err := Triage(t.Context(), w, w, &w.registries, Streams{In: &bytes.Buffer{}, Out: &bytes.Buffer{}, Err: &said}, r)
		var untouched *fault.Untouched
		if !errors.As(err, &untouched) || untouched.Topic != "java" || untouched.Pod.Name != w.pod.Name || untouched.Why == "" || untouched.Hint == "" || said.Len() > 0 {
			t.Errorf("the error is %#v; said was %q", err, said.String())
		}
	})
}

func second(_ int, err error) error { return err }
