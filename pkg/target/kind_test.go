package target_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// TestKinds: every word means one kind, with its group as kubectl takes it.
func TestKinds(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, kind := range target.Kinds() {
		if kind.Name != strings.ToLower(kind.API) {
			t.Errorf("%s is the singular of %s", kind.Name, kind.API)
		}
		for _, word := range kind.Words() {
			if other := seen[word]; other != "" {
				t.Errorf("%q means %s and %s", word, other, kind.Name)
			}
			seen[word] = kind.Name
			forms := []string{word, strings.ToUpper(word), word + ".v1." + kind.Group}
			if kind.Group != "" {
				forms = append(forms, word+"."+kind.Group)
			}
			for _, form := range forms {
				if got, ok := target.KindOf(form); !ok || cmp.Diff(kind, got) != "" {
					t.Errorf("KindOf(%q) = %+v, %t; want %s", form, got, ok, kind.Name)
				}
			}
			for _, form := range []string{word + "x", word + ".", word + ".other", word + ".v2." + kind.Group, word + "." + kind.Group + ".x"} {
				if got, ok := target.KindOf(form); ok {
					t.Errorf("KindOf(%q) = %s; want none", form, got.Name)
				}
			}
		}
	}
	if first := target.Kinds()[0].Name; first != target.Pods {
		t.Errorf("the first kind is %s; want pods", first)
	}
	target.Kinds()[0] = target.Kind{}
	if _, ok := target.KindOf(target.Pods); !ok {
		t.Error("the list of kinds was changed from outside")
	}
}
