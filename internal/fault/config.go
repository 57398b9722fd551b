package fault

// NoImage says that nothing names a debug image: this build has none of its own.
type NoImage struct {
	// Untrusted is the one that the cluster's configuration names and that does not serve this target, or empty.
	Untrusted string
}

func (e *NoImage) Error() string { return "no debug image is named" }

// BadSetting says that the user's own configuration has what cannot be used.
type BadSetting struct {
	// Where is the file and line, or the variable.
	Where, Reason string
	// Near are the keys that may have been meant.
	Near []string
}

func (e *BadSetting) Error() string { return e.Where + ": " + e.Reason }
