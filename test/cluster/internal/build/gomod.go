package build

import (
	"fmt"
	"slices"
	"strings"
)

// goMod is the part of `go mod edit -json` that a module built on another has to take over from it.
type goMod struct {
	Go      string
	Godebug []struct{ Key, Value string }
	Replace []struct {
		Old, New struct{ Path, Version string }
	}
}

// render writes the go.mod of a module whose only purpose is to build r. Only a main module's replacements and its go and
// godebug lines count, so those of upstream, r's own go.mod, are repeated here.
func (r Recipe) render(upstream goMod) string {
	var b strings.Builder
	fmt.Fprintf(&b, "module mindebug.test/%s\n\ngo %s\n", r.Name, upstream.Go)
	for _, setting := range upstream.Godebug {
		fmt.Fprintf(&b, "\ngodebug %s=%s\n", setting.Key, setting.Value)
	}
	fmt.Fprintf(&b, "\nrequire %s %s\n", r.Module, r.Version)

	var replaced []string
	for _, replace := range upstream.Replace {
		switch local := strings.HasPrefix(replace.New.Path, "."); {
		case !local:
			replaced = append(replaced, fmt.Sprintf("replace %s => %s %s", join(replace.Old.Path, replace.Old.Version),
				replace.New.Path, replace.New.Version))
		case r.Staging != "":
			replaced = append(replaced, fmt.Sprintf("replace %s => %s %s", replace.Old.Path, replace.Old.Path, r.Staging))
		}
	}
	slices.Sort(replaced)
	if len(replaced) > 0 {
		fmt.Fprintf(&b, "\n%s\n", strings.Join(replaced, "\n"))
	}
	return b.String()
}

func join(path, version string) string {
	if version == "" {
		return path
	}
	return path + " " + version
}
