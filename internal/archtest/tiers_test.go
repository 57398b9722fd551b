package archtest

import (
	"os"
	"testing"
)

// modulePath is what the go.mod above calls this module.
const modulePath = "github.com/mindebug/kubectl-mindebug"

// tiers gives each package its place: an import goes to a lower tier only,
// never up and never sideways.
var tiers = map[string]int{
	"cmd/kubectl-mindebug": 6,

	"internal/cli": 5,

	"internal/app": 4,

	"internal/facts":     3,
	"internal/inspect":   3,
	"internal/podcopy":   3,
	"internal/preflight": 3,
	"internal/resolve":   3,
	"internal/session":   3,
	"internal/transfer":  3,
	"internal/triage":    3,

	"internal/config":       2,
	"internal/imagekind":    2,
	"internal/policy":       2,
	"internal/registry":     2,
	"pkg/attach":            2,
	"pkg/attach/attachtest": 2,

	"internal/cluster":    1,
	"pkg/profiles":        1,
	"pkg/profiles/exceed": 1,

	"internal/access": 0,
	"internal/fault":  0,
	"internal/near":   0,
	"internal/ui":     0,
	"pkg/target":      0,
}

// sideways are the imports within a tier that are meant.
var sideways = map[edge]bool{
	{"internal/access", "pkg/target"}:       true, // the calls of each kind, from the one list of kinds
	{"pkg/attach/attachtest", "pkg/attach"}: true,
}

// testOnly are the packages that only test files import. Those without a tier
// may themselves import anything: the compiler refuses the cycles.
var testOnly = map[string]bool{
	"internal/archtest":          true,
	"internal/doctest":           true,
	"internal/kubetest":          true,
	"internal/policy/policytest": true,
	"internal/proof":             true,
	"pkg/attach/attachtest":      true,
}

// outside are the folders whose packages stand in no tier, and which no
// package of a tier may import.
var outside = []string{"test", "hack", "images", "docs"}

// pure names the code that is a function of values: it reaches no client,
// clock, network or process. A value is a pattern of file names, where only a
// part of the package is meant.
var pure = map[string]string{
	"internal/access":     "*.go",
	"internal/fault":      "*.go",
	"internal/near":       "*.go",
	"internal/imagekind":  "verdict*.go",
	"internal/inspect":    "*.go",
	"internal/policy":     "*.go",
	"internal/transfer":   "p*.go",
	"pkg/profiles":        "*.go",
	"pkg/profiles/exceed": "*.go",
	"pkg/target":          "*.go",
}

// impure are the imports, each with all below it, that pure code may not
// reach; those in harmless are excepted.
var (
	impure = []string{
		"crypto/tls",
		"net",
		"os/exec",
		"os/signal",
		"github.com/google/go-containerregistry/pkg/authn",
		"github.com/google/go-containerregistry/pkg/v1/daemon",
		"github.com/google/go-containerregistry/pkg/v1/remote",
		"k8s.io/apimachinery/pkg/util/wait",
		"k8s.io/cli-runtime",
		"k8s.io/client-go",
		"k8s.io/streaming",
	}
	harmless = map[string]bool{
		"net/netip": true,
		"net/url":   true,
	}
)

func TestModule(t *testing.T) {
	t.Parallel()
	tree, err := load(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	for name, rule := range map[string]func(module) []string{
		"imports go to a lower tier": checkTiers,
		"pure code stays pure":       checkPure,
		"pkg exports its own types":  checkExports,
		"pkg prints and exits never": checkQuiet,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, fault := range rule(tree) {
				t.Error(fault)
			}
		})
	}
}
