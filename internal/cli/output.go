package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/spf13/pflag"
	"sigs.k8s.io/yaml"
)

// apiVersion is that of everything that --output prints for programs. It changes with any change that could break one.
const apiVersion = "mindebug/v1alpha1"

// The forms of --output.
const (
	formatJSON = "json"
	formatYAML = "yaml"
	formatName = "name"
	formatWide = "wide"
)

// format is a value of --output: one of those that a verb has.
type format struct {
	value   *string
	allowed []string
}

// addOutput adds --output with the forms that the verb has.
func addOutput(flags *pflag.FlagSet, value *string, allowed ...string) {
	flags.VarP(&format{value, allowed}, "output", "o", strings.Join(allowed, ", "))
}

// String implements pflag.Value.
func (f *format) String() string {
	if f.value == nil {
		return ""
	}
	return *f.value
}

// Type implements pflag.Value: the word for the value in help.
func (f *format) Type() string { return "string" }

// Set implements pflag.Value.
func (f *format) Set(text string) error {
	if !slices.Contains(f.allowed, text) {
		return fmt.Errorf("it is none of %s", strings.Join(f.allowed, ", "))
	}
	*f.value = text
	return nil
}

// write writes a result.
func write(out io.Writer, text []byte) error {
	if _, err := out.Write(text); err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	return nil
}

// writeJSON writes a value as indented JSON.
func writeJSON(out io.Writer, value any) error {
	text, err := marshal(value, "    ")
	if err != nil {
		return err
	}
	return write(out, text)
}

// writeYAML writes a value as YAML, by its JSON names.
func writeYAML(out io.Writer, value any) error {
	text, err := yaml.Marshal(value)
	if err != nil {
		return fmt.Errorf("writing YAML: %w", err)
	}
	return write(out, text)
}

// marshal returns a value as JSON with a line's end. What could command a terminal is escaped, as JSON has it: the value
// stays what it is.
func marshal(value any, indent string) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", indent)
	if err := encoder.Encode(value); err != nil {
		return nil, fmt.Errorf("writing JSON: %w", err)
	}
	var out []byte
	for _, r := range text.String() {
		switch {
		case r == '\n' || unicode.IsPrint(r):
			out = utf8.AppendRune(out, r)
		default:
			for _, half := range utf16.Encode([]rune{r}) {
				out = fmt.Appendf(out, "\\u%04x", half)
			}
		}
	}
	return out, nil
}
