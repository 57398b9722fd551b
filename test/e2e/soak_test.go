//go:build soak

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// What a soak is made of. A time to live below a minute would end a container before its first session.
const (
	soakClients = 10
	soakTTL     = "--ttl=1m"
	soakPods    = 3
)

// soak is a cluster under clients with random faults.
type soak struct {
	namespace string
	calm      []*corev1.Pod // entered by all clients: their faults concern nobody else
	stops     *corev1.Pod   // whose session containers are ended, by one client at a time
	stopping  sync.Mutex
	starting  sync.Mutex   // of pods whose target restarts: one client at a time, two cores have no more
	number    atomic.Int64 // of the steps, so that each has words of its own

	mu    sync.Mutex
	count map[string]int
	ended int // session containers that were ended in the pod "stops"
}

// soakStep is one session with one fault.
type soakStep struct {
	name string
	do   func(*testing.T, *corev1.Pod, *rand.Rand)
	one  *sync.Mutex // where one client at a time may do it
}

func (s *soak) steps() []soakStep {
	return []soakStep{
		{"none", s.right, nil},
		{"in process", s.inProcess, nil},
		{"killed", s.killed, nil},
		{"cut", s.cut, nil},
		{"stalled", s.stalled, nil},
		{"stalled too long", s.stalledTooLong, nil},
		{"interrupted early", s.interruptedEarly, nil},
		{"interrupted", s.interrupted, nil},
		{"unread", s.unread, nil},
		{"stopped", s.stopped, &s.stopping},
		{"target restarts", s.targetRestarts, &s.starting},
	}
}

// TestSoak: clients with random faults for as long as SOAK says. Each gets what was right for its fault, and nothing stays.
func TestSoak(t *testing.T) {
	length, err := time.ParseDuration(os.Getenv("SOAK"))
	if err != nil {
		t.Fatalf("SOAK is no duration: %v", err)
	}
	seed, err := strconv.ParseUint(os.Getenv("SOAK_SEED"), 10, 64)
	if err != nil {
		t.Fatalf("SOAK_SEED is no number: %v", err)
	}
	if os.Getenv("MINDEBUG_CLUSTER_DIR") == "" { // a skip would read as a soak that went well
		t.Fatal("the processes of the node are looked at: a soak needs the test cluster")
	}
	s := &soak{namespace: newNamespace(t, "restricted"), count: map[string]int{}}
	for i := range soakPods {
		s.calm = append(s.calm, newPod(t, restrictedPod(t, s.namespace, fmt.Sprintf("calm-%d", i))))
	}
	s.stops = newPod(t, restrictedPod(t, s.namespace, "stops"))
	for _, pod := range append(s.calm[:soakPods:soakPods], s.stops) {
		mindebug(t, pod, soakTTL, "pod/"+pod.Name, "--", "true").want(t, 0, "", "")
	}
	s.inProcess(t, s.calm[0], rand.New(rand.NewPCG(seed, soakClients))) // so that what is opened once is open before
	before := openFiles(t)
	until := time.Now().Add(length)
	t.Run("clients", func(t *testing.T) {
		for i := range soakClients {
			t.Run(strconv.Itoa(i), func(t *testing.T) {
				t.Parallel()
				s.client(t, seed, uint64(i), until)
			})
		}
	})
	t.Logf("SOAK=%s SOAK_SEED=%d, steps: %v", length, seed, s.count)
	s.wantNothing(t, before)
}

// client does one step after the other. One that fails is said with what repeats it, and the next is done all the same.
func (s *soak) client(t *testing.T, seed, number uint64, until time.Time) {
	random := rand.New(rand.NewPCG(seed, number))
	steps := s.steps()
	for n := 0; time.Now().Before(until); n++ {
		step, pod := steps[random.IntN(len(steps))], s.calm[random.IntN(soakPods)]
		if step.one != nil && !step.one.TryLock() {
			continue
		}
		t.Run(fmt.Sprintf("%d %s", n, step.name), func(t *testing.T) {
			defer func() {
				if step.one != nil {
					step.one.Unlock()
				}
				if t.Failed() {
					t.Logf("SOAK_SEED=%d, client %d, step %d: the fault was %q, the calm pod %s", seed, number, n, step.name, pod.Name)
				}
			}()
			step.do(t, pod, random)
		})
		s.counts(step.name)
	}
}

func (s *soak) counts(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count[what]++
}

// wantNothing: what the clients left ends with its grace period, then each container with its time to live.
func (s *soak) wantNothing(t *testing.T, before int) {
	for _, pod := range s.calm {
		t.Run("sessions of "+pod.Name, func(t *testing.T) {
			now := current(t, pod)
			for _, c := range now.Spec.EphemeralContainers {
				if ephemeralState(now, c.Name).Terminated == nil { // a machine may be slower than their time to live
					wantOnlyHolder(t, pod, c.Name)
				}
			}
		})
	}
	for _, pod := range append(s.calm[:soakPods:soakPods], s.stops) {
		t.Run("containers of "+pod.Name, func(t *testing.T) {
			stopped := 0
			if pod == s.stops {
				stopped = s.ended
			}
			wantEntries(t, pod, stopped)
			if left := processesOf(t, pod); len(left) > 2 { // its target and its sandbox
				t.Errorf("the node has these processes of pod/%s: %q", pod.Name, left)
			}
		})
	}
	t.Run("this process", func(t *testing.T) {
		eventually(t, func(context.Context) (bool, string) { // client-go's heartbeats end some seconds after their stream
			stacks := make([]byte, 1<<20)
			stacks = stacks[:runtime.Stack(stacks, true)]
			return !bytes.Contains(stacks, []byte("mindebug/internal/session")) && !bytes.Contains(stacks, []byte("remotecommand")), string(stacks)
		})
		eventually(t, func(context.Context) (bool, string) { // a connection for the next call may be open, one for each session not
			now := openFiles(t)
			return now <= before+4, fmt.Sprintf("%d open files, %d before", now, before)
		})
	})
}

// wantEntries waits for the end of all session containers of the pod. So many were stopped; any other had no use, and was
// over before the next one was made.
func wantEntries(t *testing.T, pod *corev1.Pod, stopped int) {
	t.Helper()
	var ends []*corev1.ContainerStateTerminated
	now := waitFor(t, pod, "end its session containers", sessionsEnded)
	for i := range now.Status.EphemeralContainerStatuses {
		ends = append(ends, now.Status.EphemeralContainerStatuses[i].State.Terminated)
	}
	slices.SortFunc(ends, func(a, b *corev1.ContainerStateTerminated) int { return a.StartedAt.Compare(b.StartedAt.Time) })
	for i, end := range ends {
		switch end.Message {
		case "mindebug: stopped\n":
			stopped--
		case "mindebug: unused for 60 s\n":
		default:
			t.Errorf("container %d says %q, status %d", i, end.Message, end.ExitCode)
		}
		if i > 0 && end.StartedAt.Before(&ends[i-1].FinishedAt) {
			t.Errorf("container %d was made at %s, and the one before it ended at %s", i, end.StartedAt, ends[i-1].FinishedAt)
		}
	}
	if stopped != 0 {
		t.Errorf("%d more session containers were stopped than say so", stopped)
	}
}

// sessionsEnded reports whether every session container of the pod has ended.
func sessionsEnded(pod *corev1.Pod) bool {
	for _, c := range pod.Spec.EphemeralContainers {
		if ephemeralState(pod, c.Name).Terminated == nil {
			return false
		}
	}
	return true
}

// openFiles is how many descriptors this process has.
func openFiles(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}
