package main

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/mindebug/kubectl-mindebug/test/cluster/internal/cluster"
	"github.com/mindebug/kubectl-mindebug/test/cluster/internal/kubeversion"
	"github.com/mindebug/kubectl-mindebug/test/cluster/internal/layout"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		want request
	}{
		{[]string{"up"}, request{verb: "up", files: []string{}}},
		{[]string{"up", "--kubernetes-version", "1.30.14"}, request{verb: "up", version: "1.30.14", files: []string{}}},
		{[]string{"down", "--purge"}, request{verb: "down", purge: true, files: []string{}}},
		{[]string{"load", "a.tar", "b.tar"}, request{verb: "load", files: []string{"a.tar", "b.tar"}}},
		{[]string{"restart", "kubelet"}, request{verb: "restart", files: []string{"kubelet"}, outage: cluster.Outage{Part: "kubelet"}}},
		{
			[]string{"restart", "--kill", "--hold", "etcd"},
			request{verb: "restart", files: []string{"etcd"}, outage: cluster.Outage{Part: "etcd", Kill: true}, hold: true},
		},
	} {
		if got, err := parse(c.args); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q: got %+v, %v; want %+v", c.args, got, err, c.want)
		}
	}
	for _, args := range [][]string{
		nil,
		{"start"},
		{"load"},
		{"up", "now"},
		{"up", "--purge"},
		{"env", "--what"},
		{"restart"},
		{"restart", "kube-proxy"},
		{"restart", "etcd", "kubelet"},
		{"up", "--hold"},
	} {
		if got, err := parse(args); err == nil {
			t.Errorf("%q: no error but %+v", args, got)
		}
	}
}

func TestChoose(t *testing.T) {
	t.Parallel()
	l := layout.Layout{Dir: t.TempDir()}
	if got, up, err := choose("", l); err != nil || up || got.String() != kubeversion.Default {
		t.Errorf("with none up: got %s, %t, %v", got, up, err)
	}
	if err := os.WriteFile(filepath.Join(l.Dir, "version"), []byte("1.30.14\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for asked, wantUp := range map[string]bool{"": true, "1.30.14": true, "1.36.3": false} {
		if _, up, err := choose(asked, l); err != nil || up != wantUp {
			t.Errorf("asked for %q with 1.30.14 up: got %t, %v; want %t", asked, up, err, wantUp)
		}
	}
}

func TestHelpIsAnAnswer(t *testing.T) {
	t.Parallel()
	var stdout, stderr bytes.Buffer
	if err := run(t.Context(), []string{"--help"}, nil, &stdout, &stderr); err != nil || stdout.String() != usage || stderr.Len() > 0 {
		t.Errorf("got %q, %q, %v", &stdout, &stderr, err)
	}
}
