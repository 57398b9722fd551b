package policy

import (
	"bytes"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

// YAML writes manifests as `kubectl apply -f -` reads them, the comment of each rule above it.
func YAML(manifests []Manifest) ([]byte, error) {
	var out bytes.Buffer
	for i, m := range manifests {
		if i > 0 {
			out.WriteString("---\n")
		}
		text, err := yaml.Marshal(m.Object)
		if err != nil {
			return nil, fmt.Errorf("writing manifest: %w", err)
		}
		comments := m.Comments
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, "- apiGroups:") && len(comments) > 0 {
				fmt.Fprintf(&out, "# %s\n", comments[0])
				comments = comments[1:]
			}
			if line != "status: {}\n" { // which is the server's to write
				out.WriteString(line)
			}
		}
	}
	return out.Bytes(), nil
}

// List returns the manifests as one object.
func List(manifests []Manifest) *metav1.List {
	list := &metav1.List{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "List"}}
	for _, m := range manifests {
		list.Items = append(list.Items, runtime.RawExtension{Object: m.Object})
	}
	return list
}
