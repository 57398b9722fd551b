package resolve

import (
	"context"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
)

// Pods reads pods from the API server.
type Pods interface {
	Pod(ctx context.Context, namespace, name string) (*corev1.Pod, error)
	PodNames(ctx context.Context, namespace string) ([]string, error)
}

// nearNames is how many names an error offers.
const nearNames = 5

// Pod returns the pod of that name. Where there is none the error is a *fault.NoPod with names that are alike, as far as
// the user may list them.
func Pod(ctx context.Context, pods Pods, namespace, name string) (*corev1.Pod, error) {
	pod, err := pods.Pod(ctx, namespace, name)
	if !apierrors.IsNotFound(err) {
		return pod, err
	}
	notFound := &fault.NoPod{Pod: fault.Pod{Namespace: namespace, Name: name}, Server: err}
	if names, err := pods.PodNames(ctx, namespace); err == nil {
		notFound.Near = near(name, names)
	}
	return nil, notFound
}

// near returns the names that are most like want: those that contain it or are contained in it, then those within a
// few letters of it.
func near(want string, names []string) []string {
	type scored struct {
		name     string
		distance int
	}
	var found []scored
	for _, name := range names {
		distance := editDistance(want, name)
		if strings.Contains(name, want) || strings.Contains(want, name) {
			distance = 0
		}
		if distance <= max(2, len(want)/3) {
			found = append(found, scored{name, distance})
		}
	}
	slices.SortFunc(found, func(a, b scored) int {
		if a.distance != b.distance {
			return a.distance - b.distance
		}
		return strings.Compare(a.name, b.name)
	})
	var out []string
	for _, f := range found[:min(len(found), nearNames)] {
		out = append(out, f.name)
	}
	return out
}

// editDistance is Levenshtein's: how many letters to change, add or remove.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substitute := diagonal
			if a[i] != b[j] {
				substitute++
			}
			diagonal = row[j+1]
			row[j+1] = min(substitute, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
