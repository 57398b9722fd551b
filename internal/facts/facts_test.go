package facts_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/mindebug/kubectl-mindebug/internal/facts"
	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

func sourced[T any](origin target.Origin, value T) target.Sourced[T] {
	return target.Sourced[T]{Value: value, Origin: origin}
}

// pod is one of which the kubelet has told nothing yet.
func pod() *kubetest.PodBuilder { return kubetest.Pod("shop", "web") }

// podSecurity sets a field of the pod's own security context.
func podSecurity(set func(*corev1.PodSecurityContext)) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		if p.Spec.SecurityContext == nil {
			p.Spec.SecurityContext = &corev1.PodSecurityContext{}
		}
		set(p.Spec.SecurityContext)
	}
}

// security sets a field of the security context of the container "app".
func security(set func(*corev1.SecurityContext)) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		if p.Spec.Containers[0].SecurityContext == nil {
			p.Spec.Containers[0].SecurityContext = &corev1.SecurityContext{}
		}
		set(p.Spec.Containers[0].SecurityContext)
	}
}

func asPod(uid, gid int64) func(*corev1.Pod) {
	return podSecurity(func(psc *corev1.PodSecurityContext) { psc.RunAsUser, psc.RunAsGroup = &uid, &gid })
}

func annotate(key, value string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		if p.Annotations == nil {
			p.Annotations = map[string]string{}
		}
		p.Annotations[key] = value
	}
}

func appArmor(kind corev1.AppArmorProfileType, profile *string) corev1.AppArmorProfile {
	return corev1.AppArmorProfile{Type: kind, LocalhostProfile: profile}
}

func TestRead(t *testing.T) {
	t.Parallel()
	const annotation = "container.apparmor.security.beta.kubernetes.io/app"
	local, other := new("local.json"), new("other.json")
	tests := []struct {
		name      string
		pod       *kubetest.PodBuilder
		container string
		want      func(*target.Facts)
	}{
		{name: "nothing is told", pod: pod()},
		{
			name: "what the pod gives to every container",
			pod: pod().With(podSecurity(func(psc *corev1.PodSecurityContext) {
				psc.RunAsNonRoot, psc.SupplementalGroups, psc.FSGroup = new(true), []int64{5001, 5002}, new(int64(6001))
			})),
			want: func(f *target.Facts) { f.NonRootOnly, f.Groups = true, []int64{5001, 5002, 6001} },
		},
		{
			name: "identity of the status", pod: pod().Running(65532, 65533),
			want: func(f *target.Facts) {
				f.UID, f.GID = sourced(target.FromStatus, int64(65532)), sourced(target.FromStatus, int64(65533))
				f.ContainerID = "app0123456789abcdef"
			},
		},
		{
			name: "the container's before the pod's and the status'", pod: pod().RunAs(1, 2).With(asPod(3, 4)).Running(0, 0),
			want: func(f *target.Facts) {
				f.UID, f.GID = sourced(target.FromContainer, int64(1)), sourced(target.FromContainer, int64(2))
				f.ContainerID = "app0123456789abcdef"
			},
		},
		{
			name: "the pod's before the status'", pod: pod().With(asPod(3, 4)).Running(0, 0),
			want: func(f *target.Facts) {
				f.UID, f.GID = sourced(target.FromPod, int64(3)), sourced(target.FromPod, int64(4))
				f.ContainerID = "app0123456789abcdef"
			},
		},
		{
			name: "uid and gid from different places",
			pod: pod().With(security(func(sc *corev1.SecurityContext) { sc.RunAsUser = new(int64(1)) })).
				With(podSecurity(func(psc *corev1.PodSecurityContext) { psc.RunAsUser = new(int64(3)) })).Running(0, 9),
			want: func(f *target.Facts) {
				f.UID, f.GID = sourced(target.FromContainer, int64(1)), sourced(target.FromStatus, int64(9))
				f.ContainerID = "app0123456789abcdef"
			},
		},
		{
			name: "uid 0 is a value, not a gap", pod: pod().RunAs(0, 0).With(asPod(3, 4)),
			want: func(f *target.Facts) {
				f.UID, f.GID = sourced(target.FromContainer, int64(0)), sourced(target.FromContainer, int64(0))
			},
		},
		{
			name: "gid is never guessed from the uid",
			pod:  pod().With(security(func(sc *corev1.SecurityContext) { sc.RunAsUser = new(int64(1)) })),
			want: func(f *target.Facts) { f.UID = sourced(target.FromContainer, int64(1)) },
		},
		{
			name: "a status without the user",
			pod: pod().Running(1, 1).With(func(p *corev1.Pod) {
				p.Status.ContainerStatuses[0].User = nil
			}),
			want: func(f *target.Facts) { f.ContainerID = "app0123456789abcdef" },
		},
		{
			name: "a status with a user of another system",
			pod: pod().Running(1, 1).With(func(p *corev1.Pod) {
				p.Status.ContainerStatuses[0].User = &corev1.ContainerUser{}
				p.Status.ContainerStatuses[0].ContainerID = "cri-o://" + "beef"
			}),
			want: func(f *target.Facts) { f.ContainerID = "beef" },
		},
		{
			name: "no container yet", pod: pod().Waiting("app", "ContainerCreating", ""),
		},
		{
			name: "security context of the container",
			pod: pod().Capabilities([]corev1.Capability{"NET_ADMIN"}, []corev1.Capability{"ALL"}).
				With(security(func(sc *corev1.SecurityContext) {
					sc.Privileged, sc.AllowPrivilegeEscalation = new(true), new(true)
					sc.ProcMount = new(corev1.UnmaskedProcMount)
				})),
			want: func(f *target.Facts) {
				f.Capabilities = sourced(target.FromContainer, corev1.Capabilities{
					Add: []corev1.Capability{"NET_ADMIN"}, Drop: []corev1.Capability{"ALL"},
				})
				f.Privileged = true
				f.AllowPrivilegeEscalation = sourced(target.FromContainer, true)
				f.ProcMount = sourced(target.FromContainer, corev1.UnmaskedProcMount)
			},
		},
		{
			name: "sandbox of the container before the pod's",
			pod: pod().With(podSecurity(func(psc *corev1.PodSecurityContext) {
				psc.SeccompProfile = &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeUnconfined}
				psc.SELinuxOptions = &corev1.SELinuxOptions{Type: "spc_t", Level: "s0"}
				psc.AppArmorProfile = &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeUnconfined}
			})).With(security(func(sc *corev1.SecurityContext) {
				sc.SeccompProfile = &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeLocalhost, LocalhostProfile: local}
				sc.SELinuxOptions = &corev1.SELinuxOptions{Level: "s0:c1"}
				sc.AppArmorProfile = new(appArmor(corev1.AppArmorProfileTypeLocalhost, local))
			})).With(annotate(annotation, "localhost/other.json")),
			want: func(f *target.Facts) {
				f.Seccomp = sourced(target.FromContainer, corev1.SeccompProfile{Type: corev1.SeccompProfileTypeLocalhost, LocalhostProfile: local})
				f.SELinux = sourced(target.FromContainer, corev1.SELinuxOptions{Level: "s0:c1"})
				f.AppArmor = sourced(target.FromContainer, appArmor(corev1.AppArmorProfileTypeLocalhost, local))
			},
		},
		{
			name: "sandbox of the pod",
			pod: pod().With(podSecurity(func(psc *corev1.PodSecurityContext) {
				psc.SeccompProfile = &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}
				psc.SELinuxOptions = &corev1.SELinuxOptions{Type: "spc_t"}
				psc.AppArmorProfile = new(appArmor(corev1.AppArmorProfileTypeUnconfined, nil))
			})),
			want: func(f *target.Facts) {
				f.Seccomp = sourced(target.FromPod, corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault})
				f.SELinux = sourced(target.FromPod, corev1.SELinuxOptions{Type: "spc_t"})
				f.AppArmor = sourced(target.FromPod, appArmor(corev1.AppArmorProfileTypeUnconfined, nil))
			},
		},
		{
			name: "AppArmor by annotation before the pod's",
			pod: pod().With(annotate(annotation, "localhost/other.json")).With(podSecurity(func(psc *corev1.PodSecurityContext) {
				psc.AppArmorProfile = new(appArmor(corev1.AppArmorProfileTypeUnconfined, nil))
			})),
			want: func(f *target.Facts) {
				f.AppArmor = sourced(target.FromAnnotation, appArmor(corev1.AppArmorProfileTypeLocalhost, other))
			},
		},
		{
			name: "AppArmor by annotation, local", pod: pod().With(annotate(annotation, "localhost/other.json")),
			want: func(f *target.Facts) {
				f.AppArmor = sourced(target.FromAnnotation, appArmor(corev1.AppArmorProfileTypeLocalhost, other))
			},
		},
		{
			name: "AppArmor by annotation, the runtime's", pod: pod().With(annotate(annotation, "runtime/default")),
			want: func(f *target.Facts) {
				f.AppArmor = sourced(target.FromAnnotation, appArmor(corev1.AppArmorProfileTypeRuntimeDefault, nil))
			},
		},
		{
			name: "AppArmor by annotation, none", pod: pod().With(annotate(annotation, "unconfined")),
			want: func(f *target.Facts) {
				f.AppArmor = sourced(target.FromAnnotation, appArmor(corev1.AppArmorProfileTypeUnconfined, nil))
			},
		},
		{name: "AppArmor by an annotation that nobody knows", pod: pod().With(annotate(annotation, "what"))},
		{name: "AppArmor of another container", pod: pod().With(annotate(annotation+"2", "unconfined"))},
		{
			name: "a sidecar", container: "proxy", pod: pod().Sidecar("proxy").RunAs(7, 8).Running(1, 1),
			want: func(f *target.Facts) {
				f.UID, f.GID = sourced(target.FromContainer, int64(7)), sourced(target.FromContainer, int64(8))
				f.ContainerID = "proxy0123456789abcdef"
			},
		},
		{
			name: "an init container", container: "migrate", pod: pod().InitContainer("migrate").Up("migrate", 5, 6),
			want: func(f *target.Facts) {
				f.UID, f.GID = sourced(target.FromStatus, int64(5)), sourced(target.FromStatus, int64(6))
				f.ContainerID = "migrate0123456789abcdef"
			},
		},
		{
			name: "limits",
			pod: pod().Guaranteed("1", "64Mi").With(func(p *corev1.Pod) {
				p.Spec.Containers[0].Resources.Limits[corev1.ResourceEphemeralStorage] = resource.MustParse("1G")
			}),
			want: func(f *target.Facts) { f.MemoryLimit, f.EphemeralStorageLimit = 64<<20, 1e9 },
		},
		{
			name: "namespaces of the pod and the node",
			pod:  pod().ShareProcessNamespace().With(func(p *corev1.Pod) { p.Spec.HostPID = true }),
			want: func(f *target.Facts) { f.SharedProcessNamespace, f.HostProcessNamespace = true, true },
		},
		{
			name: "Windows by its field",
			pod:  pod().With(func(p *corev1.Pod) { p.Spec.OS = &corev1.PodOS{Name: corev1.Windows} }),
			want: func(f *target.Facts) { f.Windows = true },
		},
		{
			name: "Windows by its node selector",
			pod:  pod().With(func(p *corev1.Pod) { p.Spec.NodeSelector = map[string]string{"kubernetes.io/os": "windows"} }),
			want: func(f *target.Facts) { f.Windows = true },
		},
		{
			name: "Linux by its field",
			pod:  pod().With(func(p *corev1.Pod) { p.Spec.OS = &corev1.PodOS{Name: corev1.Linux} }),
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if test.container == "" {
				test.container = "app"
			}
			p := test.pod.Build()
			before := p.DeepCopy()
			want := target.Facts{Namespace: "shop", Pod: "web", PodUID: p.UID, Container: test.container}
			if test.want != nil {
				test.want(&want)
			}
			got := facts.Read(p, test.container)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("facts (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before, p); diff != "" {
				t.Errorf("the pod was changed (-before +after):\n%s", diff)
			}
		})
	}
}

// TestReadIsAValue: facts stay what they are when the pod that they were read from changes.
func TestReadIsAValue(t *testing.T) {
	t.Parallel()
	p := pod().RunAs(1, 2).Capabilities([]corev1.Capability{"CHOWN"}, nil).With(security(func(sc *corev1.SecurityContext) {
		sc.SeccompProfile = &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeLocalhost, LocalhostProfile: new("a.json")}
		sc.AppArmorProfile = new(appArmor(corev1.AppArmorProfileTypeLocalhost, new("a")))
		sc.SELinuxOptions = &corev1.SELinuxOptions{Type: "t"}
	})).Build()
	got, want := facts.Read(p, "app"), facts.Read(p.DeepCopy(), "app")
	sc := p.Spec.Containers[0].SecurityContext
	*sc.RunAsUser, sc.Capabilities.Add[0], sc.SELinuxOptions.Type = 0, "ALL", "spc_t"
	*sc.SeccompProfile.LocalhostProfile, *sc.AppArmorProfile.LocalhostProfile = "b.json", "b"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("facts changed with their pod (-want +got):\n%s", diff)
	}
}
