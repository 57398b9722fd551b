package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/mindebug/kubectl-mindebug/internal/app"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
)

// planFlags say whom a session runs as and what it may do.
type planFlags struct {
	runAs                     string
	learnUser, usePullSecrets bool
}

func (f *planFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.runAs, "run-as", "", "UID[:GID] of the target, where the pod does not tell it")
	flags.BoolVar(&f.learnUser, "learn-user", false, "where nothing tells whom the target runs as, add a container without privileges that reads it from the process")
	flags.BoolVar(&f.usePullSecrets, "use-pull-secrets", false, "read the target's image, where it must be, with the pod's pull secrets, too")
}

func (f *planFlags) request() (app.PlanRequest, error) {
	r := app.PlanRequest{LearnUser: f.learnUser, UsePullSecrets: f.usePullSecrets}
	var err error
	if f.runAs != "" {
		r.Identity, err = parseIdentity(f.runAs)
	}
	return r, err
}

// maxID is the largest uid or gid that Kubernetes accepts (validation.IsValidUserID).
const maxID = 1<<31 - 1

// parseIdentity reads UID[:GID].
func parseIdentity(text string) (*app.Identity, error) {
	uidText, gidText, both := strings.Cut(text, ":")
	uid, ok := parseID(uidText)
	id := &app.Identity{UID: uid}
	if both {
		gid, gidOK := parseID(gidText)
		id.GID, ok = &gid, ok && gidOK
	}
	if !ok {
		return nil, &fault.Usage{
			Reason: fmt.Sprintf("--run-as=%q is not UID[:GID]", text),
			Hint:   fmt.Sprintf("numbers from 0 to %d: --run-as=65532:65532", maxID),
		}
	}
	return id, nil
}

func parseID(text string) (int64, bool) {
	id, err := strconv.ParseInt(text, 10, 64)
	return id, err == nil && id >= 0 && id <= maxID
}
