// Package config settles the values that a user can set in more than one place: flag, environment, built-in default.
package config

// builtinImage is the debug image of a build that was not released; a release stamps its own over it by -ldflags.
var builtinImage = "docker.io/library/busybox:1.37.0"

// Value is a value and where it was set, in words for the user.
type Value struct{ Value, Origin string }

// Image returns the debug image: the flag's value, else that of MINDEBUG_IMAGE, else the built-in one.
func Image(flag string, getenv func(string) string) Value {
	if flag != "" {
		return Value{flag, "flag"}
	}
	if image := getenv("MINDEBUG_IMAGE"); image != "" {
		return Value{image, "MINDEBUG_IMAGE"}
	}
	return Value{builtinImage, "built-in"}
}
