package facts_test

import (
	"testing"

	"github.com/mindebug/kubectl-mindebug/internal/facts"
)

func BenchmarkRead(b *testing.B) {
	p := pod().Restricted().RunAs(65532, 65532).Running(65532, 65532).Build()
	b.ReportAllocs()
	for b.Loop() {
		if f := facts.Read(p, "app"); f.UID.Value != 65532 {
			b.Fatalf("uid %d", f.UID.Value)
		}
	}
}
