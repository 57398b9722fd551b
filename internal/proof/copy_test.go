package proof

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"

	"github.com/mindebug/kubectl-mindebug/internal/facts"
	"github.com/mindebug/kubectl-mindebug/internal/podcopy"
	"github.com/mindebug/kubectl-mindebug/internal/session"
	"github.com/mindebug/kubectl-mindebug/pkg/profiles"
	"github.com/mindebug/kubectl-mindebug/pkg/profiles/exceed"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// copied are how many pods a shard copies: each copy is judged with more containers than a session.
const copied = 1600

// TestCopy copies generated pods as --copy-to does, and judges each copy.
func TestCopy(t *testing.T) {
	t.Parallel()
	seed := seed(t)
	for shard := range uint64(shards) {
		t.Run(strconv.FormatUint(shard, 10), func(t *testing.T) {
			t.Parallel()
			j, err := newJudge()
			if err != nil {
				t.Fatal(err)
			}
			g := newGenerator(seed, shard)
			for n := range copied {
				s := g.next()
				if complaint := j.copy(s, podcopy.Security); complaint != "" {
					t.Fatalf("seed %d, shard %d, pod %d: %s: %s", seed, shard, n, s.target.Name, complaint)
				}
			}
		})
	}
}

// copy says what is wrong with the copy of a sample, or "".
func (j *judge) copy(s sample, secure func(target.Facts) (corev1.SecurityContext, error)) string {
	f := facts.Read(s.pod, s.target.Name)
	sc, err := secure(f)
	if refused := errors.As(err, new(*profiles.WindowsError)); refused || err != nil {
		if refused != f.Windows {
			return fmt.Sprintf("a Windows pod: %t; error: %v", f.Windows, err)
		}
		return ""
	}
	c, err := podcopy.Make(s.pod, podcopy.Request{
		Name: "copy", Container: s.target.Name, Image: "debug.test/debug", Security: sc, TTL: time.Hour, WithClaims: true,
		Scripts: session.Scripts(), Holder: func(shell, prelude string) []string { return session.Holder(shell, prelude, 0) },
	})
	if err != nil {
		return err.Error()
	}
	if complaint := j.levels(s.pod, c.Pod); complaint != "" {
		return complaint
	}
	psc, held := contexts(s.pod, s.target.SecurityContext)
	was := exceed.Of(s.pod, s.target.Name, held, s.uid, s.gid)
	if is := exceed.Of(c.Pod, s.target.Name, held, s.uid, s.gid); !reflect.DeepEqual(was, is) {
		return fmt.Sprintf("the held container was %+v and is %+v", was, is)
	}
	who := resolve(psc, &sc, debugImage)
	more := exceed.Exceeds(was, exceed.Of(c.Pod, c.Installer, &sc, who.uid, who.gid))
	more = slices.DeleteFunc(more, func(d exceed.Difference) bool {
		return !f.UID.Known() && d.Field == "runAsUser" && d.Debugger == nobody || !f.GID.Known() && d.Field == "runAsGroup" && strings.HasPrefix(d.Debugger, nobody)
	})
	if len(more) > 0 {
		return fmt.Sprintf("the installer has more: %v", more)
	}
	return refusal(psc, &sc)
}

// nobody is whom the installer runs as where the pod does not tell.
const nobody = "65534"

// levels: at no version is the copy's level less strict than its pod's, and it is the same but for what the copy leaves out:
// ephemeral containers, ports of the node, probes and hooks.
func (j *judge) levels(pod, made *corev1.Pod) string {
	plain := pod.DeepCopy()
	plain.Spec.EphemeralContainers = nil
	for _, list := range [][]corev1.Container{plain.Spec.InitContainers, plain.Spec.Containers} {
		for i := range list {
			list[i].Ports, list[i].Lifecycle = nil, nil
			list[i].LivenessProbe, list[i].ReadinessProbe, list[i].StartupProbe = nil, nil, nil
		}
	}
	was, same, is := slices.Clone(j.level(j.check(pod))), slices.Clone(j.level(j.check(plain))), j.level(j.check(made))
	for i, version := range j.versions {
		if strictness[is[i]] < strictness[was[i]] || strictness[is[i]] != strictness[same[i]] {
			return fmt.Sprintf("%s (%s without what a copy lacks) becomes %s in version %s", was[i], same[i], is[i], version.String())
		}
	}
	return ""
}

// strictness orders the levels.
var strictness = map[api.Level]int{api.LevelPrivileged: 0, api.LevelBaseline: 1, api.LevelRestricted: 2}

// TestCopyMutants: an installer with a fault in its privileges is noticed.
func TestCopyMutants(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*corev1.SecurityContext){
		"no capability is dropped":    func(sc *corev1.SecurityContext) { sc.Capabilities = nil },
		"privileges can be gained":    func(sc *corev1.SecurityContext) { sc.AllowPrivilegeEscalation = nil },
		"runs as root":                func(sc *corev1.SecurityContext) { sc.RunAsUser = new(int64(0)) },
		"is in root's group":          func(sc *corev1.SecurityContext) { sc.RunAsGroup = new(int64(0)) },
		"is not seen not to be root":  func(sc *corev1.SecurityContext) { sc.RunAsNonRoot = nil },
		"is not confined by seccomp":  func(sc *corev1.SecurityContext) { sc.SeccompProfile = nil },
		"is not confined by AppArmor": func(sc *corev1.SecurityContext) { sc.AppArmorProfile = nil },
		"runs with another SELinux":   func(sc *corev1.SecurityContext) { sc.SELinuxOptions = &corev1.SELinuxOptions{Type: "spc_t"} },
		"can write its root":          func(sc *corev1.SecurityContext) { sc.ReadOnlyRootFilesystem = nil },
		"is privileged":               func(sc *corev1.SecurityContext) { sc.Privileged, sc.AllowPrivilegeEscalation = new(true), nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j, err := newJudge()
			if err != nil {
				t.Fatal(err)
			}
			g := newGenerator(seed(t), 0)
			for range copied {
				if j.copy(g.next(), func(f target.Facts) (corev1.SecurityContext, error) {
					sc, err := podcopy.Security(f)
					change(&sc)
					return sc, err
				}) != "" {
					return
				}
			}
			t.Error("nothing was noticed")
		})
	}
}
