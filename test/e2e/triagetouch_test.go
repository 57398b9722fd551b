package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
)

// deadlocked has two threads of a program of the test images wait for each other.
func deadlocked(b *kubetest.PodBuilder) { b.Env("PLANT", "deadlock") }

// besidePython has a program in another container make the socket that a JVM would make, once the JVM serves, in a folder that both
// have at /tmp; and then do that with it.
func besidePython(b *kubetest.PodBuilder, then string) {
	program := `import http.server, socket, time
while socket.socket().connect_ex(("127.0.0.1", 8080)): time.sleep(0.1)
s = socket.socket(socket.AF_UNIX); s.bind("/tmp/.java_pid1"); ` + then + `
http.server.HTTPServer(("", 8081), http.server.SimpleHTTPRequestHandler).serve_forever()`
	b.Container("other").Restricted().With(func(p *corev1.Pod) {
		p.Annotations = map[string]string{"kubectl.kubernetes.io/default-container": "app"}
		other := &p.Spec.Containers[1]
		other.Image, other.Command = "mindebug.test/distroless/python3-debian12:nonroot", []string{"/usr/bin/python3", "-c", program}
		other.ReadinessProbe = &corev1.Probe{PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(8081)}}}
		p.Spec.Volumes = append(p.Spec.Volumes, corev1.Volume{Name: "tmp", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}})
		for i := range p.Spec.Containers {
			p.Spec.Containers[i].VolumeMounts = []corev1.VolumeMount{{Name: "tmp", MountPath: "/tmp"}}
		}
	})
}

// touched are targets that are touched, each with what is said before, the finding that must come of it, by weight and the
// beginning of its fact, and what is in the output and in the target's log then.
var touched = []struct {
	name, image  string
	change       func(*kubetest.PodBuilder)
	args         []string
	says, weight string
	fact, output string
	log          string
}{
	{
		name: "java", image: "java", change: deadlocked, args: []string{"java"},
		says:   "java: asks process 1 java for a thread dump on its socket /tmp/.java_pid1, ",
		weight: "critical", fact: `deadlock: the threads "orders", "stock" wait for each other's locks`, output: "Found one Java-level deadlock:\n",
	},
	{
		name: "java-read-only", image: "java", change: func(b *kubetest.PodBuilder) { b.ReadOnly() }, args: []string{"java"},
		says:   "java: sends SIGQUIT to process 1 java, which has the JVM write a thread dump into the container's log, for all who read that: its /tmp cannot be written to",
		weight: "notice", fact: "the thread dump is in the container's log", log: "Full thread dump OpenJDK",
	},
	{
		name: "java-stock", image: "java", args: []string{"java", "--image=" + stockImage},
		says:   "java: sends SIGQUIT to process 1 java, which has the JVM write a thread dump into the container's log, for all who read that: the image of the session has no unixcat",
		weight: "notice", fact: "the thread dump is in the container's log", log: "Full thread dump OpenJDK",
	},
	{
		name: "java-shared", image: "java", args: []string{"java"},
		change: func(b *kubetest.PodBuilder) { besidePython(b, "s.listen()") },
		says:   "java: sends SIGQUIT to process 1 java, which has the JVM write a thread dump into the container's log, for all who read that: /tmp/.java_pid1 is another process's socket",
		weight: "notice", fact: "the thread dump is in the container's log", log: "Full thread dump OpenJDK",
	},
	{
		name: "java-left", image: "java", args: []string{"java"},
		change: func(b *kubetest.PodBuilder) { besidePython(b, "s.listen(); s.close()") },
		says:   "java: asks process 1 java for a thread dump on its socket /tmp/.java_pid1, ",
		output: "Full thread dump OpenJDK",
	},
	{
		name: "node", image: "nodejs", args: []string{"node"},
		says:   "node: sends SIGUSR1 to process 1 node, which opens its inspector on the pod's loopback address until it ends: ",
		weight: "warning", fact: "the inspector of Node.js listens on 127.0.0.1:9229, and does until the process ends", output: `"url": "file:///app/server.js"`,
		log: "Debugger listening on ws://127.0.0.1:9229/",
	},
	{
		name: "go", image: "scratch-go", args: []string{"go", "--port=6060"}, change: func(b *kubetest.PodBuilder) {
			deadlocked(b)
			b.Env("PPROF", ":6060")
		},
		says:   "go: asks process 1 server by HTTP at 127.0.0.1:6060 for /debug/pprof/goroutine?debug=2 and /debug/pprof/heap?debug=1; ",
		output: "main.deadlock.func1(",
	},
}

// whoIs is a process, when it was started, and which signals it was sent, blocks, ignores and waits for.
const whoIs = `cut -d ' ' -f 1,22 "/proc/$TPID/stat"; grep -E '^(Sig[^Q]|Shd)' "/proc/$TPID/status"`

// TestTriageTouch: what touches a target says so first, brings what it is for, and leaves the target's process as it is; also
// the second time.
func TestTriageTouch(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t, "restricted")
	for _, test := range touched {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := kindPod(t, ns, kindOf(t, test.image)).With(func(p *corev1.Pod) { p.Name = test.name })
			kindOf(t, "python3") // of the container beside some
			if test.change != nil {
				test.change(b)
			}
			pod := newPod(t, b)
			who := succeeds(t, pod, "pod/"+pod.Name, "--", "sh", "-c", whoIs)
			for range 2 {
				r := mindebug(t, pod, append([]string{"triage", "pod/" + pod.Name, "-o", "json", "--touch-target"}, test.args...)...)
				var report triaged
				if err := json.Unmarshal([]byte(r.stdout), &report); err != nil || r.status != 0 || !strings.Contains(r.stderr, test.says) || strings.Count(r.stderr, "\n") > 2 {
					t.Fatalf("status %d, %v, stderr %q, want %q", r.status, err, r.stderr, test.says)
				}
				found := test.fact == ""
				for _, f := range report.Findings {
					found = found || f.Weight == test.weight && strings.HasPrefix(f.Fact, test.fact)
				}
				if !found || len(report.Topics) != 1 || len(report.Topics[0].Unread) > 0 || !strings.Contains(report.Topics[0].Output, test.output) {
					t.Errorf("no finding is %s: %s…, or the output has no %q: %+v", test.weight, test.fact, test.output, report)
				}
				if test.name == "node" {
					test.says = "node: the inspector of process 1 node is open already; asks it by HTTP for /json/version and /json/list\n"
				}
			}
			log := kubectl(t, "logs", "-n", ns, pod.Name, "-c", "app")
			if !strings.Contains(log, test.log) || test.log == "" && log != "" {
				t.Errorf("its log is %q, want %q in it", log, test.log)
			}
			if now := succeeds(t, pod, "pod/"+pod.Name, "--", "sh", "-c", whoIs); now != who || current(t, pod).Status.ContainerStatuses[0].RestartCount != 0 {
				t.Errorf("its process was %q and is %q", who, now)
			}
			wantUnchanged(t, pod)
		})
	}
}

// TestTriageUntouched: nothing is done to a target whose runtime its own file does not show, or that the signal would end.
func TestTriageUntouched(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t, "restricted")
	const none = "no process of the container is shown to be "
	for _, test := range []struct {
		image  string
		change func(*kubetest.PodBuilder)
		// why is by topic, and so by the words of the command line.
		why map[string]string
	}{
		{"java", func(b *kubetest.PodBuilder) { b.Env("JDK_JAVA_OPTIONS", "-Xrs") }, map[string]string{
			"java": "process 1 java has no handler for SIGQUIT, so the signal would end it: the JVM was started with -Xrs, or is only starting",
			"node": none, "go --port=8080": "process 1, which listens on port 8080, is not shown to be a Go program with net/http/pprof by the file that it executes",
		}},
		{"nodejs", nil, map[string]string{"java": none, "java node": none}},
		{"python3", nil, map[string]string{"java": none, "node memory": none}},
		{"scratch-go", nil, map[string]string{"java process": none, "node": none, "go --port=6060": "no process of the container that can be read listens on port 6060"}},
	} {
		t.Run(test.image, func(t *testing.T) {
			t.Parallel()
			b := kindPod(t, ns, kindOf(t, test.image))
			if test.change != nil {
				test.change(b)
			}
			pod := newPod(t, b)
			look := func() string { return succeeds(t, pod, "pod/"+pod.Name, "--", "sh", "-c", whoIs) }
			before := look()
			for words, why := range test.why {
				topic := strings.Fields(words)[0]
				r := mindebug(t, pod, append([]string{"triage", "pod/" + pod.Name, "--touch-target"}, strings.Fields(words)...)...)
				want := fmt.Sprintf("error: the topic %s was not asked of container \"app\" of pod/%s, and nothing was done to it\n  %s", topic, pod.Name, why)
				if r.status != 1 || r.stdout != "" || !strings.HasPrefix(r.stderr, want) || !block.MatchString(r.stderr) {
					t.Errorf("%s: status %d, stdout %q, stderr %q, want %q", words, r.status, r.stdout, r.stderr, want)
				}
			}
			if after := look(); after != before {
				t.Errorf("before:\n%s\nafter:\n%s", before, after)
			}
			if log := kubectl(t, "logs", "-n", ns, pod.Name, "-c", "app"); strings.Contains(log, "Debugger listening") || strings.Contains(log, "Full thread dump") {
				t.Errorf("its log is %q", log)
			}
			wantUnchanged(t, pod)
		})
	}
}
