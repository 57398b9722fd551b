package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"path"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	corev1 "k8s.io/api/core/v1"
)

// credentials are those of the pull secrets for a repository, else the user's own, else none. A credential helper of the
// user's is a program that takes no context: it is left behind when ctx ends.
func (c Client) credentials(ctx context.Context, repository name.Repository, secrets []corev1.Secret) (authn.Authenticator, error) {
	own := c.Keychain
	if own == nil {
		own = authn.DefaultKeychain
	}
	pulling, err := readSecrets(secrets)
	if err != nil {
		return nil, err
	}
	if auth, ok := pulling.find(repository); ok {
		return authn.FromConfig(auth), nil
	}
	type result struct {
		auth authn.Authenticator
		err  error
	}
	resolved := make(chan result, 1)
	go func() {
		auth, err := authn.Resolve(ctx, own, repository)
		resolved <- result{auth, err}
	}()
	select {
	case r := <-resolved:
		if r.err != nil {
			return nil, fmt.Errorf("reading your registry credentials: %w", r.err)
		}
		return r.auth, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("reading your registry credentials: %w", context.Cause(ctx))
	}
}

// pullSecrets are the entries of a pod's pull secrets, by the registry or repository that each is for.
type pullSecrets map[string]authn.AuthConfig

// readSecrets reads Secrets of the types that the kubelet takes for imagePullSecrets. The first one to name a registry
// counts.
func readSecrets(secrets []corev1.Secret) (pullSecrets, error) {
	all := pullSecrets{}
	for i := range secrets {
		s := &secrets[i]
		var config struct {
			Auths pullSecrets `json:"auths"`
		}
		var err error
		switch s.Type {
		case corev1.SecretTypeDockerConfigJson:
			err = json.Unmarshal(s.Data[corev1.DockerConfigJsonKey], &config)
		case corev1.SecretTypeDockercfg:
			err = json.Unmarshal(s.Data[corev1.DockerConfigKey], &config.Auths)
		default:
			err = fmt.Errorf("it is of type %q", s.Type)
		}
		if err != nil {
			return nil, fmt.Errorf("reading pull secret %q: %w", s.Name, err)
		}
		for key, auth := range config.Auths {
			if _, there := all[key]; !there {
				all[key] = auth
			}
		}
	}
	return all, nil
}

// find returns the entry for a repository: of those that match, the longest.
func (p pullSecrets) find(repository name.Repository) (best authn.AuthConfig, found bool) {
	longest := ""
	for key, auth := range p {
		if matches(key, repository) && (!found || len(key) > len(longest) || len(key) == len(longest) && key < longest) {
			best, longest, found = auth, key, true
		}
	}
	return best, found
}

// matches is the kubelet's rule (URLsMatch in k8s.io/kubernetes/pkg/credentialprovider): "*" stands for characters of one
// part of the host, ports are equal, and a path is the beginning of the repository's.
func matches(key string, repository name.Repository) bool {
	if !strings.Contains(key, "://") {
		key = "https://" + key
	}
	pattern, err := url.Parse(key)
	if err != nil {
		return false
	}
	for _, version := range []string{"/v1/", "/v2/"} {
		if strings.HasPrefix(pattern.Path, version) {
			pattern.Path = pattern.Path[len(version)-1:]
		}
	}
	if pattern.Host == "docker.io" {
		pattern.Host = name.DefaultRegistry
	}
	registry := url.URL{Host: repository.RegistryStr()}
	if pattern.Port() != registry.Port() || !strings.HasPrefix("/"+repository.RepositoryStr(), pattern.Path) {
		return false
	}
	globs, parts := strings.Split(pattern.Hostname(), "."), strings.Split(registry.Hostname(), ".")
	if len(globs) != len(parts) {
		return false
	}
	for i, glob := range globs {
		if ok, err := path.Match(glob, parts[i]); err != nil || !ok {
			return false
		}
	}
	return true
}
