package app

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// where says where a session in a copy is: "prod-eu shop/web-7d-copy-x2x4p app copy".
func (c *copyRun) where(made *corev1.Pod) string {
	return strings.TrimSpace(fmt.Sprintf("%s %s/%s %s copy", c.request.Context, made.Namespace, made.Name, c.held))
}

// sayCopying says what is about to be made, and what of the pod will run beside the session.
func (c *copyRun) sayCopying() {
	c.notices.Say("copying pod/%s to pod/%s, with a shell in place of container %s", c.from.Name, c.copy.Pod.Name, c.held)
	first, with := c.copy.Beside(c.held)
	if len(first) > 0 {
		c.notices.Say("these containers of it run before: %s", strings.Join(first, ", "))
	}
	if len(with) > 0 {
		c.notices.Say("these containers of it run beside: %s", strings.Join(with, ", "))
	}
}

// sayEntered says where one is, how the container ended, and how to start it.
func (c *copyRun) sayEntered(now *corev1.Pod) {
	container, _ := target.Find(now, c.held)
	c.notices.Say("%s: inside image %s, as its own user", c.where(now), container.Image)
	if last := c.lastExit(); last != "" {
		c.notices.Say("%s", last)
	}
	if c.copy.Known {
		c.notices.Say("run-target starts what the container runs, $TARGET_COMMAND, and says how it ended")
	} else {
		if c.unread != nil {
			c.notices.Say("what the container runs is not known, since its spec has no command: %v", c.unread)
		}
		c.notices.Say("set it, and run-target starts it: export TARGET_COMMAND=\"/path/to/program 'a word'\"")
	}
	c.notices.Say("the copy is deleted when you leave, and ends by itself after %s at the latest (--ttl)", duration.HumanDuration(c.request.TTL))
}

// lastExit says how the held container ended the last time, and where what it printed is.
func (c *copyRun) lastExit() string {
	_, status := target.Find(c.from, c.held)
	if status == nil {
		return ""
	}
	last, flag := status.State.Terminated, ""
	if last == nil {
		last, flag = status.LastTerminationState.Terminated, " --previous"
	}
	if last == nil {
		return ""
	}
	text := fmt.Sprintf("in pod/%s it ended with exit code %d (%s)", c.from.Name, last.ExitCode, last.Reason)
	if message := strings.TrimSpace(last.Message); message != "" {
		text += ": " + message
	}
	return text + fmt.Sprintf("; what it printed: kubectl logs -n %s %s -c %s%s", c.from.Namespace, c.from.Name, c.held, flag)
}

// sayRemoved says, after a shell and where a start failed, that nothing is left.
func (c *copyRun) sayRemoved(made *corev1.Pod, err error) {
	if len(c.request.Command) == 0 || err != nil {
		c.notices.Say("deleted pod/%s", made.Name)
	}
}
