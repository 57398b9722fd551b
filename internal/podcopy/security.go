package podcopy

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/pkg/profiles"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// nobody is whom the added container runs as where the pod does not tell whom the held one does: it writes where all may.
const nobody = 65534

// Security returns what the container may do that puts BusyBox into the copy: what the held one may, without any capability
// and with /proc as it is by default, since it looks at no process. The error is that of profiles.Make.
func Security(f target.Facts) (corev1.SecurityContext, error) {
	for _, id := range []*target.Sourced[int64]{&f.UID, &f.GID} {
		if !id.Known() {
			*id = target.Sourced[int64]{Value: nobody, Origin: "nobody"}
		}
	}
	plan, err := profiles.Make(f, profiles.Request{Profile: profiles.Restricted})
	plan.SecurityContext.ProcMount = nil
	return plan.SecurityContext, err
}
