package profiles

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"sigs.k8s.io/yaml"
)

// Reserved begins the names of the environment variables that a session container has for itself: nobody may set one.
const Reserved = "MINDEBUG_"

// Custom is a partial container specification, as `kubectl debug --custom` takes it. It is a value that does not change.
type Custom struct {
	// container is what is set beside the security context.
	container corev1.Container
	security  *corev1.SecurityContext
	ignored   string
}

// CustomError says that a text is not what `kubectl debug --custom` takes, and why.
type CustomError struct {
	Reason string
	// Cause is the decoder's error, where there is one.
	Cause error
}

func (e *CustomError) Error() string {
	if e.Cause != nil {
		return fmt.Sprintf("%s: %v", e.Reason, e.Cause)
	}
	return e.Reason
}

// Unwrap returns the cause.
func (e *CustomError) Unwrap() error { return e.Cause }

// ParseCustom reads a partial container specification in JSON or YAML. It takes and refuses what kubectl does
// (DebugOptions.Complete and Validate in k8s.io/kubectl/pkg/cmd/debug, v0.37): name, command, image, lifecycle and
// volumeDevices may not be set; a field that a container does not have is ignored, and Ignored tells of it; an empty
// text changes nothing. Besides, an environment variable whose name begins with Reserved is refused. The error is a
// *CustomError.
func ParseCustom(text []byte) (*Custom, error) {
	var c corev1.Container
	if json.Unmarshal(text, &c) != nil {
		c = corev1.Container{}
		if err := yaml.Unmarshal(text, &c); err != nil {
			return nil, &CustomError{Reason: "this is not a container specification", Cause: err}
		}
	}
	if c.Name != "" || len(c.Command) > 0 || c.Image != "" || c.Lifecycle != nil || len(c.VolumeDevices) > 0 {
		return nil, &CustomError{Reason: "name, command, image, lifecycle and volumeDevices may not be set"}
	}
	for _, e := range c.Env {
		if strings.HasPrefix(e.Name, Reserved) {
			return nil, &CustomError{Reason: fmt.Sprintf("environment variable %s may not be set: mindebug has it for itself", e.Name)}
		}
	}
	custom := &Custom{container: c, security: c.SecurityContext}
	custom.container.SecurityContext = nil
	var strict corev1.Container
	if err := yaml.UnmarshalStrict(text, &strict); err != nil {
		custom.ignored = err.Error()
	}
	if _, err := merge(corev1.Container{}, custom.container); err != nil {
		return nil, &CustomError{Reason: "this cannot be merged into a container", Cause: err}
	}
	return custom, nil
}

// Ignored says, in the decoder's words, why a stricter reader would not have taken the text: an unknown or a repeated
// field. It is empty where all that was written counts.
func (c *Custom) Ignored() string { return c.ignored }

// Fields returns the fields beside the security context that the specification sets, by their JSON names, in order.
func (c *Custom) Fields() []string {
	set := fields(c.container)
	delete(set, "name") // always there, and never set
	if len(c.container.Resources.Limits)+len(c.container.Resources.Requests)+len(c.container.Resources.Claims) == 0 {
		delete(set, "resources")
	}
	return slices.Sorted(maps.Keys(set))
}

// Reaches returns the fields, by their JSON names, with which the specification gives a container access to data that its
// target may not have: volumeMounts, envFrom, and env where a value comes from elsewhere.
func (c *Custom) Reaches() []string {
	var fields []string
	if len(c.container.VolumeMounts) > 0 {
		fields = append(fields, "volumeMounts")
	}
	if len(c.container.EnvFrom) > 0 {
		fields = append(fields, "envFrom")
	}
	for _, e := range c.container.Env {
		if e.ValueFrom != nil {
			return append(fields, "env")
		}
	}
	return fields
}

// Apply returns the debug container with the specification merged over it as kubectl does it, by a strategic merge patch:
// lists of the API that have a key (env, volumeMounts) are merged by it, others replaced. The security context is
// left out: it is in the plan.
func (c *Custom) Apply(to corev1.EphemeralContainer) corev1.EphemeralContainer {
	partial := c.container
	partial.Name = to.Name
	merged, err := merge(corev1.Container(to.EphemeralContainerCommon), partial)
	if err != nil {
		panic(err) // ParseCustom has tried it, and typed objects always have their keys
	}
	to.EphemeralContainerCommon = corev1.EphemeralContainerCommon(merged)
	return to
}

// merge applies a partial object over a whole one by a strategic merge patch.
func merge[T any](whole, partial T) (merged T, err error) {
	original, err := json.Marshal(whole)
	if err != nil {
		return merged, err
	}
	patch, err := json.Marshal(partial)
	if err != nil {
		return merged, err
	}
	text, err := strategicpatch.StrategicMergePatch(original, patch, merged)
	if err != nil {
		return merged, err
	}
	err = json.Unmarshal(text, &merged)
	return merged, err
}
