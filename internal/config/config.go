// Package config settles the values that can be set in more than one place: flag, environment, the user's own file, the
// cluster's ConfigMap, built-in. It is strict about what the user wrote and tolerant about what somebody else wrote for all.
package config

import (
	"fmt"
	"time"

	"github.com/distribution/reference"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
)

// APIVersion is that of the user's file and of the cluster's.
const APIVersion = "mindebug/v1alpha1"

// Key is the name of a setting, as the files have it.
type Key string

// The settings. TrustClusterImage is for the user's file alone: it lets the cluster's image serve whatever the target is.
const (
	Image             Key = "image"
	TTL               Key = "ttl"
	Grace             Key = "grace"
	Timeout           Key = "timeout"
	TrustClusterImage Key = "trustClusterImage"
)

// setting is what there is to know about a key. Check refuses a value; check of shared, nil where the cluster's
// configuration may not have the key at all, refuses one there.
type setting struct {
	key           Key
	variable      string
	check, shared func(string) error
}

// Whoever may write the cluster's configuration must neither stop a session nor choose code by a name that can come to mean
// something else: hence the digest, and the bounds.
var settings = []setting{
	{Image, "MINDEBUG_IMAGE", CheckImage, checkPinned},
	{TTL, "MINDEBUG_TTL", duration(0, 0), duration(time.Minute, 24*time.Hour)},
	{Grace, "MINDEBUG_GRACE", duration(time.Second, 0), duration(time.Second, time.Hour)},
	{Timeout, "MINDEBUG_TIMEOUT", duration(time.Millisecond, 0), duration(30*time.Second, time.Hour)},
	{TrustClusterImage, "", boolean, nil},
}

// Keys are all settings, in the order in which they are shown.
func Keys() (keys []Key) {
	for _, s := range settings {
		keys = append(keys, s.key)
	}
	return keys
}

func find(key Key) (setting, bool) {
	for _, s := range settings {
		if s.key == key {
			return s, true
		}
	}
	return setting{}, false
}

// Value is a value and where it was set, in words for the user.
type Value struct{ Value, Origin string }

// Duration returns a value that is a time; it was checked when it was read.
func (v Value) Duration() time.Duration {
	d, err := time.ParseDuration(v.Value)
	if err != nil {
		panic(err)
	}
	return d
}

// Layer is what one place sets.
type Layer map[Key]Value

// Settle returns each value as the first layer has it that has it.
func Settle(layers ...Layer) Layer {
	out := Layer{}
	for _, layer := range layers {
		for key, value := range layer {
			if _, set := out[key]; !set {
				out[key] = value
			}
		}
	}
	return out
}

// BuiltIn is the origin of what nobody set.
const BuiltIn = "built-in"

// releasedImage is the debug image of a release, by digest: stamped by -ldflags. Empty in any other build.
var releasedImage string

// Released returns that image.
func Released() string { return releasedImage }

// Defaults are the built-in values. There is an image in a released build only.
func Defaults() Layer {
	l := Layer{
		TTL: {"30m", BuiltIn}, Grace: {"1m", BuiltIn}, Timeout: {"1m", BuiltIn}, TrustClusterImage: {"false", BuiltIn},
	}
	if releasedImage != "" {
		l[Image] = Value{releasedImage, BuiltIn}
	}
	return l
}

// Environment is what environment variables set. An empty one sets nothing. The error is a *fault.BadSetting.
func Environment(getenv func(string) string) (Layer, error) {
	l := Layer{}
	for _, s := range settings {
		if s.variable == "" {
			continue
		}
		text := getenv(s.variable)
		if text == "" {
			continue
		}
		if err := s.check(text); err != nil {
			return nil, &fault.BadSetting{Where: s.variable, Reason: err.Error()}
		}
		l[s.key] = Value{text, s.variable}
	}
	return l, nil
}

// CheckImage refuses what is no image reference: the API server takes any text, and the kubelet refuses it only after the
// container has become a permanent part of the pod.
func CheckImage(text string) error {
	if _, err := reference.ParseNormalizedNamed(text); err != nil {
		return fmt.Errorf("%q is not the name of an image: %w", text, err)
	}
	return nil
}

func checkPinned(text string) error {
	if err := CheckImage(text); err != nil {
		return err
	}
	if named, err := reference.ParseNormalizedNamed(text); err == nil {
		if _, pinned := named.(reference.Digested); pinned {
			return nil
		}
	}
	return fmt.Errorf("%q is not named by digest", text)
}

// duration returns a check that a text is a time and not shorter or, where most is not 0, longer.
func duration(least, most time.Duration) func(string) error {
	return func(text string) error {
		d, err := time.ParseDuration(text)
		switch {
		case err != nil:
			return fmt.Errorf("%q is no time: one has a unit, as 90s or 5m", text)
		case d < least:
			return fmt.Errorf("%s is less than the least, %s", text, least)
		case most > 0 && d > most:
			return fmt.Errorf("%s is more than the most, %s", text, most)
		}
		return nil
	}
}

func boolean(text string) error {
	if text != "true" && text != "false" {
		return fmt.Errorf("%q is neither true nor false", text)
	}
	return nil
}
