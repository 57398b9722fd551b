package cli

import (
	"github.com/spf13/pflag"

	"github.com/mindebug/kubectl-mindebug/internal/app"
)

// containerFlags are those of the verbs that may add a session container: which image, with what privileges, and how it starts.
type containerFlags struct {
	planFlags
	imageFlags
	startFlags
}

func (f *containerFlags) add(flags *pflag.FlagSet) {
	f.imageFlags.add(flags)
	f.planFlags.add(flags)
	f.startFlags.add(flags)
}

// request writes the flags into a request.
func (f *containerFlags) request(r *app.SessionRequest, getenv func(string) string) (err error) {
	if r.PlanRequest, err = f.planFlags.request(); err != nil {
		return err
	}
	if err := f.imageFlags.request(r, getenv); err != nil {
		return err
	}
	return f.startFlags.request(r)
}
