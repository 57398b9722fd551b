package cli

import (
	"context"
	"path/filepath"
	"slices"
	"time"

	"github.com/mindebug/kubectl-mindebug/internal/app"
	"github.com/mindebug/kubectl-mindebug/internal/cluster"
	"github.com/mindebug/kubectl-mindebug/internal/config"
)

// configFile is the user's own configuration file, or empty where the user has no folder for it.
func (f *factory) configFile() string {
	if f.program.ConfigDir == "" {
		return ""
	}
	return filepath.Join(f.program.ConfigDir, "kubectl-mindebug", "config.yaml")
}

// ownSettings are those that the user set by the environment and by the file, for a context of the kubeconfig.
func (f *factory) ownSettings(context string) (config.Layer, error) {
	environment, err := config.Environment(f.program.Getenv)
	if err != nil {
		return nil, err
	}
	var file *config.File
	if path := f.configFile(); path != "" {
		if file, err = config.ReadFile(path); err != nil {
			return nil, err
		}
	}
	return config.Settle(environment, file.Layer(context)), nil
}

// sharedSettings is where the cluster's configuration comes from.
func (f *factory) sharedSettings(c *cluster.Cluster) config.Source {
	s := config.Source{Identity: c.Identity(), Now: time.Now}
	s.Read = func(ctx context.Context) (string, error) {
		return c.ConfigText(ctx, config.SharedNamespace, config.SharedName, config.SharedKey)
	}
	if f.program.CacheDir != "" {
		s.Dir = filepath.Join(f.program.CacheDir, "kubectl-mindebug", "clusters")
	}
	return s
}

// settle writes into a request what the user set elsewhere than by flags, and begins to read what the cluster says of the
// rest. Without are settings that the verb has a rule of its own for.
func (f *factory) settle(ctx context.Context, c *cluster.Cluster, r *app.SessionRequest, without ...config.Key) error {
	own, err := f.ownSettings(c.Context)
	if err != nil {
		return err
	}
	if r.Attach { // the time to live bounds the session itself then
		without = append(without, config.TTL)
	}
	for _, key := range []config.Key{config.Image, config.TTL, config.Grace, config.Timeout} {
		if f.byFlag(key) || slices.Contains(without, key) {
			continue
		}
		value, set := own[key]
		if !set {
			r.Open.Keys = append(r.Open.Keys, key)
			value, set = config.Defaults()[key]
		}
		if !set {
			continue
		}
		switch key {
		case config.Image:
			r.Image, r.ImageOrigin = value.Value, value.Origin
		case config.TTL:
			r.TTL = value.Duration()
			if value.Origin != config.BuiltIn {
				r.TTLOrigin = value.Origin
			}
		case config.Grace:
			r.Grace = value.Duration()
		case config.Timeout:
			r.Timeout = value.Duration()
		}
	}
	r.Open.Trusted = own[config.TrustClusterImage].Value == "true"
	r.Open.Shared = f.sharedSettings(c).Begin(ctx)
	return nil
}

// byFlag reports whether a flag, which has the setting's name, was given.
func (f *factory) byFlag(key config.Key) bool { return f.given != nil && f.given(string(key)) }
