package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
	"github.com/mindebug/kubectl-mindebug/test/images"
)

// triaged is the report of triage, as docs/triage.md promises it to programs.
type triaged struct {
	APIVersion, Kind string
	Findings         []struct{ Weight, Topic, Fact, Why, Next string }
	Topics           []struct {
		Name   string
		Facts  []struct{ Name, Text string }
		Unread []string
		Output string
	}
}

// triage runs the verb in a script's way and returns what it found.
func triage(t *testing.T, pod *corev1.Pod, args ...string) (report triaged) {
	t.Helper()
	r := mindebug(t, pod, append([]string{"triage", "pod/" + pod.Name, "-o", "json"}, args...)...)
	if err := json.Unmarshal([]byte(r.stdout), &report); err != nil || r.status != 0 || r.stderr != "" {
		t.Fatalf("status %d, stderr %q, %v: %q", r.status, r.stderr, err, r.stdout)
	}
	if report.APIVersion != "mindebug/v1alpha1" || report.Kind != "TriageReport" {
		t.Errorf("it is a %s of %s", report.Kind, report.APIVersion)
	}
	return report
}

// TestTriageHealthy: in a healthy container of every runtime nothing is found, in no topic, and all can be read.
func TestTriageHealthy(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t, "restricted")
	names := newNameServer(t, ns)
	for _, name := range []string{"scratch-go", "java", "nodejs", "python3"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := images.ByName(name)
			kindOf(t, name)
			pod := newPod(t, kindPod(t, ns, i).With(asking(names)))
			report := triage(t, pod)
			for _, f := range report.Findings {
				t.Errorf("it finds %+v", f)
			}
			var names []string
			for _, topic := range report.Topics {
				names = append(names, topic.Name)
				if len(topic.Facts) == 0 || len(topic.Unread) > 0 {
					t.Errorf("of %s it has the facts %v; not read were %q", topic.Name, topic.Facts, topic.Unread)
				}
			}
			for _, topic := range []string{"process", "net", "dns", "memory", "cpu", "time", "config", "files", "disk"} {
				if !slices.Contains(names, topic) {
					t.Errorf("it looks at %q, and not at %s", names, topic)
				}
			}
			wantUnchanged(t, pod)
		})
	}
}

// faulty is a container with a shell in which something is wrong, once its script has said so.
func faulty(namespace, name, script string) *kubetest.PodBuilder {
	return plainTarget(namespace, name).Image(stockImage).Args("sh", "-c", script+"\n>/tmp/planted; exec sleep 3600").With(func(p *corev1.Pod) {
		mount(p, "/tmp", corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}})
		p.Spec.Containers[0].ReadinessProbe = &corev1.Probe{
			PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"test", "-e", "/tmp/planted"}}},
		}
	})
}

// mount gives the first container a volume.
func mount(p *corev1.Pod, path string, source corev1.VolumeSource) {
	name := fmt.Sprintf("v%d", len(p.Spec.Volumes))
	p.Spec.Volumes = append(p.Spec.Volumes, corev1.Volume{Name: name, VolumeSource: source})
	c := &p.Spec.Containers[0]
	c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: name, MountPath: path})
}

func limits(p *corev1.Pod, name corev1.ResourceName, quantity string) {
	p.Spec.Containers[0].Resources.Limits = corev1.ResourceList{name: resource.MustParse(quantity)}
}

// planted are faults, each with the finding that tells it, by its weight and the beginning of its fact.
var planted = []struct {
	name, topic, script string
	change              func(*corev1.Pod)
	weight, fact        string
}{
	{"zombie", "process", "sleep 0.2 &", nil, "notice", "1 ended process that nobody reaped: sleep"},
	{"port", "net", "", func(p *corev1.Pod) {
		p.Spec.Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: 8080}}
	}, "warning", "nobody listens on port 8080"},
	{"descriptors", "files", "ulimit -n 12; for n in 3 4 5 6 7 8 9; do eval \"exec $n</dev/null\"; done", nil, "warning", "process 1 sleep has 10 of 12 open: devices "},
	{"deleted", "files", "head -c 2000000 /dev/zero >/tmp/gone; exec 9</tmp/gone; rm /tmp/gone", nil, "notice", "deleted files that are still open take 1.9 MiB: /tmp/gone"},
	{"memory", "memory", "tail /dev/zero", func(p *corev1.Pod) { limits(p, corev1.ResourceMemory, "32Mi") }, "critical", "the kernel killed 1 process"},
	{"cpu", "cpu", "while :; do :; done &", func(p *corev1.Pod) {
		limits(p, corev1.ResourceCPU, "20m")
		// With a container that has no limit the pod has none either, and the session is not held up with its target.
		free := *p.Spec.Containers[0].DeepCopy()
		free.Name, free.Args, free.Resources, free.ReadinessProbe = "free", []string{"sleep", "3600"}, corev1.ResourceRequirements{}, nil
		p.Spec.Containers = append(p.Spec.Containers, free)
	}, "warning", "it "},
	{"room", "disk", "head -c 10100000 /dev/zero >/data/x", func(p *corev1.Pod) {
		ten := resource.MustParse("10Mi")
		mount(p, "/data", corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: &ten}})
	}, "critical", "volume v1 (emptyDir) at /data has 9.6 MiB in it, 96% of its limit of 10 MiB"},
	{"full", "disk", "head -c 2000000 /dev/zero >/data/x", func(p *corev1.Pod) {
		one := resource.MustParse("1Mi")
		mount(p, "/data", corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory, SizeLimit: &one}})
	}, "critical", "the file system at /data has 100% of its room in use"},
	{"optional", "config", "", func(p *corev1.Pod) {
		mount(p, "/etc/web", corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "none"}, Optional: new(true)}})
	}, "warning", "ConfigMap none at /etc/web has no files"},
	{"zone", "time", "", func(p *corev1.Pod) {
		p.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "TZ", Value: "Europe/Berlin"}}
	}, "warning", "TZ names Europe/Berlin, and /usr/share/zoneinfo does not have it"},
}

// TestTriageFaults: each fault is told, by its topic and with a next command that can be run.
func TestTriageFaults(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t, "restricted")
	for _, test := range planted {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := faulty(ns, test.name, test.script)
			if test.change != nil {
				b.With(test.change)
			}
			pod := newPod(t, b)
			args := []string{test.topic, "-c", "app"}
			report := triage(t, pod, args...)
			for _, f := range report.Findings {
				if f.Weight == test.weight && f.Topic == test.topic && strings.HasPrefix(f.Fact, test.fact) {
					if f.Why == "" || f.Next != "" && !strings.Contains(f.Next, " -n "+ns+" ") {
						t.Errorf("why it matters is %q, the next command %q", f.Why, f.Next)
					}
					return
				}
			}
			t.Errorf("no finding of %s is %s: %s…; there are: %+v", test.topic, test.weight, test.fact, report)
		})
	}
}

// ill gives a pod a fault of each topic that its spec alone can plant, and has its program plant the others (test/images): the
// one of the processor in a container of its own, which has a limit and so no room for more.
func ill(p *corev1.Pod) {
	busy := *p.Spec.Containers[0].DeepCopy()
	busy.Name, busy.ReadinessProbe, busy.Env = "busy", nil, append(busy.Env, corev1.EnvVar{Name: "PLANT", Value: "busy"})
	c := &p.Spec.Containers[0]
	c.Ports = []corev1.ContainerPort{{ContainerPort: 9999}}
	c.Env = append(c.Env, corev1.EnvVar{Name: "TZ", Value: "Europe/Nowhere"}, corev1.EnvVar{Name: "PLANT", Value: "zombie,deleted,memory"})
	limits(p, corev1.ResourceMemory, "256Mi")
	mount(p, "/spool", corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}})
	mount(p, "/etc/web", corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "none"}, Optional: new(true)}})
	one := resource.MustParse("1Mi")
	mount(p, "/data", corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory, SizeLimit: &one}})
	security := c.SecurityContext.DeepCopy()
	security.RunAsUser = new(int64(65532)) // the image would be root
	p.Spec.InitContainers = []corev1.Container{{
		Name: "fill", Image: stockImage, SecurityContext: security, VolumeMounts: c.VolumeMounts,
		Command: []string{"sh", "-c", "head -c 2000000 /dev/zero >/data/x; exit 0"},
	}}
	busy.Resources.Limits = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m")}
	p.Spec.Containers = append(p.Spec.Containers, busy)
}

// tells holds a report to findings, "weight topic: fact", each by its beginning.
func (r triaged) tells(t *testing.T, want ...string) {
	t.Helper()
	var found []string
	for _, f := range r.Findings {
		found = append(found, fmt.Sprintf("%s %s: %s", f.Weight, f.Topic, f.Fact))
	}
	for _, fault := range want {
		if !slices.ContainsFunc(found, func(f string) bool { return strings.HasPrefix(f, fault) }) {
			t.Errorf("it does not find %q, but %q", fault, found)
		}
	}
}

// TestTriageFaultsOfEveryRuntime: what is wrong is found whatever runs there, by one look at all topics.
func TestTriageFaultsOfEveryRuntime(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t, "restricted")
	for _, name := range []string{"scratch-go", "java", "nodejs", "python3"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pod := newPod(t, kindPod(t, ns, kindOf(t, name)).With(asking("192.0.2.1")).With(ill))
			triage(t, pod, "-c", "app").tells(t,
				"critical dns: no name server answers: 192.0.2.1", "critical disk: the file system at /data has 100% of its room in use",
				"warning net: nobody listens on port 9999", "warning config: ConfigMap none at /etc/web has no files",
				"warning time: TZ names Europe/Nowhere, and /usr/share/zoneinfo does not have it",
				"notice process: 1 ended process that nobody reaped: ", "notice files: deleted files that are still open take 1.9 MiB: /spool/gone",
				"critical memory: the kernel killed 1 process of this container for want of memory since it started",
			)
			triage(t, pod, "cpu", "-c", "busy").tells(t, "warning cpu: it is throttled now, in ")
			wantUnchanged(t, pod)
		})
	}
}

// TestTriageHost: whether another pod is reached is told, and how it failed; the target itself is not spoken to.
func TestTriageHost(t *testing.T) {
	t.Parallel()
	pod := restrictedTarget(t)
	other := newPod(t, restrictedPod(t, pod.Namespace, "other"))
	report := triage(t, pod, "net", "--host", other.Status.PodIP+":8080")
	if len(report.Findings) > 0 || !strings.Contains(fmt.Sprint(report.Topics), other.Status.PodIP+":8080 is reached, in ") {
		t.Errorf("of a host that is there it finds %v", report)
	}
	report = triage(t, pod, "net", "--host", other.Status.PodIP+":8081")
	if len(report.Findings) != 1 || report.Findings[0].Weight != "critical" || !strings.Contains(report.Findings[0].Fact, "Connection refused") {
		t.Errorf("of a port that nobody listens on it finds %v", report.Findings)
	}
	r := mindebug(t, pod, "triage", "pod/target", "--host", pod.Status.PodIP+":8080")
	if r.status != 2 || r.stdout != "" || !strings.Contains(r.stderr, "is the pod itself, and triage speaks to no port of its target\nhint: ") {
		t.Errorf("status %d, stdout %q, stderr %q", r.status, r.stdout, r.stderr)
	}
}

// TestTriageTellsNoSecret: names of Secrets and variables are told, and no value in any form.
func TestTriageTellsNoSecret(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t, "restricted")
	const value = "hunter2\nFAKE=hunter3"
	_, err := client.CoreV1().Secrets(ns).Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "login"}, StringData: map[string]string{"password": value},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatalf("creating Secret: %v", err)
	}
	pod := newPod(t, faulty(ns, "target", "").With(func(p *corev1.Pod) {
		mount(p, "/etc/login", corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "login"}})
		p.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "PASSWORD", ValueFrom: &corev1.EnvVarSource{
			SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "login"}, Key: "password"},
		}}}
	}))
	for _, form := range [][]string{nil, {"-o", "json"}, {"-o", "yaml"}, {"-o", "markdown"}} {
		text := succeeds(t, pod, append([]string{"triage", "pod/target"}, form...)...)
		if strings.Contains(text, "hunter") || strings.Contains(text, "FAKE") {
			t.Errorf("with %q a value is told:\n%s", form, text)
		}
		for _, name := range []string{"PASSWORD", "Secret login", "password"} {
			if !strings.Contains(text, name) {
				t.Errorf("with %q %s is not told:\n%s", form, name, text)
			}
		}
	}
}

// watched is what a triage might change of its target: its process and when that was started, which signals it was sent, blocks,
// ignores and waits for, how many connections its network has accepted, and what its files are.
const watched = `cut -d ' ' -f 1,22 "/proc/$TPID/stat"; grep -E '^(Sig[^Q]|Shd)' "/proc/$TPID/status"
awk '/^Tcp:/ {print $7}' "/proc/$TPID/net/snmp"; ls -laRn --full-time "$T/app" "$T/etc"; cat "/proc/$TPID/oom_score_adj"`

// TestTriageChangesNothing: with every topic, those that speak to another host included, the target's process, log and restarts are afterwards what they were.
func TestTriageChangesNothing(t *testing.T) {
	t.Parallel()
	pod := restrictedTarget(t)
	look := func() string {
		t.Helper()
		return succeeds(t, pod, "pod/target", "--", "sh", "-c", watched) +
			kubectl(t, "logs", "-n", pod.Namespace, "target", "-c", "app") + fmt.Sprint(current(t, pod).Status.ContainerStatuses[0].RestartCount)
	}
	before := look()
	if !strings.Contains(before, "SigCgt") || !strings.Contains(before, "ActiveOpens") && !strings.Contains(before, "PassiveOpens") {
		t.Fatalf("what is watched is not there:\n%s", before)
	}
	other := newPod(t, restrictedPod(t, pod.Namespace, "other"))
	for _, form := range [][]string{nil, {"-o", "json"}, {"net", "dns", "tls", "--host", other.Status.PodIP + ":8080"}} {
		succeeds(t, pod, append([]string{"triage", "pod/target"}, form...)...)
	}
	if after := look(); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
	onlyContainer(t, pod)
	wantUnchanged(t, pod)
}

// TestTriageWords: what is wrong with the words is said before anything is done.
func TestTriageWords(t *testing.T) {
	t.Parallel()
	pod := restrictedTarget(t)
	for line, want := range map[string]string{
		"triage pod/target memmory":            "error: there is no topic \"memmory\"\nhint: did you mean memory?\n",
		"triage pod/target java":               "error: the topic java does more than look: it has the JVM write a thread dump, by a signal\nhint: if that may be, say so with --touch-target; what it does is in docs/triage.md\n",
		"triage":                               "error: no target given\nhint: name one: kubectl mindebug pod/NAME\n",
		"triage pod/target --host here":        "error: --host=\"here\" is not HOST:PORT\nhint: for instance --host orders.shop:9000\n",
		"triage pod/target -- ls":              "error: triage runs no command\nhint: leave away the `--` and what follows it\n",
		"triage pod/target --host 127.0.0.1:1": "error: --host=127.0.0.1:1 is the pod itself, and triage speaks to no port of its target\nhint: who listens there is told without; to connect is a command of your own: kubectl mindebug pod/NAME -- nc HOST PORT\n",
	} {
		mindebug(t, pod, strings.Fields(line)...).want(t, 2, "", want)
	}
	if r := mindebug(t, pod, "triage", "pod/none"); r.status != 1 || r.stdout != "" || !block.MatchString(r.stderr) {
		t.Errorf("of a pod that is not there: status %d, stdout %q, stderr %q", r.status, r.stdout, r.stderr)
	}
	if containers := sessionContainers(t, pod); len(containers) > 0 {
		t.Errorf("%d session containers were added", len(containers))
	}
}
