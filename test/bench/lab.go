package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/mindebug/kubectl-mindebug/pkg/attach"
)

// patience bounds every single wait.
const patience = time.Minute

// base is what all experiments share.
type base struct {
	options
	client kubernetes.Interface
	execer *attach.Execer
	config *rest.Config
	// debugImage is the image of session containers, stockImage that of the peer's.
	debugImage, stockImage string
	programs               programs
	// folder is for files of this call. It goes with it.
	folder string
	// tasks knows when containers started, or is nil where the runtime cannot be asked.
	tasks *tasks
	audit *auditLog
}

// lab is a namespace in which is measured.
type lab struct {
	*base
	namespace string
}

// prepare connects, and puts the programs that are measured first on PATH.
func prepare(ctx context.Context, o options) (b *base, err error) {
	b = &base{options: o, debugImage: os.Getenv("MINDEBUG_IMAGE"), stockImage: os.Getenv("MINDEBUG_STOCK_IMAGE")}
	if b.debugImage == "" || b.stockImage == "" {
		return nil, errors.New("MINDEBUG_IMAGE and MINDEBUG_STOCK_IMAGE must name images that the nodes have; without KUBECONFIG `make bench` starts a cluster and sets them")
	}
	if b.folder, err = os.MkdirTemp("", "bench-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			b.close()
		}
	}()
	if err := b.gather(ctx); err != nil {
		return nil, err
	}
	if err := b.connect(ctx); err != nil {
		return nil, err
	}
	if b.tasks, err = watchTasks(ctx); err != nil {
		return nil, err
	}
	return b, nil
}

func (b *base) connect(ctx context.Context) (err error) {
	b.config, err = clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		clientcmd.NewDefaultClientConfigLoadingRules(), nil).ClientConfig()
	if err != nil {
		return fmt.Errorf("reading kubeconfig: %w", err)
	}
	if b.execer, err = attach.NewExecer(b.config); err != nil {
		return err
	}
	api := rest.CopyConfig(b.config)
	api.QPS = -1
	if b.client, err = kubernetes.NewForConfig(api); err != nil {
		return fmt.Errorf("building client: %w", err)
	}
	if b.audit, err = openAuditLog(); err != nil {
		return err
	}
	// What clients keep between calls is neither the user's nor left behind; kubectl has read what it keeps of the API.
	if err := errors.Join(os.Setenv("KUBECACHEDIR", filepath.Join(b.folder, "kube")), os.Setenv("XDG_CACHE_HOME", filepath.Join(b.folder, "cache"))); err != nil {
		return err
	}
	_, err = b.toEnd(ctx, []string{"kubectl", "get", "pods"})
	return err
}

// close ends the listener and removes the files.
func (b *base) close() {
	b.tasks.stop()
	if err := os.RemoveAll(b.folder); err != nil {
		say("warning: %v", err)
	}
}

// open makes a namespace.
func (b *base) open(ctx context.Context) (*lab, error) {
	// An interrupt must not leave a namespace whose name is not known yet.
	creating, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	ns, err := b.client.CoreV1().Namespaces().Create(creating, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		GenerateName: "bench-", Labels: map[string]string{"mindebug.test/bench": "true"},
	}}, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("creating namespace: %w", err)
	}
	l := &lab{base: b, namespace: ns.Name}
	if err := l.awaitAccount(ctx); err != nil {
		l.remove(ctx)
		return nil, err
	}
	return l, nil
}

// awaitAccount waits for the ServiceAccount that each pod needs.
func (l *lab) awaitAccount(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	w, err := l.client.CoreV1().ServiceAccounts(l.namespace).Watch(ctx, metav1.ListOptions{FieldSelector: "metadata.name=default"})
	if err != nil {
		return fmt.Errorf("watching accounts: %w", err)
	}
	defer w.Stop()
	<-w.ResultChan()
	return context.Cause(ctx)
}

// remove deletes the namespace and waits until it is gone, also after an interrupt.
func (l *lab) remove(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*patience)
	defer cancel()
	namespaces := l.client.CoreV1().Namespaces()
	err := namespaces.Delete(ctx, l.namespace, metav1.DeleteOptions{})
	for err == nil && wait(ctx, 200*time.Millisecond) == nil {
		_, err = namespaces.Get(ctx, l.namespace, metav1.GetOptions{})
	}
	if !apierrors.IsNotFound(err) {
		say("warning: namespace %s may still be there: %v", l.namespace, errors.Join(err, ctx.Err()))
	}
}
