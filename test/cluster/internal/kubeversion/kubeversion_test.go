package kubeversion

import "testing"

func TestParse(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]Version{
		"1.36.3":   {36, 3},
		"v1.30.14": {30, 14},
	} {
		got, err := Parse(in)
		if err != nil || got != want {
			t.Errorf("Parse(%q) = %v, %v; want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "1.36", "2.1.0", "1.36.3-rc.0", "1.20.1", "1.36.3\n"} {
		if got, err := Parse(in); err == nil {
			t.Errorf("Parse(%q) = %v; want an error", in, got)
		}
	}
}

func TestTags(t *testing.T) {
	t.Parallel()
	v := Version{Minor: 30, Patch: 14}
	if v.String() != "1.30.14" || v.Tag() != "v1.30.14" || v.StagingTag() != "v0.30.14" {
		t.Errorf("got %q, %q, %q", v.String(), v.Tag(), v.StagingTag())
	}
	if v.AtLeast(31) || !v.AtLeast(30) {
		t.Error("AtLeast: 1.30 is at least 1.30 and not 1.31")
	}
}

func TestDefaultParses(t *testing.T) {
	t.Parallel()
	if _, err := Parse(Default); err != nil {
		t.Error(err)
	}
}
