package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/kubectl/pkg/util/podutils"

	"github.com/mindebug/kubectl-mindebug/internal/access"
	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// workload is the name of an object and what its pods are made from, which have the label app=NAME.
type workload struct {
	meta     metav1.ObjectMeta
	selector *metav1.LabelSelector
	template corev1.PodTemplateSpec
}

func newWorkload(b *kubetest.PodBuilder) workload {
	pod := b.Build()
	is := labels.Set{"app": pod.Name}
	return workload{
		meta:     metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name},
		selector: metav1.SetAsLabelSelector(is),
		template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: is}, Spec: pod.Spec},
	}
}

// jobSpec is that of a job, whose selector the API server makes.
func (w workload) jobSpec() batchv1.JobSpec {
	template := *w.template.DeepCopy()
	template.Spec.RestartPolicy = corev1.RestartPolicyNever
	return batchv1.JobSpec{Template: template}
}

// deploy creates a Deployment of the workload.
func (w workload) deploy(t *testing.T, replicas int32) {
	t.Helper()
	created(t)(client.AppsV1().Deployments(w.meta.Namespace).Create(t.Context(), &appsv1.Deployment{
		ObjectMeta: w.meta, Spec: appsv1.DeploymentSpec{Replicas: &replicas, Selector: w.selector, Template: w.template},
	}, metav1.CreateOptions{}))
}

// serve creates a Service for pods with the labels.
func serve(t *testing.T, namespace, name string, selector map[string]string) {
	t.Helper()
	created(t)(client.CoreV1().Services(namespace).Create(t.Context(), &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       corev1.ServiceSpec{Selector: selector, Ports: []corev1.ServicePort{{Port: 80}}},
	}, metav1.CreateOptions{}))
}

// created fails the test unless an object was created.
func created(t *testing.T) func(object any, err error) {
	t.Helper()
	return func(object any, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("creating %T: %v", object, err)
		}
	}
}

// readyPods waits until so many pods with the label app=NAME are ready, and returns them by their names.
func readyPods(t *testing.T, namespace, name string, count int) map[string]*corev1.Pod {
	t.Helper()
	ready := map[string]*corev1.Pod{}
	eventually(t, func(ctx context.Context) (bool, string) {
		list, err := client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: "app=" + name})
		if err != nil {
			return false, err.Error()
		}
		clear(ready)
		for i := range list.Items {
			if podutils.IsPodReady(&list.Items[i]) {
				ready[list.Items[i].Name] = &list.Items[i]
			}
		}
		return len(ready) == count, fmt.Sprintf("%d of %d pods are ready", len(ready), count)
	})
	return ready
}

// inNamespace is something to run mindebug in that namespace with.
func inNamespace(namespace string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace}}
}

// hostname is the name of the pod that words lead to.
func hostname(t *testing.T, namespace string, words ...string) string {
	t.Helper()
	return strings.TrimSuffix(succeeds(t, inNamespace(namespace), append(words, "--", "hostname")...), "\n")
}

// TestEveryKindOfTarget enters a pod of each kind that can be named, with exactly the calls that package access tells.
func TestEveryKindOfTarget(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t, "restricted")
	create := map[string]func(*testing.T, workload){
		"deployment": func(t *testing.T, w workload) { w.deploy(t, 1) },
		"statefulset": func(t *testing.T, w workload) {
			created(t)(client.AppsV1().StatefulSets(ns).Create(t.Context(), &appsv1.StatefulSet{
				ObjectMeta: w.meta, Spec: appsv1.StatefulSetSpec{Selector: w.selector, Template: w.template},
			}, metav1.CreateOptions{}))
		},
		"daemonset": func(t *testing.T, w workload) {
			created(t)(client.AppsV1().DaemonSets(ns).Create(t.Context(), &appsv1.DaemonSet{
				ObjectMeta: w.meta, Spec: appsv1.DaemonSetSpec{Selector: w.selector, Template: w.template},
			}, metav1.CreateOptions{}))
		},
		"replicaset": func(t *testing.T, w workload) {
			created(t)(client.AppsV1().ReplicaSets(ns).Create(t.Context(), &appsv1.ReplicaSet{
				ObjectMeta: w.meta, Spec: appsv1.ReplicaSetSpec{Selector: w.selector, Template: w.template},
			}, metav1.CreateOptions{}))
		},
		"job": func(t *testing.T, w workload) {
			created(t)(client.BatchV1().Jobs(ns).Create(t.Context(), &batchv1.Job{ObjectMeta: w.meta, Spec: w.jobSpec()}, metav1.CreateOptions{}))
		},
		"cronjob": func(t *testing.T, w workload) {
			cron, err := client.BatchV1().CronJobs(ns).Create(t.Context(), &batchv1.CronJob{ObjectMeta: w.meta, Spec: batchv1.CronJobSpec{
				Schedule: "0 0 29 2 *", Suspend: new(true), JobTemplate: batchv1.JobTemplateSpec{Spec: w.jobSpec()},
			}}, metav1.CreateOptions{})
			created(t)(cron, err)
			fails(t, inNamespace(ns), []string{"cronjob/cronjob", "--", "true"}, "cronjob/cronjob has no running pod", "it is suspended")
			// What `kubectl create job --from` does.
			created(t)(client.BatchV1().Jobs(ns).Create(t.Context(), &batchv1.Job{
				ObjectMeta: metav1.ObjectMeta{Name: "by-hand", OwnerReferences: []metav1.OwnerReference{
					*metav1.NewControllerRef(cron, batchv1.SchemeGroupVersion.WithKind("CronJob")),
				}},
				Spec: w.jobSpec(),
			}, metav1.CreateOptions{}))
		},
		"service": func(t *testing.T, w workload) {
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "served", Labels: w.template.Labels}, Spec: w.template.Spec}
			created(t)(client.CoreV1().Pods(ns).Create(t.Context(), pod, metav1.CreateOptions{}))
			serve(t, ns, w.meta.Name, w.template.Labels)
		},
	}
	for _, kind := range target.Kinds() {
		if kind.Name == target.Pods {
			continue
		}
		t.Run(kind.Name, func(t *testing.T) {
			t.Parallel()
			create[kind.Name](t, newWorkload(plainTarget(ns, kind.Name)))
			pods := readyPods(t, ns, kind.Name, 1)
			u := newUser(t, ns, kind.Name, slices.Concat(access.Session(), access.Target(kind))...)
			for _, word := range append(kind.Words(), kind.Plural+".v1."+kind.Group) {
				if got := hostname(t, ns, u.as(word+"/"+kind.Name)...); pods[got] == nil {
					t.Errorf("%s/%s leads to %s", word, kind.Name, got)
				}
			}
			for name, pod := range pods {
				onlyAdded(t, pod)
				if got := hostname(t, ns, "-l", "app="+kind.Name); got != name {
					t.Errorf("by its label it is %s; want %s", got, name)
				}
			}
		})
	}
	for i, calls := range [][]access.Call{access.Session(), append(access.Session(), access.Call{Verb: "get", Group: "apps", Resource: "deployments"})} {
		t.Run(fmt.Sprintf("%d calls of them", i), func(t *testing.T) {
			t.Parallel()
			u := newUser(t, ns, fmt.Sprintf("short-of-%d", i), calls...)
			newWorkload(plainTarget(ns, u.short())).deploy(t, 0)
			missing := []string{"you may not get deployments.apps", "you may not list pods"}[i]
			fails(t, inNamespace(ns), u.as("deploy/"+u.short(), "--", "true"), missing, u.name, "kubectl mindebug policy roles -n "+ns)
		})
	}
}

// short is the user's name without its namespace.
func (u user) short() string { return u.name[strings.LastIndex(u.name, ":")+1:] }

// TestWhichPodOfMany: kubectl's, until one runs a session container.
func TestWhichPodOfMany(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t, "restricted")
	newWorkload(plainTarget(ns, "web").Image(stockImage).Args("sleep", "1000")).deploy(t, 3)
	pods := readyPods(t, ns, "web", 3)
	kubectls := strings.TrimSpace(kubectl(t, "exec", "-n", ns, "deploy/web", "--", "hostname"))
	if got := hostname(t, ns, "deploy/web"); got != kubectls {
		t.Errorf("the first session is in %s; kubectl exec is in %s", got, kubectls)
	}
	delete(pods, kubectls)
	fresh := ""
	for name, pod := range pods {
		fresh = name
		succeeds(t, pod, "--env", "PLAN=another", "pod/"+name, "--", "true")
		waitForSession(t, pod)
		break
	}
	if got := hostname(t, ns, "--env", "PLAN=another", "deploy/web"); got != fresh {
		t.Errorf("a session of another plan is in %s; that plan's container is in %s", got, fresh)
	}
	if got := hostname(t, ns, "deploy/web"); got != kubectls {
		t.Errorf("the next session is in %s; the first was in %s", got, kubectls)
	}
	for name := range pods {
		if added := len(sessionContainers(t, pods[name])); name == fresh && added != 1 || name != fresh && added != 0 {
			t.Errorf("%s has %d session containers", name, added)
		}
	}
}

// TestPodsThatDifferInHealth: a script gets the healthiest, a terminal is offered the worst first, --pick decides.
func TestPodsThatDifferInHealth(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t, "restricted")
	labelled := func(b *kubetest.PodBuilder) *kubetest.PodBuilder {
		return b.With(func(p *corev1.Pod) { p.Labels = map[string]string{"app": "web"} })
	}
	well := newPod(t, labelled(plainTarget(ns, "well")))
	sick := createPod(t, labelled(plainTarget(ns, "sick")).With(func(p *corev1.Pod) {
		p.Spec.Containers[0].ReadinessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(1)}}}
	}))
	sick = waitFor(t, sick, "run", func(p *corev1.Pod) bool { return p.Status.Phase == corev1.PodRunning })
	serve(t, ns, "web", map[string]string{"app": "web"})

	// A container that there is not shows which pod was chosen, and adds none.
	failsBeforeThePatch(t, well, []string{"-c", "nix", "svc/web", "--", "true"}, "pod/well has no container")
	failsBeforeThePatch(t, sick, []string{"-c", "nix", "svc/web", "--pick=not-ready", "--", "true"}, "pod/sick has no container")

	term := onTerminal(t, well, "svc/web")
	term.expect("service/web has 2 pods:\r\n  1) pod/sick (running, not ready), ")
	term.expect("  2) pod/well (running), ")
	term.expect("number (1-2): ")
	term.send("1\r")
	term.expect("pod/sick (1 of 2; not ready: sick)\r\n")
	term.expect(place(t, sick) + " uid 65532 (mirror)\r\n")
	term.expect("$ ")
	term.leave("exit\r", 0)
	waitForSession(t, sick)

	again := onTerminal(t, well, "svc/web", "--", "hostname")
	again.expect("pod/sick (1 of 2; not ready: sick)\r\n")
	again.expect("\nsick\r\n")
	again.leave("", 0)
	if strings.Contains(again.text(), "number") {
		t.Errorf("who has entered a pod is asked again:\n%s", again.text())
	}
	for pick, want := range map[string]string{"ready": "well", "not-ready": "sick"} {
		if got := hostname(t, ns, "svc/web", "--pick="+pick); got != want {
			t.Errorf("--pick=%s leads to %s; want %s", pick, got, want)
		}
	}
}

// TestTargetsWithoutAPod: what there is instead of a running pod is said.
func TestTargetsWithoutAPod(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t, "restricted")
	here := inNamespace(ns)
	newWorkload(plainTarget(ns, "none")).deploy(t, 0)
	serve(t, ns, "elsewhere", nil)
	newWorkload(plainTarget(ns, "crashes").Args("-exit-after", "10ms", "-exit-code", "7")).deploy(t, 1)
	eventually(t, func(ctx context.Context) (bool, string) {
		list, err := client.CoreV1().Pods(ns).List(ctx, metav1.ListOptions{LabelSelector: "app=crashes"})
		if err != nil || len(list.Items) != 1 || len(list.Items[0].Status.ContainerStatuses) != 1 {
			return false, fmt.Sprint(err)
		}
		s := list.Items[0].Status.ContainerStatuses[0]
		return s.RestartCount > 0 && s.State.Running == nil, fmt.Sprint(s.State)
	})
	fails(t, here, []string{"deploy/crashes", "--", "true"}, "deployment/crashes has no running pod", "pod/crashes-", "exit code 7", "restart", "kubectl describe -n "+ns+" pod crashes-")
	fails(t, here, []string{"deploy/none", "--", "true"}, "deployment/none has no running pod", "it is scaled to 0")
	fails(t, here, []string{"deploy/non", "--", "true"}, `there is no deployment "non"`, "did you mean deployment/none?")
	fails(t, here, []string{"sts/nothing-like-it", "--", "true"}, `there is no statefulset "nothing-like-it"`, "kubectl get statefulsets -n "+ns)
	fails(t, here, []string{"svc/elsewhere", "--", "true"}, "service/elsewhere selects no pods", "kubectl describe")
	fails(t, here, []string{"-l", "app=nix", "--", "true"}, "has the labels app=nix", "--show-labels")
	fails(t, here, []string{"polisy"}, `there is no pod "polisy"`, "did you mean: kubectl mindebug policy?")
}
