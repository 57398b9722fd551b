package exceed

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// BenchmarkExceeds is what the node makes of both, and the comparison both ways.
func BenchmarkExceeds(b *testing.B) {
	pod := &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "app"}}}}
	sc := &corev1.SecurityContext{Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}}
	b.ReportAllocs()
	for b.Loop() {
		target, debugger := Of(pod, "app", sc, 65532, 65532), Of(pod, "debugger", sc, 65532, 65532)
		if sees, _ := CanSee(debugger, target); len(Exceeds(target, debugger)) > 0 || !sees {
			b.Fatal("the same exceeds the same, or does not see it")
		}
	}
}
