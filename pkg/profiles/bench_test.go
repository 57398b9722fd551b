package profiles_test

import (
	"testing"

	"github.com/mindebug/kubectl-mindebug/pkg/profiles"
)

func BenchmarkMirror(b *testing.B) {
	f := identified(65532, 65532)
	b.ReportAllocs()
	for b.Loop() {
		if plan, err := profiles.Mirror(f); err != nil || plan.UID != 65532 {
			b.Fatalf("uid %d, %v", plan.UID, err)
		}
	}
}
