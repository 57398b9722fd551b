package cluster

import (
	"strings"

	"github.com/spf13/pflag"
	"k8s.io/client-go/tools/clientcmd"
)

// Flags are the flags of every kubectl command that say which cluster is meant, and who asks. client-go binds them; the set in
// cli-runtime, which kubectl uses, is able to ask for discovery too, and brings the types of all API groups, OpenAPI and
// kustomize along: a quarter of the program, and of the time in which it starts. A test holds these to that set.
type Flags struct {
	// Agent is what the program calls itself. The audit log has it, as userAgent.
	Agent string
	// KubeConfig is the file that is read instead of those in KUBECONFIG or the user's own.
	KubeConfig string
	// Overrides is what stands in the place of the file's values.
	Overrides clientcmd.ConfigOverrides

	// userExtra is what more is said of the user who is impersonated: key=value.
	userExtra []string
	loader    clientcmd.ClientConfig
}

// Add adds the flags to a set.
func (f *Flags) Add(flags *pflag.FlagSet) {
	flags.StringVar(&f.KubeConfig, clientcmd.RecommendedConfigPathFlag, "", "Path to the kubeconfig file to use for CLI requests")
	names := clientcmd.RecommendedConfigOverrideFlags("")
	names.ClusterOverrideFlags.APIServer.ShortName = "s"
	names.AuthOverrideFlags.Username, names.AuthOverrideFlags.Password = clientcmd.FlagInfo{}, clientcmd.FlagInfo{} // nor has kubectl
	clientcmd.BindOverrideFlags(&f.Overrides, flags, names)
	flags.StringArrayVar(&f.userExtra, "as-user-extra", nil,
		"User extras to impersonate for the operation, this flag can be repeated to specify multiple values for the same key")
	flags.String("cache-dir", "", "Taken as by kubectl; there is nothing to keep there")
}

// Loader reads the kubeconfig as kubectl does: the files, what the flags put in their place, and in a pod its service account.
// The flags must have been parsed.
func (f *Flags) Loader() clientcmd.ClientConfig {
	if f.loader != nil {
		return f.loader
	}
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.DefaultClientConfig = &clientcmd.DefaultClientConfig
	rules.ExplicitPath = f.KubeConfig
	f.Overrides.ClusterDefaults = clientcmd.ClusterDefaults
	for _, extra := range f.userExtra {
		if key, value, ok := strings.Cut(extra, "="); ok {
			if f.Overrides.AuthInfo.ImpersonateUserExtra == nil {
				f.Overrides.AuthInfo.ImpersonateUserExtra = map[string][]string{}
			}
			f.Overrides.AuthInfo.ImpersonateUserExtra[key] = append(f.Overrides.AuthInfo.ImpersonateUserExtra[key], value)
		}
	}
	f.loader = clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &f.Overrides)
	return f.loader
}
