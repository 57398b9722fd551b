package config_test

import (
	"testing"

	"github.com/mindebug/kubectl-mindebug/internal/config"
)

func TestImage(t *testing.T) {
	t.Parallel()
	none := func(string) string { return "" }
	set := func(name string) string { return map[string]string{"MINDEBUG_IMAGE": "env:1"}[name] }
	builtin := config.Image("", none)
	for _, test := range []struct {
		name, flag string
		getenv     func(string) string
		want       string
	}{
		{"flag", "flag:1", set, "flag:1"},
		{"flag alone", "flag:1", none, "flag:1"},
		{"environment", "", set, "env:1"},
		{"built-in", "", none, builtin},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := config.Image(test.flag, test.getenv); got != test.want || got == "" {
				t.Errorf("Image = %q; want %q", got, test.want)
			}
		})
	}
}
