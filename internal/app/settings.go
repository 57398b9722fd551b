package app

import (
	"github.com/mindebug/kubectl-mindebug/internal/config"
	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/pkg/profiles"
)

// OpenSettings are what the user left for the cluster's configuration to say, if it does.
type OpenSettings struct {
	// Keys are the settings. The request has the built-in values of them.
	Keys []config.Key
	// Shared waits for the cluster's configuration.
	Shared func() config.Shared
	// Trusted lets its image serve targets, too, that are root or get more than the mirror.
	Trusted bool
}

// shared returns what the cluster says of a setting that the user left open.
func (o OpenSettings) shared(key config.Key) (config.Value, bool) {
	for _, open := range o.Keys {
		if open == key {
			value, ok := o.Shared().Layer[key]
			return value, ok
		}
	}
	return config.Value{}, false
}

// warning is what of the cluster's configuration is ignored.
func (o OpenSettings) warning() string {
	if o.Shared == nil {
		return ""
	}
	return o.Shared().Warning()
}

// withTimes has the times that the cluster's configuration says, where the user left them open. It waits for that.
func (r SessionRequest) withTimes() SessionRequest {
	// A session that is attached to is bounded by the time to live, which is for the user to say.
	if v, ok := r.Open.shared(config.TTL); ok && !r.Attach {
		r.TTL, r.TTLOrigin = v.Duration(), v.Origin
	}
	if v, ok := r.Open.shared(config.Grace); ok {
		r.Grace = v.Duration()
	}
	if v, ok := r.Open.shared(config.Timeout); ok {
		r.Timeout = v.Duration()
	}
	return r
}

// withImage has the cluster's image, where the user left it open and the container is neither root's nor more than a mirror:
// whoever may write the cluster's configuration may not choose what runs with such privileges.
func (r SessionRequest) withImage(uid int64, stepUp bool) SessionRequest {
	if v, ok := r.Open.shared(config.Image); ok && (r.Open.Trusted || uid != 0 && !stepUp) {
		r.Image, r.ImageOrigin = v.Value, v.Origin
	}
	return r
}

// settled is the request with what the cluster's configuration says for a plan.
func (r SessionRequest) settled(plan profiles.Plan) SessionRequest {
	return r.withTimes().withImage(plan.UID, plan.StepUp)
}

// haveImage is an error where nothing names an image for a container.
func (r SessionRequest) haveImage() error {
	if r.Image != "" {
		return nil
	}
	e := &fault.NoImage{}
	if v, ok := r.Open.shared(config.Image); ok {
		e.Untrusted = v.Value
	}
	return e
}

// mayHaveImage is an error where nothing names an image, whatever the target is. It waits for the cluster's configuration only
// where nothing else names one: that is read at the same time as the pod.
func (r SessionRequest) mayHaveImage() error {
	if r.Image != "" {
		return nil
	}
	if _, ok := r.Open.shared(config.Image); ok {
		return nil
	}
	return r.haveImage()
}
