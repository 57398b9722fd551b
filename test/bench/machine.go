package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// machine is where it was measured.
type machine struct {
	Date, CPU             string
	Cores                 int
	Memory                string
	Kernel, Runtime       string
	Server, Kubelet       string
	Kubectl, Mindebug     string
	LoadBefore, LoadAfter string
}

func describe(ctx context.Context, b *base) machine {
	m := machine{
		Date: time.Now().UTC().Format(time.DateTime), CPU: field("/proc/cpuinfo", "model name"), Cores: runtime.NumCPU(),
		Memory: field("/proc/meminfo", "MemTotal"), LoadBefore: loadAverage(),
		Kubectl:  strings.Join(strings.Fields(output(ctx, "kubectl", "version", "--client")), " "),
		Mindebug: output(ctx, "kubectl-mindebug", "version"),
	}
	if version, err := b.client.Discovery().ServerVersion(); err == nil {
		m.Server = version.GitVersion
	}
	if nodes, err := b.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{}); err == nil && len(nodes.Items) > 0 {
		info := nodes.Items[0].Status.NodeInfo
		m.Kernel, m.Kubelet, m.Runtime = info.KernelVersion, info.KubeletVersion, info.ContainerRuntimeVersion
	}
	return m
}

// field returns a value of a file in /proc of lines "name: value".
func field(file, name string) string {
	text, _ := os.ReadFile(file)
	for line := range bytes.Lines(text) {
		if key, value, ok := strings.Cut(string(line), ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func loadAverage() string {
	text, _ := os.ReadFile("/proc/loadavg")
	words := strings.Fields(string(text))
	return strings.Join(words[:min(3, len(words))], " ")
}

// busy is how long the processors of this machine have worked since it started, each counted, in steps of 10 ms: the first line
// of proc_stat(5) without what is idle, waits, or is counted as user's already.
func busy() time.Duration {
	const tick = 10 * time.Millisecond // USER_HZ is 100 on every architecture of Kubernetes
	text, _ := os.ReadFile("/proc/stat")
	line, _, _ := strings.Cut(string(text), "\n")
	ticks := 0
	for i, word := range strings.Fields(strings.TrimPrefix(line, "cpu")) {
		if n, err := strconv.Atoi(word); err == nil && (i < 3 || 5 <= i && i < 8) {
			ticks += n
		}
	}
	return time.Duration(ticks) * tick
}

func output(ctx context.Context, name string, args ...string) string {
	text, err := exec.CommandContext(ctx, name, args...).Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(text))
}
