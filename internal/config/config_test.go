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
		want       config.Value
	}{
		{"flag", "flag:1", set, config.Value{Value: "flag:1", Origin: "flag"}},
		{"flag alone", "flag:1", none, config.Value{Value: "flag:1", Origin: "flag"}},
		{"environment", "", set, config.Value{Value: "env:1", Origin: "MINDEBUG_IMAGE"}},
		{"built-in", "", none, config.Value{Value: builtin.Value, Origin: "built-in"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := config.Image(test.flag, test.getenv); got != test.want || got.Value == "" {
				t.Errorf("Image = %q; want %q", got, test.want)
			}
		})
	}
}
