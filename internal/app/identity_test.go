package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/creack/pty"
	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
	"github.com/mindebug/kubectl-mindebug/internal/registry"
	"github.com/mindebug/kubectl-mindebug/pkg/attach"
	"github.com/mindebug/kubectl-mindebug/pkg/profiles"
)

// shelf is the registries as they answer: the USER of each image that it may be, by its platform, in turns.
type shelf struct {
	users []string
	asked []registry.Request
}

var errNoImage = &fault.Registry{Image: "mindebug.test/http:nonroot", Reason: fault.RegistryUnreachable, Cause: errors.New("no such host")}

// asking is what is said before a registry is asked.
const asking = "asking the registry of image mindebug.test/http:nonroot which user it runs as\n"

func (s *shelf) Open(ctx context.Context, r registry.Request) ([]registry.Image, func(), error) {
	s.asked = append(s.asked, r)
	if len(s.users) == 0 {
		return nil, nil, errNoImage
	}
	if len(s.users) > 2 && r.Architecture(ctx) == "arm64" {
		return []registry.Image{shelved(s.users[2], s.users[3])}, func() {}, nil
	}
	var images []registry.Image
	for n := 0; n < len(s.users); n += 2 {
		images = append(images, shelved(s.users[n], s.users[n+1]))
	}
	return images, func() {}, nil
}

func shelved(platform, user string) registry.Image {
	i, err := mutate.Config(empty.Image, v1.Config{User: user})
	if err != nil {
		panic(err) // an image in memory
	}
	image := registry.NewImage(i)
	image.Platform = platform
	return image
}

// untold is a pod whose status names no user, as before Kubernetes 1.31.
func untold() *kubetest.PodBuilder {
	return nonRoot().With(func(p *corev1.Pod) {
		p.Status.ContainerStatuses[0].User = nil
		p.Status.ContainerStatuses[0].ImageID = "mindebug.test/http@sha256:0123"
	})
}

// readable has an image that tells, and the target runs as that says: as 65532:0.
func readable(b *kubetest.PodBuilder, users ...string) *world {
	return &world{
		pod: b.Build(), registries: shelf{users: users},
		greeting: strings.Replace(seenAs("65532 65532 65532 65532", "0 0 0 0"), "closed", "open", 1),
	}
}

// seenAs is the greeting of a session whose target runs as that.
func seenAs(uids, gids string) string {
	return "mindebug 1\npid 1\nUid: " + uids + "\nGid: " + gids + "\nCapPrm: 0\nenviron closed\nhidden yes\noom 1000\nmemory 0\ngo\n"
}

func TestIdentify(t *testing.T) {
	t.Parallel()
	added := []string{"get", "dry run", "may I create pods/exec", "patch"}
	learned := append(slices.Clone(added), added[1:]...)
	const left = "prod-eu shop/web app uid 65532 (mirror)\n" +
		"left prod-eu shop/web app: container NEW ends after 30m without use; until then the same command enters it again\n"
	const learning = "adding container NEW as 65534:65534 without privileges, to read from the process whom it runs as; it ends by itself, and stays in the pod's list for good\n"
	process := "uid 65532: the process itself (--learn-user); gid 65532: the process itself (--learn-user)\n"
	tests := []struct {
		name    string
		world   *world
		setup   func(*testing.T, *world)
		request func(*SessionRequest)
		want    result
		calls   []string
		// as are the users of the containers that were added.
		as [][2]int64
	}{
		{
			name: "by the image", world: readable(untold(), "", "65532:65532"),
			calls: added, as: [][2]int64{{65532, 0}},
			want: result{stderr: asking + "uid 65532: image config (USER 65532:65532); gid 0: runtime default, uid not in image /etc/passwd\n" + left},
		},
		{
			name: "the gid alone, by the image", world: readable(untold().With(func(p *corev1.Pod) {
				p.Spec.SecurityContext = &corev1.PodSecurityContext{RunAsUser: new(int64(65532))}
			}), "", "7"),
			calls: added, as: [][2]int64{{65532, 0}},
			want: result{stderr: asking + "uid 65532: pod securityContext; gid 0: runtime default, uid not in image /etc/passwd\n" + left},
		},
		{
			name: "the user names it: nobody is asked", world: &world{pod: untold().Build()}, calls: added, as: [][2]int64{{65532, 65532}},
			request: func(r *SessionRequest) { r.Profile.RunAs = &profiles.RunAs{UID: 65532, GID: new(int64(65532))} }, want: result{stderr: left},
		},
		{
			name: "several platforms that agree", world: readable(untold(), "linux/amd64", "65532", "linux/arm64", "65532:1"),
			calls: append([]string{"get node node"}, added...), as: [][2]int64{{65532, 0}},
			want: result{stderr: asking + "uid 65532: image config (USER 65532); gid 0: runtime default, uid not in image /etc/passwd\n" + left},
		},
		{
			name: "several platforms, the node's is known", world: readable(untold(), "linux/amd64", "7", "linux/arm64", "65532"),
			setup: func(_ *testing.T, w *world) { w.architecture = "arm64" },
			calls: append([]string{"get node node"}, added...), as: [][2]int64{{65532, 0}},
			want: result{stderr: asking + "uid 65532: image config (USER 65532); gid 0: runtime default, uid not in image /etc/passwd\n" + left},
		},
		{
			name: "several platforms, the pod asks for one", world: readable(untold().With(func(p *corev1.Pod) {
				p.Spec.NodeSelector = map[string]string{"kubernetes.io/arch": "arm64"}
			}), "linux/amd64", "7", "linux/arm64", "65532"),
			calls: added, as: [][2]int64{{65532, 0}},
			want: result{stderr: asking + "uid 65532: image config (USER 65532); gid 0: runtime default, uid not in image /etc/passwd\n" + left},
		},
		{
			name: "several platforms that do not agree", world: readable(untold(), "linux/amd64", "7", "linux/arm64", "65532"),
			calls: []string{"get", "get node node"},
			want: result{stderr: asking, err: &fault.NoIdentity{Pod: web, Container: "app", Missing: "uid and gid", Image: errors.New(
				"image mindebug.test/http:nonroot: it runs as 7:0 on linux/amd64 and as 65532:0 on linux/arm64, and nothing tells which the node is")}},
		},
		{
			name: "an image that names a user that it has not", world: readable(untold(), "", "ghost"), calls: []string{"get"},
			want: result{stderr: asking, err: &fault.NoIdentity{Pod: web, Container: "app", Missing: "uid and gid", Image: errors.New(
				`image mindebug.test/http:nonroot: its USER "ghost" is not in its /etc/passwd`)}},
		},
		{
			name: "by the process, allowed by flag", world: &world{pod: untold().Build()}, request: func(r *SessionRequest) { r.LearnUser = true },
			calls: learned, as: [][2]int64{{65534, 65534}, {65532, 65532}}, want: result{stderr: asking + learning + process + left},
		},
		{
			name: "the image comes first, whatever is allowed", world: readable(untold(), "", "65532"),
			request: func(r *SessionRequest) { r.LearnUser = true }, calls: added, as: [][2]int64{{65532, 0}},
			want: result{stderr: asking + "uid 65532: image config (USER 65532); gid 0: runtime default, uid not in image /etc/passwd\n" + left},
		},
		{
			name: "a session container that runs is asked, and used", world: &world{pod: untold().Build()}, calls: []string{"get"},
			setup: func(t *testing.T, w *world) {
				c := theirs(t, nonRoot().Build(), "mindebug-theirs")
				w.pod = untold().Ephemeral(c).Up("mindebug-theirs", 65532, 65532).Build()
			},
			want: result{stderr: asking + "uid 65532: the process itself; gid 65532: the process itself\n" +
				strings.ReplaceAll(left, "NEW", "mindebug-theirs")},
		},
		{
			name: "what is not ours is not asked", world: &world{pod: untold().Build()}, calls: []string{"get"},
			setup: func(t *testing.T, w *world) {
				c := theirs(t, nonRoot().Build(), "mindebug-theirs")
				c.Env = append(c.Env, corev1.EnvVar{Name: "PATH", Value: "/planted"})
				w.pod = untold().Ephemeral(c).Up("mindebug-theirs", 65532, 65532).Build()
			},
			want: result{stderr: asking, err: &fault.NoIdentity{Pod: web, Container: "app", Missing: "uid and gid", Image: errNoImage}},
		},
		{
			name: "one that ended is not asked", world: &world{pod: untold().Build()}, calls: []string{"get"},
			setup: func(t *testing.T, w *world) {
				c := theirs(t, nonRoot().Build(), "mindebug-theirs")
				w.pod = untold().Ephemeral(c).Terminated("mindebug-theirs", "Completed", 0).Build()
			},
			want: result{stderr: asking, err: &fault.NoIdentity{Pod: web, Container: "app", Missing: "uid and gid", Image: errNoImage}},
		},
		{
			name: "a process of several uids", world: &world{pod: untold().Build(), greeting: seenAs("1000 0 0 0", "5 5 5 5")},
			request: func(r *SessionRequest) { r.LearnUser = true }, calls: added, as: [][2]int64{{65534, 65534}},
			want: result{stderr: asking + learning, err: &fault.NoIdentity{
				Pod: web, Container: "app", Missing: "uid and gid", Image: errNoImage, Added: "NEW",
				Process: errors.New("its process runs with several: uids [1000 0 0 0], gids [5 5 5 5] (real, effective, saved, file system)"),
			}},
		},
		{
			name: "exec is forbidden: nothing is added to learn", world: &world{pod: untold().Build(), mayNot: []string{"create pods/exec", "create pods/attach"}}, calls: append(slices.Clone(added[:3]), "may I create pods/attach"),
			request: func(r *SessionRequest) { r.LearnUser = true },
			want:    result{stderr: asking, err: &fault.Forbidden{Namespace: "shop", Call: "create pods/exec", User: "dana"}},
		},
		{
			name: "pull secrets, one of them gone", calls: append([]string{"get secret one", "get secret two"}, added...), as: [][2]int64{{65532, 0}},
			world: readable(untold().With(pullsWith("one", "two")), "", "65532"),
			setup: func(_ *testing.T, w *world) {
				w.secrets = map[string]*corev1.Secret{"two": {ObjectMeta: metav1.ObjectMeta{Name: "two"}}}
			},
			request: func(r *SessionRequest) { r.UsePullSecrets = true },
			want:    result{stderr: asking + "uid 65532: image config (USER 65532); gid 0: runtime default, uid not in image /etc/passwd\n" + left},
		},
		{
			name: "pull secrets that may not be read", calls: []string{"get", "get secret one"},
			world:   &world{pod: untold().With(pullsWith("one")).Build(), secretErr: forbidden},
			request: func(r *SessionRequest) { r.UsePullSecrets, r.LearnUser = true, true },
			want:    result{err: &fault.Forbidden{Namespace: "shop", Call: "get secrets", User: "dana", Server: forbidden}},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w, r := test.world, aRequest()
				if test.setup != nil {
					test.setup(t, w)
				}
				if test.request != nil {
					test.request(&r)
				}
				got := open(t.Context(), w, r, strings.NewReader(""))
				got.stderr = newNames(got.stderr, w)
				var silent *fault.NoIdentity
				if errors.As(got.err, &silent) && silent.Added != "" {
					silent.Added = "NEW"
				}
				if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(result{}), byText, everyField); diff != "" {
					t.Errorf("session (-want +got):\n%s", diff)
				}
				slices.Sort(w.calls)
				if diff := cmp.Diff(slices.Sorted(slices.Values(test.calls)), w.calls); diff != "" {
					t.Errorf("calls (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(test.as, w.addedAs()); diff != "" {
					t.Errorf("users of what was added (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// byText compares the reasons of a *fault.NoIdentity, of which only the text is looked at.
var byText = cmp.FilterPath(
	func(p cmp.Path) bool { return p.Last().String() == ".Image" || p.Last().String() == ".Process" },
	cmp.Comparer(func(a, b error) bool { return fmt.Sprint(a) == fmt.Sprint(b) }),
)

func pullsWith(names ...string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		for _, name := range names {
			p.Spec.ImagePullSecrets = append(p.Spec.ImagePullSecrets, corev1.LocalObjectReference{Name: name})
		}
	}
}

// newNames puts NEW for the names of the containers that were added.
func newNames(text string, w *world) string {
	for _, c := range w.pod.Spec.EphemeralContainers {
		if c.Name != "mindebug-theirs" {
			text = strings.ReplaceAll(text, c.Name, "NEW")
		}
	}
	return text
}

// addedAs are the users of the containers that were added.
func (w *world) addedAs() (as [][2]int64) {
	for _, c := range w.pod.Spec.EphemeralContainers {
		if c.Name != "mindebug-theirs" {
			as = append(as, [2]int64{*c.SecurityContext.RunAsUser, *c.SecurityContext.RunAsGroup})
		}
	}
	return as
}

// TestLearner: what is added to learn has nothing, and is confined as its target is.
func TestLearner(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{pod: untold().Restricted().With(func(p *corev1.Pod) {
			sc := p.Spec.Containers[0].SecurityContext
			sc.ProcMount, sc.Privileged = new(corev1.UnmaskedProcMount), new(true)
			sc.SELinuxOptions = &corev1.SELinuxOptions{Level: "s0:c1"}
		}).Build(), greeting: seenAs("0 0 0 0", "0 0 0 0")}
		r := aRequest()
		r.LearnUser, r.TTL = true, 0
		if got := open(t.Context(), w, r, strings.NewReader("")); got.err != nil {
			t.Fatal(got.err)
		}
		want := &corev1.SecurityContext{
			RunAsUser: new(int64(65534)), RunAsGroup: new(int64(65534)), RunAsNonRoot: new(true),
			Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			AllowPrivilegeEscalation: new(false), ReadOnlyRootFilesystem: new(true),
			SeccompProfile:  &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			SELinuxOptions:  &corev1.SELinuxOptions{Level: "s0:c1"},
			AppArmorProfile: &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeUnconfined}, // as what is privileged
		}
		learner := w.pod.Spec.EphemeralContainers[0]
		if diff := cmp.Diff(want, learner.SecurityContext); diff != "" {
			t.Errorf("security context (-want +got):\n%s", diff)
		}
		if ttl := learner.Command[4]; ttl != "0" {
			t.Errorf("time to live %s; want 0", ttl)
		}
	})
}

// TestConsent: on a terminal one is asked, and told what for.
func TestConsent(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		answer string
		adds   int
	}{{"y\n", 2}, {"n\n", 0}, {"\n", 0}} {
		t.Run(strings.TrimSpace(test.answer), func(t *testing.T) {
			t.Parallel()
			keyboard, terminal, err := pty.Open()
			if err != nil {
				t.Fatal(err)
			}
			defer keyboard.Close()
			defer terminal.Close()
			if _, err := keyboard.WriteString(test.answer); err != nil {
				t.Fatal(err)
			}
			w := &world{pod: untold().Build(), run: func(context.Context, attach.Streams, <-chan string) (int, error) { return 0, nil }}
			r := aRequest()
			r.Stdin, r.Command = false, []string{"ls"}
			_, err = Session(t.Context(), w, w, &w.registries, Streams{In: terminal, Out: io.Discard, Err: terminal}, r)
			var silent *fault.NoIdentity
			if errors.As(err, &silent) != (test.adds == 0) || test.adds != 0 && err != nil {
				t.Errorf("error %v", err)
			}
			if got := len(w.pod.Spec.EphemeralContainers); got != test.adds {
				t.Errorf("%d containers were added; want %d", got, test.adds)
			}
			terminal.Close()
			shown, _ := io.ReadAll(keyboard) // its end is EIO, since the other side is closed
			for _, words := range []string{"no such host", "whom container app of pod/web runs as", "stays in the pod's list for good", "[y/N]"} {
				if !strings.Contains(string(shown), words) {
					t.Errorf("%q is not among what was shown: %q", words, shown)
				}
			}
		})
	}
}
