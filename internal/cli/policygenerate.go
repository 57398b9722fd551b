package cli

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/distribution/reference"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/policy"
)

const generateExample = `  # Debug containers from one repository only, and never more than their targets
  kubectl mindebug policy generate --image-prefix registry.corp.example/debug | kubectl apply -f -

  # Try it first: refuse nothing, but warn
  kubectl mindebug policy generate --image-prefix registry.corp.example/debug --warn-only | kubectl apply -f -

  # Let a group go beyond the target when it says why
  kubectl mindebug policy generate --image-prefix registry.corp.example/debug --step-up-group leads --step-up-reason | kubectl apply -f -`

// generateFlags are the flags of `policy generate` as they were written.
type generateFlags struct {
	images, digests, groups         []string
	reason, warnOnly                bool
	name, namespaces, stamp, output string
}

func (f *generateFlags) add(flags *pflag.FlagSet) {
	flags.StringArrayVar(&f.images, "image-prefix", nil, "allow images of this `PLACE`: a registry's host, a repository or folder in it, or a whole reference; can be repeated")
	flags.StringArrayVar(&f.digests, "image-digest", nil, "allow the image with this `DIGEST` (sha256:…) from any registry; can be repeated")
	flags.StringArrayVar(&f.groups, "step-up-group", nil, "let the members of the group `NAME` go beyond the target; can be repeated")
	flags.BoolVar(&f.reason, "step-up-reason", false, "let them do so with --reason only")
	flags.StringVar(&f.stamp, "stamp-user", "", "also print a MutatingAdmissionPolicy that writes who adds a container into it, over what the client says; the API's `VERSION`: "+strings.Join(policy.StampVersions(), " or "))
	flags.StringVar(&f.namespaces, "namespace-selector", "", "hold it only in namespaces with these `LABELS`; by default in all")
	flags.BoolVar(&f.warnOnly, "warn-only", false, "refuse nothing: warn, and write to the audit log")
	flags.StringVar(&f.name, "name", policy.AdmissionName, "what the policies and their bindings are called")
	addOutput(flags, &f.output, formatYAML, formatJSON)
}

// digest is one of the kind that registries give images.
var digest = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^sha256:[0-9a-f]{64}$`) })

// admission turns flags into what the manifests are made from.
func (f *generateFlags) admission() (policy.Admission, error) {
	a := policy.Admission{
		Name: f.name, Images: f.images, Digests: f.digests, StepUpGroups: f.groups, ReasonForStepUps: f.reason,
		WarnOnly: f.warnOnly, StampUser: f.stamp,
	}
	if len(f.images)+len(f.digests) == 0 {
		return a, &fault.Usage{
			Reason: "policy generate needs the images that debug containers may be made from",
			Hint:   "name the registry or repository, or the digest: --image-prefix=registry.corp.example/debug, --image-digest=sha256:…",
		}
	}
	for _, image := range f.images {
		if reason := noPlace(image); reason != "" {
			return a, &fault.Usage{Reason: fmt.Sprintf("--image-prefix=%q %s", image, reason), Hint: "write it in full: --image-prefix=docker.io/library/busybox"}
		}
	}
	for _, d := range f.digests {
		if !digest().MatchString(d) {
			return a, &fault.Usage{Reason: fmt.Sprintf("--image-digest=%q is not sha256: and 64 hexadecimal digits", d)}
		}
	}
	if wrong := validation.IsDNS1123Subdomain(f.name); len(wrong) > 0 {
		return a, &fault.Usage{Reason: fmt.Sprintf("--name=%q cannot be the name of a policy: %s", f.name, wrong[0])}
	}
	if slices.Contains(f.groups, "") {
		return a, &fault.Usage{Reason: "the name of a group is empty"}
	}
	if f.reason && len(f.groups) == 0 {
		return a, &fault.Usage{Reason: "--step-up-reason says what step-ups need, and nobody may make one", Hint: "name who may: --step-up-group=NAME"}
	}
	if f.stamp != "" && !slices.Contains(policy.StampVersions(), f.stamp) {
		return a, &fault.Usage{
			Reason: fmt.Sprintf("--stamp-user=%q is none of %s", f.stamp, strings.Join(policy.StampVersions(), ", ")),
			Hint:   "see which one the server has: kubectl api-resources --api-group=admissionregistration.k8s.io",
		}
	}
	if f.namespaces != "" {
		selector, err := metav1.ParseToLabelSelector(f.namespaces)
		if err != nil {
			return a, &fault.Usage{
				Reason: fmt.Sprintf("--namespace-selector=%q: %v", f.namespaces, err),
				Hint:   `write it like "stage=test", "stage in (test,build)", "stage notin (prod)" or "!legacy"`,
			}
		}
		a.Namespaces = selector
	}
	return a, nil
}

// noPlace says why a text is not the beginning of references as a pod has them, or "". A short name is none: the registry
// that it stands for is each node's to say.
func noPlace(image string) string {
	host, path, found := strings.Cut(strings.TrimSuffix(image, "/"), "/")
	if !strings.ContainsAny(host, ".:") && host != "localhost" {
		return "names no registry"
	}
	if !found {
		path = "any" // a registry's host alone; what is in it is of no account
	}
	if _, err := reference.ParseNamed(host + "/" + path); err != nil {
		return "is no place of images: " + err.Error()
	}
	return ""
}

func newPolicyGenerate(f *factory) *cobra.Command {
	var flags generateFlags
	c := &cobra.Command{
		Use:   "generate",
		Short: "Print an admission policy that holds every debug container to its target",
		Long: `Prints a ValidatingAdmissionPolicy and its binding, for Kubernetes 1.30 and later. They hold whatever adds a debug container,
kubectl debug too: it must name a target, come from an image that is allowed, be no more than its target, and have no
variables but mindebug's own, nothing out of Secrets, and no mounts but its target's, read-only.`,
		Example: generateExample,
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("namespace") {
				return &fault.Usage{
					Reason: "an admission policy belongs to no namespace",
					Hint:   "say where it holds by a label: --namespace-selector=kubernetes.io/metadata.name=" + f.flags.Overrides.Context.Namespace,
				}
			}
			admission, err := flags.admission()
			if err != nil {
				return err
			}
			return writeManifests(cmd.OutOrStdout(), flags.output, admission.Manifests())
		},
	}
	c.Flags().SortFlags = false
	flags.add(c.Flags())
	return c
}
