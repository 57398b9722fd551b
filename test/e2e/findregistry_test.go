package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/mindebug/kubectl-mindebug/internal/access"
	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
)

// judged is what find says of a container's image.
type judged struct{ Kind, Certainty, Evidence string }

// byRegistry are images of which each is told by another source of a registry: an annotation, the history, the layers.
var byRegistry = map[string]judged{
	"static":    {"distroless", "likely", "annotation org.opencontainers.image.base.name: gcr.io/distroless/static-debian12:nonroot"},
	"slim":      {"shell", "likely", "a step of its history made its command bash"},
	"scratch-c": {"scratch", "certain", "no shell among its files, and no distribution"},
}

// verdicts are what was found, by pod.
func (r findReport) verdicts() map[string]judged {
	all := map[string]judged{}
	for _, item := range r.Items {
		all[item.Pod] = judged{item.Kind, item.Certainty, item.Evidence}
	}
	return all
}

// unseen are what could not be seen, without the Pod Security levels, which few may.
func (r findReport) unseen() (about []string) {
	for _, u := range r.Unseen {
		if u.About != "levels" {
			about = append(about, u.About+" "+strings.Join(u.Names, " "))
		}
	}
	return about
}

// fillPrivately starts a pod of each of these images, which the node pulls with the Secret "pull".
func fillPrivately(t *testing.T, s *shelf, ns string, names ...string) {
	t.Helper()
	store := imageStore(t)
	for _, name := range names {
		image, err := store.Image(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		newPod(t, kubetest.Pod(ns, name).Image(s.own(t, name, image, func(*v1.Config) {})).Restricted().With(withPullSecret))
	}
	s.asked()
}

// withCredentials is the environment of who has logged in to the registry, or of who has not where text is empty.
func withCredentials(t *testing.T, text []byte) []string {
	t.Helper()
	own := t.TempDir()
	if len(text) > 0 {
		if err := os.WriteFile(filepath.Join(own, "config.json"), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return []string{"DOCKER_CONFIG=" + own, "HOME=" + own}
}

// TestFindInAPrivateRegistry: what each source tells, by whose credentials, and that each image is asked about once.
func TestFindInAPrivateRegistry(t *testing.T) {
	t.Parallel()
	onPrivateShelves(t, func(t *testing.T, s *shelf, ns string) {
		fillPrivately(t, s, ns, "static", "slim", "scratch-c")
		own, nobody := withCredentials(t, s.dockerConfig()), withCredentials(t, nil)
		kim := newUser(t, ns, "kim", access.ListPods, access.GetPullSecret)
		for name, test := range map[string]struct {
			env, args []string
		}{
			"own credentials": {own, nil},
			"pull secrets":    {nobody, kim.as("--use-pull-secrets")},
		} {
			t.Run(name, func(t *testing.T) {
				by := finder{cache: t.TempDir(), env: test.env}
				args := append(slices.Clone(test.args), "-n", ns, "--kind=all", "--registry")
				first := by.find(t, 0, args...)
				if diff := cmp.Diff(byRegistry, first.verdicts()); diff != "" || len(first.unseen()) > 0 {
					t.Errorf("unseen %q, found (-want +got):\n%s", first.unseen(), diff)
				}
				wantBlobs(t, s.asked(), map[string]int{"static": 1, "slim": 1, "scratch-c": 2})
				if diff := cmp.Diff(first, by.find(t, 0, args...)); diff != "" {
					t.Errorf("the second time (-first +second):\n%s", diff)
				}
				if asked := s.asked(); len(asked) > 0 {
					t.Errorf("the second time the registry was asked for %q", asked)
				}
			})
		}
		findsNothing(t, s, ns)
	})
}

// wantBlobs holds how many blobs of each repository were read: its configuration and, only where that tells nothing, layers.
func wantBlobs(t *testing.T, asked []string, want map[string]int) {
	t.Helper()
	blobs := map[string]int{}
	for _, path := range asked {
		if repository, _, ok := strings.Cut(strings.TrimPrefix(path, "/v2/"), "/blobs/"); ok {
			blobs[repository]++
		}
	}
	if diff := cmp.Diff(want, blobs); diff != "" {
		t.Errorf("blobs that were read (-want +got):\n%s\n%q", diff, asked)
	}
}

// findsNothing: without the right to an image its kind is unknown, and it is said whose registry could not be read, and why.
func findsNothing(t *testing.T, s *shelf, ns string) {
	t.Helper()
	dana := newUser(t, ns, "dana", access.ListPods)
	for name, test := range map[string]struct {
		args      []string
		says, why string
	}{
		"no credentials":       {nil, "its registry does not let you read it: ", "registry " + s.host + ": unauthorized"},
		"no right to a secret": {dana.as("--use-pull-secrets"), `you may not get secrets in namespace "` + ns + `"`, "registry " + s.host + ": not asked"},
	} {
		t.Run(name, func(t *testing.T) {
			by := finder{cache: t.TempDir(), env: withCredentials(t, nil)}
			args := append(slices.Clone(test.args), "-n", ns, "--kind=all", "--registry")
			report, unknown := by.find(t, 0, args...), judged{Kind: "unknown", Evidence: test.why}
			want := map[string]judged{"static": unknown, "slim": unknown, "scratch-c": unknown}
			if diff := cmp.Diff(want, report.verdicts()) + cmp.Diff([]string{"images " + s.host}, report.unseen()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			r := by.run(t, append([]string{"find", "-o", "wide"}, args...)...)
			if r.status != 0 || strings.Count(r.stdout, test.why) != len(want) || !strings.Contains(r.stderr, test.says) ||
				!strings.Contains(r.stderr, "not seen: 3 images of registry "+s.host+": ") {
				t.Errorf("status %d, stdout:\n%s\nstderr:\n%s", r.status, r.stdout, r.stderr)
			}
		})
	}
}

// TestFindAfterInspect: what inspect saw is what find knows: of an image for certain, in a session as likely.
func TestFindAfterInspect(t *testing.T) {
	t.Parallel()
	s, ns := newShelf(t, "secret"), newNamespace(t, "restricted")
	s.secret(t, ns)
	fillPrivately(t, s, ns, "static", "scratch-c")
	by := finder{cache: t.TempDir(), env: withCredentials(t, s.dockerConfig())}
	for _, args := range [][]string{{"pod/static", "--from=image"}, {"pod/scratch-c"}} {
		if r := by.run(t, append([]string{"inspect", "-n", ns}, args...)...); r.status != 0 {
			t.Fatalf("inspect %q: status %d, stderr:\n%s", args, r.status, r.stderr)
		}
	}
	want := map[string]judged{
		"static":    {"distroless", "certain", "no shell among its files; packages in /var/lib/dpkg/status.d"},
		"scratch-c": {"scratch", "likely", "no shell in the usual places, and no distribution, as a session saw"},
	}
	s.asked()
	if diff := cmp.Diff(want, by.find(t, 0, "-n", ns, "--kind=all").verdicts()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if asked := s.asked(); len(asked) > 0 {
		t.Errorf("the registry was asked for %q", asked)
	}
}
