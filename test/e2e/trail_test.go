package e2e

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mindebug/kubectl-mindebug/internal/access"
)

// TestTrailOfTwoUsers: the container and an Event say who added it and what for; a colleague with another reason enters it.
// What they say is text wherever it stands: no kubelet and no shell makes anything of it.
func TestTrailOfTwoUsers(t *testing.T) {
	t.Parallel()
	pod := restrictedTarget(t)
	const hostile = "INC-7 $(MINDEBUG_LIB) $$ `id` $(id) ' \" ; exit 9"
	dana := newUser(t, pod.Namespace, "dana", append(access.Session(), access.AddEvent)...)
	kim := newUser(t, pod.Namespace, "kim", access.Session()...)
	const look = "env | grep -c ^MINDEBUG_[URVP]; exit 3"
	mindebug(t, pod, dana.as("pod/target", "--reason", hostile, "--", "sh", "-c", look)...).want(t, 3, "0\n", "")
	mindebug(t, pod, kim.as("pod/target", "--reason", "INC-8", "--", "echo", "in")...).want(t, 0, "in\n", "")

	c := onlyContainer(t, pod)
	env := map[string]string{}
	for _, v := range c.Env {
		env[v.Name] = v.Value
	}
	if env["MINDEBUG_USER"] != dana.name || env["MINDEBUG_REASON"] != strings.ReplaceAll(hostile, "$", "$$") || env["MINDEBUG_VERSION"] == "" {
		t.Errorf("the container says %q, %q, %q", env["MINDEBUG_USER"], env["MINDEBUG_REASON"], env["MINDEBUG_VERSION"])
	}
	events, err := client.CoreV1().Events(pod.Namespace).List(t.Context(), metav1.ListOptions{FieldSelector: "reason=SessionContainerAdded"})
	if err != nil {
		t.Fatalf("listing Events: %v", err)
	}
	want := dana.name + " added session container " + c.Name + ", as its target: " + hostile
	if len(events.Items) != 1 || events.Items[0].Message != want || events.Items[0].InvolvedObject.UID != pod.UID {
		t.Errorf("Events %+v, want one that says %q", events.Items, want)
	}
}
