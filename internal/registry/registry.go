package registry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
)

// Bounds: answerWithin on a connection and on the beginning of each answer, allWithin on all that one Open and the images
// that it returned read. maxPlatforms is how many images of an index are looked at.
const (
	answerWithin = 10 * time.Second
	allWithin    = 30 * time.Second
	maxPlatforms = 20
)

// Client reads images. Its zero value uses the credentials of the user's docker or podman configuration.
type Client struct {
	// Keychain replaces the user's own credentials.
	Keychain authn.Keychain
}

// Request names the image that a container runs.
type Request struct {
	// Image is the reference as the pod's spec has it. ID is what its status calls imageID: a reference by digest, or the
	// digest of the image's configuration where the node knows of no registry's.
	Image, ID string
	// PullSecrets are tried before the user's own credentials.
	PullSecrets []corev1.Secret
	// ByTag takes what the spec's reference names now where the status names no digest: the container never ran.
	ByTag bool
	// Within replaces the bound on all that is read, where it is not 0.
	Within time.Duration
	// Architecture is asked where the digest stands for several platforms: the node's, in Go's words, or empty where it is
	// not known.
	Architecture func(context.Context) string
}

// Open returns the image that the container runs; several where it cannot be told which of them it is. Only what is read
// later is fetched later. All errors are of type *fault.Registry, unless ctx ended.
//
// Done must be called when nothing more is read.
func (c Client) Open(ctx context.Context, r Request) (images []Image, done func(), err error) {
	references, config, err := r.references()
	if err != nil {
		return nil, nil, err
	}
	within := cmp.Or(r.Within, allWithin)
	bounded, cancel := context.WithTimeoutCause(ctx, within, fmt.Errorf("no end within %s", within))
	client := newTransport()
	done = func() {
		cancel()
		client.CloseIdleConnections()
	}
	for _, reference := range references {
		var found []Image
		if found, err = c.open(bounded, client, reference, config, r); err == nil {
			return found, done, nil
		}
		if ctx.Err() != nil {
			err = context.Cause(ctx)
			break
		}
	}
	done()
	return nil, nil, err
}

// references are the names under which the registries have exactly what runs: the digest of the status in the repository
// of the spec, which is the one that the user knows, then in that of the status. Where the node knows only the digest of
// the image's configuration, that is returned, and whatever is found must have it.
func (r Request) references() (references []name.Reference, config string, err error) {
	spec, err := name.ParseReference(r.Image)
	if err != nil {
		return nil, "", &fault.Registry{Image: r.Image, Reason: fault.ImageUnreadable, Cause: err}
	}
	_, byDigest := spec.(name.Digest)
	id := r.ID
	if _, after, ok := strings.Cut(id, "://"); ok { // docker-pullable://, of cri-dockerd
		id = after
	}
	if status, err := name.NewDigest(id); err == nil {
		references = append(references, spec.Context().Digest(status.DigestStr()))
		if status.Context() != spec.Context() {
			references = append(references, status)
		}
		return references, "", nil
	}
	switch {
	case strings.HasPrefix(id, "sha256:"):
		return []name.Reference{spec}, id, nil
	case byDigest, r.ByTag && id == "":
		return []name.Reference{spec}, "", nil
	}
	return nil, "", &fault.Registry{
		Image: r.Image, Reason: fault.ImageUnreadable, Cause: errors.New("the container's status names no digest, and a tag may have moved"),
	}
}

// open reads what one reference names. Where config is not empty, only the image of that configuration is the one.
func (c Client) open(ctx context.Context, client http.RoundTripper, reference name.Reference, config string, r Request) ([]Image, error) {
	explain := func(err error) error { return explain(ctx, reference, err) }
	auth, err := c.credentials(ctx, reference.Context(), r.PullSecrets)
	if err != nil {
		return nil, explain(err)
	}
	// One try for each call, since the user waits.
	descriptor, err := remote.Get(reference, remote.WithContext(ctx), remote.WithAuth(auth),
		remote.WithTransport(client), remote.WithRetryBackoff(remote.Backoff{Steps: 1}))
	if err != nil {
		return nil, explain(err)
	}
	budget := &budget{left: layersLimit}
	if !descriptor.MediaType.IsIndex() {
		image, err := descriptor.Image()
		if err != nil {
			return nil, explain(err)
		}
		return matching([]Image{{Image: image, explain: explain, budget: budget}}, config)
	}
	index, err := descriptor.ImageIndex()
	if err != nil {
		return nil, explain(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, explain(err)
	}
	platforms := forLinux(manifest.Manifests)
	if len(platforms) > 1 && config == "" && r.Architecture != nil {
		platforms = forArchitecture(platforms, r.Architecture(ctx))
	}
	if len(platforms) == 0 || len(platforms) > maxPlatforms {
		return nil, explain(fmt.Errorf("it is an index of %d platforms; looked at are 1 to %d", len(platforms), maxPlatforms))
	}
	var images []Image
	for _, platform := range platforms {
		image, err := index.Image(platform.Digest)
		if err != nil {
			return nil, explain(err)
		}
		images = append(images, Image{Image: image, Platform: platform.Platform.String(), explain: explain, budget: budget})
	}
	return matching(images, config)
}

// forLinux leaves out what no Linux node runs, as attestations, which name the platform "unknown".
func forLinux(all []v1.Descriptor) (out []v1.Descriptor) {
	for _, d := range all {
		if d.MediaType.IsImage() && d.Platform != nil && d.Platform.OS == "linux" {
			out = append(out, d)
		}
	}
	return out
}

// forArchitecture returns those of an architecture, or all where it is not known.
func forArchitecture(all []v1.Descriptor, architecture string) (out []v1.Descriptor) {
	if architecture == "" {
		return all
	}
	for _, d := range all {
		if d.Platform.Architecture == architecture {
			out = append(out, d)
		}
	}
	return out
}

// matching returns the one whose configuration has that digest, or all where none is asked for.
func matching(images []Image, config string) ([]Image, error) {
	if config == "" {
		return images, nil
	}
	for _, image := range images {
		digest, err := image.ConfigName()
		if err != nil {
			return nil, image.explain(err)
		}
		if digest.String() == config {
			return []Image{image}, nil
		}
	}
	return nil, images[0].explain(&movedError{config})
}

// movedError says that a tag names another image than the one that runs.
type movedError struct{ config string }

func (e *movedError) Error() string {
	return fmt.Sprintf("the registry has another image of that name than the one that runs (%s)", e.config)
}

// newTransport goes the way that HTTPS_PROXY and NO_PROXY say, as kubectl does.
func newTransport() encrypted {
	return encrypted{&http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: answerWithin}).DialContext,
		TLSHandshakeTimeout:   answerWithin,
		ResponseHeaderTimeout: answerWithin,
		ForceAttemptHTTP2:     true,
	}}
}

// encrypted refuses plain http but for this machine itself: the library would try it for private networks, too, and send
// credentials there.
type encrypted struct{ next http.RoundTripper }

// CloseIdleConnections is what http.Client looks for.
func (e encrypted) CloseIdleConnections() { (&http.Client{Transport: e.next}).CloseIdleConnections() }

// RoundTrip implements http.RoundTripper.
func (e encrypted) RoundTrip(r *http.Request) (*http.Response, error) {
	host := r.URL.Hostname()
	if ip := net.ParseIP(host); r.URL.Scheme != "https" && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("plain http is for this machine only, and %s is not it", r.URL.Host)
	}
	return e.next.RoundTrip(r)
}

// explain says in the terms of package fault why something could not be read.
func explain(ctx context.Context, image name.Reference, err error) error {
	e := &fault.Registry{Image: image.String(), Reason: fault.RegistryUnreachable, Cause: err}
	var answer *transport.Error
	var network net.Error
	switch {
	case ctx.Err() != nil:
		e.Cause = context.Cause(ctx)
	case errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound:
		e.Reason = fault.ImageNotFound
	case errors.As(err, &answer) && (answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden):
		e.Reason = fault.ImageUnauthorized
	case errors.As(err, &answer), errors.As(err, &network):
	default:
		e.Reason = fault.ImageUnreadable
	}
	return e
}
