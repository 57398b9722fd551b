package cli

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/mindebug/kubectl-mindebug/internal/config"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/ui"
)

const configExample = `  # Each value, and where it was set
  kubectl mindebug config view`

// newConfig returns the verbs about the configuration.
func newConfig(f *factory) *cobra.Command {
	c := &cobra.Command{
		Use:   "config",
		Short: "Show what is configured, and where",
		RunE: func(_ *cobra.Command, args []string) error {
			reason := "config needs the word that says what to do: view"
			if len(args) > 0 {
				reason = fmt.Sprintf("config cannot %q", args[0])
			}
			return &fault.Usage{Reason: reason, Hint: "show each value: kubectl mindebug config view"}
		},
	}
	c.AddCommand(newConfigView(f))
	return c
}

func newConfigView(f *factory) *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "view",
		Short: "Print each setting with its value and its origin",
		Long: `Prints each setting with its value and where that was set: a flag of a session is stronger than all of it. The cluster's
configuration is read anew.`,
		Example: configExample,
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := f.connect()
			if err != nil {
				return err
			}
			own, err := f.ownSettings(c.Context)
			if err != nil {
				return err
			}
			report := newConfigReport(c.Context, f.configFile(), own, f.sharedSettings(c).Fetch(cmd.Context()))
			switch output {
			case formatJSON:
				return writeJSON(cmd.OutOrStdout(), report)
			case formatYAML:
				return writeYAML(cmd.OutOrStdout(), report)
			}
			text, notes := report.text()
			if err := write(cmd.OutOrStdout(), []byte(text)); err != nil {
				return err
			}
			for _, note := range notes {
				ui.NewNotices(f.program.Err).Say("%s", note)
			}
			return nil
		},
	}
	addOutput(c.Flags(), &output, formatJSON, formatYAML)
	return c
}

// configReport is what is configured, for programs. docs/config.md describes it.
type configReport struct {
	APIVersion string          `json:"apiVersion"`
	Kind       string          `json:"kind"`
	Context    string          `json:"context,omitempty"`
	File       string          `json:"file,omitempty"`
	Cluster    configCluster   `json:"cluster"`
	Settings   []configSetting `json:"settings"`
}

// configCluster is what became of reading the cluster's configuration.
type configCluster struct {
	Namespace string       `json:"namespace"`
	ConfigMap string       `json:"configMap"`
	State     config.State `json:"state"`
	Cause     string       `json:"cause,omitempty"`
	Ignored   []string     `json:"ignored,omitempty"`
}

type configSetting struct {
	Name   config.Key `json:"name"`
	Value  string     `json:"value"`
	Origin string     `json:"origin"`
	// Except says for which targets another value holds.
	Except string `json:"except,omitempty"`
}

func newConfigReport(context, file string, own config.Layer, shared config.Shared) configReport {
	r := configReport{
		APIVersion: apiVersion, Kind: "ConfigView", Context: context, File: file,
		Cluster: configCluster{
			Namespace: config.SharedNamespace, ConfigMap: config.SharedName, State: shared.State, Ignored: shared.Ignored,
		},
	}
	if shared.Cause != nil {
		r.Cluster.Cause = shared.Cause.Error()
	}
	settled := config.Settle(own, shared.Layer, config.Defaults())
	for _, key := range config.Keys() {
		s := configSetting{Name: key, Value: settled[key].Value, Origin: settled[key].Origin}
		_, ofUser := own[key]
		if _, ofCluster := shared.Layer[key]; key == config.Image && ofCluster && !ofUser && own[config.TrustClusterImage].Value != "true" {
			s.Except = "targets that are root and sessions that get more than their target: " + orNone(config.Released())
		}
		if s.Origin == "" {
			s.Origin = "this build is no release"
		}
		r.Settings = append(r.Settings, s)
	}
	return r
}

// text is the table, and what is to be said about it.
func (r configReport) text() (table string, notes []string) {
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 8, 3, ' ', 0)
	fmt.Fprintln(w, "NAME\tVALUE\tORIGIN")
	for _, s := range r.Settings {
		fmt.Fprintf(w, "%s\t%s\t%s\n", s.Name, ui.Escape(orNone(s.Value)), ui.Escape(s.Origin))
		if s.Except != "" {
			notes = append(notes, fmt.Sprintf("not for %s", s.Except))
		}
	}
	_ = w.Flush() // a strings.Builder takes everything
	where := fmt.Sprintf("the cluster's ConfigMap %s/%s", r.Cluster.Namespace, r.Cluster.ConfigMap)
	switch r.Cluster.State {
	case config.Absent:
		notes = append(notes, where+" is not there")
	case config.Forbidden:
		notes = append(notes, "you may not read "+where+", if there is one: kubectl mindebug policy roles --cluster-config prints the Role for it")
	case config.Unread:
		notes = append(notes, fmt.Sprintf("%s was not read: %s", where, r.Cluster.Cause))
	case config.Found:
		for _, ignored := range r.Cluster.Ignored {
			notes = append(notes, "ignored of "+where+": "+ignored)
		}
	}
	return out.String(), notes
}
