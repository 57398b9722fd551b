// Command bench measures sessions of kubectl mindebug and of its peers, kubectl debug and kubectl exec, in turn on one
// cluster, and prints a table. It asserts nothing: the figures are for people, and only those of one run compare.
//
// `make bench` runs it on the cluster of KUBECONFIG, in a namespace of its own that it removes.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/mindebug/kubectl-mindebug/pkg/attach"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	if err := run(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "error: %v\n", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	rounds, starts int
	idle, settle   time.Duration
	out            string
}

func run(ctx context.Context) error {
	var o options
	flag.IntVar(&o.rounds, "n", 10, "rounds, each of which measures every case once")
	flag.IntVar(&o.starts, "starts", 50, "starts to record for the spacing of early tries; 0 for none")
	flag.DurationVar(&o.idle, "idle", 6*time.Second, "how long a pod does nothing before it is measured")
	flag.DurationVar(&o.settle, "settle", time.Second, "wait between two measurements")
	flag.StringVar(&o.out, "out", "", "`file` to write the report to, with the raw figures beside it as .json")
	bin := flag.String("bin", "bin", "`folder` of the kubectl-mindebug that is measured")
	flag.Parse()

	programs, err := gather(ctx, *bin)
	if err != nil {
		return err
	}
	defer programs.remove()
	tasks, err := watchTasks(ctx)
	if err != nil {
		return err
	}
	defer tasks.stop()
	lab, err := connect(ctx, tasks)
	if err != nil {
		return err
	}
	defer lab.remove(ctx)

	results := &results{Machine: describe(ctx, lab), Programs: programs, Cases: cases(lab)}
	if results.Samples, err = lab.compare(ctx, o); err != nil {
		return err
	}
	if results.Starts, err = lab.recordStarts(ctx, o); err != nil {
		return err
	}
	results.Machine.LoadAfter = loadAverage()
	return results.write(os.Stdout, o.out)
}

// lab is the namespace in which all is measured.
type lab struct {
	client    kubernetes.Interface
	execer    *attach.Execer
	namespace string
	// debugImage is the image of session containers, stockImage that of the peer's.
	debugImage, stockImage string
	// tasks knows when containers started, or is nil where the runtime cannot be asked.
	tasks *tasks
	audit *auditLog
}

// patience bounds every single wait.
const patience = time.Minute

func connect(ctx context.Context, tasks *tasks) (*lab, error) {
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		clientcmd.NewDefaultClientConfigLoadingRules(), nil).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("reading kubeconfig: %w", err)
	}
	l := &lab{tasks: tasks, debugImage: os.Getenv("MINDEBUG_IMAGE"), stockImage: os.Getenv("MINDEBUG_STOCK_IMAGE")}
	if l.debugImage == "" || l.stockImage == "" {
		return nil, errors.New("MINDEBUG_IMAGE and MINDEBUG_STOCK_IMAGE must name images that the nodes have; without KUBECONFIG `make bench` starts a cluster and sets them")
	}
	if l.execer, err = attach.NewExecer(config); err != nil {
		return nil, err
	}
	api := rest.CopyConfig(config)
	api.QPS = -1
	if l.client, err = kubernetes.NewForConfig(api); err != nil {
		return nil, fmt.Errorf("building client: %w", err)
	}
	if l.audit, err = openAuditLog(); err != nil {
		return nil, err
	}
	// An interrupt must not leave a namespace whose name is not known yet.
	creating, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	ns, err := l.client.CoreV1().Namespaces().Create(creating, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		GenerateName: "bench-", Labels: map[string]string{"mindebug.test/bench": "true"},
	}}, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("creating namespace: %w", err)
	}
	l.namespace = ns.Name
	return l, nil
}

// remove deletes the namespace and waits until it is gone, also after an interrupt.
func (l *lab) remove(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	namespaces := l.client.CoreV1().Namespaces()
	err := namespaces.Delete(ctx, l.namespace, metav1.DeleteOptions{})
	for err == nil && wait(ctx, 200*time.Millisecond) == nil {
		_, err = namespaces.Get(ctx, l.namespace, metav1.GetOptions{})
	}
	if !apierrors.IsNotFound(err) {
		fmt.Fprintf(os.Stderr, "warning: namespace %s may still be there: %v\n", l.namespace, errors.Join(err, ctx.Err()))
	}
}

// say tells the person who waits how far it is.
func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "bench: "+strings.TrimSuffix(format, "\n")+"\n", args...)
}

// wait does nothing for a time.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
