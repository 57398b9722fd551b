package cli

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mindebug/kubectl-mindebug/internal/config"
)

// TestConfigReport: each value with its origin, and what stood in the way of the cluster's.
func TestConfigReport(t *testing.T) {
	t.Parallel()
	const image = "a.example/b@sha256:1111111111111111111111111111111111111111111111111111111111111111"
	layer, ignored := config.ParseShared("apiVersion: mindebug/v1alpha1\nimage: " + image + "\nttl: 9m\nimgae: x\n")
	own := config.Layer{config.TTL: {Value: "5m", Origin: "MINDEBUG_TTL"}}
	for name, test := range map[string]struct {
		own    config.Layer
		shared config.Shared
		table  string
		notes  []string
	}{
		"found": {
			own: own, shared: config.Shared{State: config.Found, Layer: layer, Ignored: ignored},
			table: "NAME                VALUE" + strings.Repeat(" ", len(image)-2) + "ORIGIN\n" +
				"image               " + image + "   ConfigMap kube-public/mindebug\n",
			notes: []string{
				"not for targets that are root and sessions that get more than their target: none",
				"ignored of the cluster's ConfigMap kube-public/mindebug: imgae in line 4: there is no such setting",
			},
		},
		"trusted": {
			own:    config.Layer{config.TrustClusterImage: {Value: "true", Origin: "file"}},
			shared: config.Shared{State: config.Found, Layer: layer},
		},
		"absent": {
			own: own, shared: config.Shared{State: config.Absent},
			table: `NAME                VALUE   ORIGIN
image               none    this build is no release
ttl                 5m      MINDEBUG_TTL
grace               1m      built-in
timeout             1m      built-in
trustClusterImage   false   built-in
`,
			notes: []string{"the cluster's ConfigMap kube-public/mindebug is not there"},
		},
		"forbidden": {
			shared: config.Shared{State: config.Forbidden},
			notes:  []string{"you may not read the cluster's ConfigMap kube-public/mindebug, if there is one: kubectl mindebug policy roles --cluster-config prints the Role for it"},
		},
		"unread": {
			shared: config.Shared{State: config.Unread, Cause: errors.New("no answer")},
			notes:  []string{"the cluster's ConfigMap kube-public/mindebug was not read: no answer"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			table, notes := newConfigReport("prod", "", test.own, test.shared).text()
			if !strings.HasPrefix(table, test.table) {
				t.Errorf("table:\n%s\nwant:\n%s", table, test.table)
			}
			if diff := cmp.Diff(test.notes, notes); diff != "" {
				t.Errorf("notes (-want +got):\n%s", diff)
			}
		})
	}
}

// TestConfigWithoutAWord: the verb says what it wants.
func TestConfigWithoutAWord(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"config"}, {"config", "set"}} {
		if status, _, stderr := runCLI(t, args...); status != 2 || !strings.HasSuffix(stderr, "hint: show each value: kubectl mindebug config view\n") {
			t.Errorf("%q: status %d, %q", args, status, stderr)
		}
	}
}
