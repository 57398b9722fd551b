package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/mindebug/kubectl-mindebug/internal/config"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/policy"
)

const policyExample = `  # Let a group debug in one namespace
  kubectl mindebug policy roles -n shop --group oncall | kubectl apply -f -

  # Let a pipeline's service account check every namespace
  kubectl mindebug policy roles -A --serviceaccount ci:checker | kubectl apply -f -`

// newPolicy returns the verbs that print manifests. They ask no cluster.
func newPolicy(f *factory) *cobra.Command {
	c := &cobra.Command{
		Use:   "policy",
		Short: "Print the manifests that allow debugging",
		RunE: func(_ *cobra.Command, args []string) error {
			reason := "policy needs the word that says which manifests: roles or generate"
			if len(args) > 0 {
				reason = fmt.Sprintf("policy has no manifests %q", args[0])
			}
			return &fault.Usage{Reason: reason, Hint: "see what they are: kubectl mindebug policy --help"}
		},
	}
	c.AddCommand(newPolicyRoles(f), newPolicyGenerate(f))
	return c
}

// rolesFlags are the flags of `policy roles` as they were written.
type rolesFlags struct {
	users, groups, accounts []string
	all, copies, config     bool
	via, output             string
}

func (f *rolesFlags) add(flags *pflag.FlagSet) {
	// As in `kubectl create rolebinding`, --user is whom to bind, not kubectl's own --user.
	flags.StringArrayVar(&f.users, "user", nil, "allow it to the user `NAME`; can be repeated")
	flags.StringArrayVar(&f.groups, "group", nil, "allow it to the group `NAME`; can be repeated")
	flags.StringArrayVar(&f.accounts, "serviceaccount", nil, "allow it to the service account `NAMESPACE:NAME`; can be repeated")
	flags.BoolVarP(&f.all, "all-namespaces", "A", false, "a ClusterRole: in all namespaces")
	flags.StringVar(&f.via, "via", viaExec, "exec or attach: what sessions may go by")
	flags.BoolVar(&f.copies, "copies", false, "allow --copy-to, too: making and deleting pods")
	flags.BoolVar(&f.config, "cluster-config", false, "a Role in kube-public as well, with which the cluster's configuration can be read")
	addOutput(flags, &f.output, formatYAML, formatJSON)
}

// grant turns flags into what the manifests are made from.
func (f *rolesFlags) grant(namespace string) (policy.Grant, error) {
	g := policy.Grant{Namespace: namespace, Cluster: f.all, Attach: f.via == viaAttach, Copies: f.copies}
	if wrong := validation.IsDNS1123Label(namespace); len(wrong) > 0 {
		return g, &fault.Usage{Reason: fmt.Sprintf("--namespace=%q is not the name of a namespace: %s", namespace, wrong[0])}
	}
	if !g.Attach && f.via != viaExec {
		return g, badVia(f.via)
	}
	if f.config {
		g.ClusterConfig.Namespace, g.ClusterConfig.Name = config.SharedNamespace, config.SharedName
	}
	for _, name := range f.users {
		g.Subjects = append(g.Subjects, rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: name})
	}
	for _, name := range f.groups {
		g.Subjects = append(g.Subjects, rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: name})
	}
	for _, account := range f.accounts {
		in, name, ok := strings.Cut(account, ":")
		if !ok || in == "" || name == "" || strings.Contains(name, ":") {
			return g, &fault.Usage{
				Reason: fmt.Sprintf("--serviceaccount=%q is not NAMESPACE:NAME", account),
				Hint:   "write it as kubectl does: --serviceaccount=" + namespace + ":default",
			}
		}
		g.Subjects = append(g.Subjects, rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: in, Name: name})
	}
	for _, s := range g.Subjects {
		if s.Name == "" {
			return g, &fault.Usage{Reason: fmt.Sprintf("the name of a %s is empty", strings.ToLower(s.Kind))}
		}
	}
	return g, nil
}

func newPolicyRoles(f *factory) *cobra.Command {
	var flags rolesFlags
	c := &cobra.Command{
		Use:   "roles",
		Short: "Print a Role that allows debugging, and its bindings",
		Long: `Prints a Role with the calls that mindebug makes, each with what it is for, and a RoleBinding for each user, group and
service account named. Rules that are marked optional can be deleted.`,
		Example: policyExample,
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			namespace, _, err := f.flags.Loader().Namespace()
			if err != nil {
				return &fault.Configuration{Cause: err}
			}
			grant, err := flags.grant(namespace)
			if err != nil {
				return err
			}
			return writeManifests(cmd.OutOrStdout(), flags.output, policy.Roles(grant))
		},
	}
	c.Flags().SortFlags = false
	flags.add(c.Flags())
	return c
}

func writeManifests(w io.Writer, output string, manifests []policy.Manifest) error {
	if output == formatJSON {
		return writeJSON(w, policy.List(manifests))
	}
	text, err := policy.YAML(manifests)
	if err != nil {
		return err
	}
	return write(w, text)
}
