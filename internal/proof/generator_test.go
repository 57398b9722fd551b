package proof

import (
	"math/rand/v2"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// sample is a pod with a container to debug, and what the cluster does not tell but its node knows.
type sample struct {
	pod *corev1.Pod
	// target is the container to debug.
	target *corev1.Container
	// kind says what it is: "regular", "init" or "sidecar".
	kind string
	// status says what its status names: "none", "honest" or "hostile".
	status string
	// identity is what its first process runs as.
	identity
}

// identity is a uid and a gid.
type identity struct{ uid, gid int64 }

// The styles that a pod can have: what Pod Security would call restricted, baseline, and whatever people write.
const (
	restricted = iota
	baseline
	wild
)

// generator makes pods that an API server takes and a kubelet starts.
type generator struct {
	*rand.Rand
	style int
	// userns is set where the pod has a user namespace of its own.
	userns bool
}

// next makes a pod. Few are Windows'.
func (g *generator) next() sample {
	g.style = g.of(restricted, restricted, restricted, baseline, baseline, baseline, wild, wild, wild, wild)
	g.userns = g.one(8)
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "1234"}}
	g.podSpec(&pod.Spec)
	psc := pod.Spec.SecurityContext
	pod.Spec.Containers = []corev1.Container{g.container("app", psc)}
	if g.one(5) {
		pod.Spec.Containers = append(pod.Spec.Containers, g.container("metrics", psc))
	}
	if g.one(3) {
		pod.Spec.InitContainers = []corev1.Container{g.container("init", psc)}
		if g.one(2) {
			pod.Spec.InitContainers[0].RestartPolicy = new(corev1.ContainerRestartPolicyAlways)
		}
	}
	if g.one(10) {
		earlier := g.container("earlier", psc)
		pod.Spec.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{
			Name: earlier.Name, SecurityContext: earlier.SecurityContext,
		}}}
	}
	s := sample{pod: pod, kind: "regular"}
	s.target = &pod.Spec.Containers[g.IntN(len(pod.Spec.Containers))]
	if init := pod.Spec.InitContainers; len(init) > 0 && g.one(2) {
		s.target, s.kind = &init[0], "init"
		if init[0].RestartPolicy != nil {
			s.kind = "sidecar"
		}
	}
	g.annotate(pod, s.target.Name)
	g.run(&s)
	return s
}

// podSpec fills in what is the pod's alone, and its security context.
func (g *generator) podSpec(spec *corev1.PodSpec) {
	if g.userns {
		spec.HostUsers = new(false)
	}
	switch n := g.IntN(40); {
	case n == 0:
		spec.OS = &corev1.PodOS{Name: corev1.Windows}
	case n == 1:
		spec.NodeSelector = map[string]string{corev1.LabelOSStable: "windows"}
	case n < 10:
		spec.OS = &corev1.PodOS{Name: corev1.Linux}
	}
	if g.one(5) {
		spec.ShareProcessNamespace = new(g.one(2))
	}
	if g.style == wild {
		spec.HostPID = g.one(6) && spec.ShareProcessNamespace == nil
		spec.HostIPC, spec.HostNetwork = g.one(8), g.one(8)
	}
	if g.one(2) {
		spec.Volumes = []corev1.Volume{{Name: "v", VolumeSource: g.volume()}}
	}
	if g.one(20) {
		return // no security context at all; the containers then have what their style asks for
	}
	psc := &corev1.PodSecurityContext{
		RunAsUser: maybe(g, 2, g.uid), RunAsGroup: maybe(g, 2, g.gid), RunAsNonRoot: maybe(g, 2, g.nonRoot),
		SeccompProfile: maybe(g, 2, g.seccomp), SELinuxOptions: maybe(g, 2, g.seLinux), AppArmorProfile: maybe(g, 2, g.appArmor),
		WindowsOptions: maybe(g, 2, g.windows),
		FSGroup:        maybe(g, 3, g.gid),
	}
	if g.one(3) {
		psc.SupplementalGroups = []int64{g.gid(), g.gid()}
	}
	if g.one(3) {
		psc.SupplementalGroupsPolicy = new(g.pickPolicy())
	}
	if g.one(4) {
		psc.Sysctls = []corev1.Sysctl{{Name: "kernel.shm_rmid_forced", Value: "1"}}
		if g.style == wild {
			psc.Sysctls[0].Name = "kernel.msgmax"
		}
	}
	spec.SecurityContext = psc
}

// container makes a container of the style, in a pod of that security context.
func (g *generator) container(name string, psc *corev1.PodSecurityContext) corev1.Container {
	c := corev1.Container{Name: name, Image: "shop.test/" + name}
	if g.style == wild {
		g.hosts(&c)
	}
	if g.style != restricted && g.one(20) {
		return c // no security context at all
	}
	if psc == nil {
		psc = &corev1.PodSecurityContext{}
	}
	sc := &corev1.SecurityContext{
		RunAsUser: maybe(g, 2, g.uid), RunAsGroup: maybe(g, 2, g.gid), RunAsNonRoot: maybe(g, 2, g.nonRoot),
		SeccompProfile: maybe(g, 2, g.seccomp), SELinuxOptions: maybe(g, 2, g.seLinux), AppArmorProfile: maybe(g, 2, g.appArmor),
		WindowsOptions:         maybe(g, 2, g.windows),
		Capabilities:           maybe(g, 3, g.capabilities),
		ReadOnlyRootFilesystem: maybe(g, 2, g.coin), AllowPrivilegeEscalation: maybe(g, 2, g.coin),
	}
	switch g.style {
	case restricted:
		sc.AllowPrivilegeEscalation = new(false)
		if sc.Capabilities == nil {
			sc.Capabilities = new(g.capabilities())
		}
		if psc.RunAsNonRoot == nil {
			sc.RunAsNonRoot = new(true)
		}
		if psc.SeccompProfile == nil && sc.SeccompProfile == nil {
			sc.SeccompProfile = new(g.seccomp())
		}
	case wild:
		sc.Privileged = maybe(g, 2, g.coin)
		if g.userns && g.one(2) {
			sc.ProcMount = new(corev1.UnmaskedProcMount) // the API takes it in a user namespace only
		}
	}
	if g.style != wild {
		sc.Privileged = maybe(g, 4, no)
	}
	if sc.ProcMount == nil {
		sc.ProcMount = maybe(g, 4, func() corev1.ProcMountType { return corev1.DefaultProcMount })
	}
	if grantsEscalation(sc) && sc.AllowPrivilegeEscalation != nil {
		sc.AllowPrivilegeEscalation = new(true)
	}
	c.SecurityContext = sc
	return c
}

// hosts sets what reaches for the node's network.
func (g *generator) hosts(c *corev1.Container) {
	if g.one(6) {
		c.Ports = []corev1.ContainerPort{{ContainerPort: 80, HostPort: 8080}}
	}
	if g.one(6) {
		c.LivenessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{
			TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(80), Host: "127.0.0.1"},
		}}
	}
	if g.one(10) {
		c.Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{HTTPGet: &corev1.HTTPGetAction{Host: "10.0.0.1"}}}
	}
}

// annotate sets the forms that came before the fields: AppArmor's, and seccomp's of the pod.
func (g *generator) annotate(pod *corev1.Pod, target string) {
	if g.one(5) {
		values := []string{corev1.DeprecatedAppArmorBetaProfileRuntimeDefault, corev1.DeprecatedAppArmorBetaProfileNamePrefix + "old"}
		if g.style == wild {
			values = append(values, corev1.DeprecatedAppArmorBetaProfileNameUnconfined, "what")
		}
		pod.Annotations = map[string]string{
			corev1.DeprecatedAppArmorBetaContainerAnnotationKeyPrefix + target: g.word(values...),
		}
	}
	if g.style == wild && g.one(10) {
		if pod.Annotations == nil {
			pod.Annotations = map[string]string{}
		}
		pod.Annotations["seccomp.security.alpha.kubernetes.io/pod"] = "unconfined"
	}
}

// run starts the target: it gets an identity, and perhaps a status. A hostile status lies where the spec tells the truth;
// where the spec is silent there is nothing else to believe.
func (g *generator) run(s *sample) {
	image := identity{g.uid(), g.gid()}
	psc, sc := contexts(s.pod, s.target.SecurityContext)
	s.identity = resolve(psc, sc, image)
	if s.uid == 0 && first(sc.RunAsNonRoot, psc.RunAsNonRoot, false) {
		// The kubelet would refuse it: it can only run with this.
		if s.target.SecurityContext == nil {
			s.target.SecurityContext = &corev1.SecurityContext{}
		}
		s.target.SecurityContext.RunAsNonRoot = new(false)
	}
	s.status = g.word("none", "honest", "honest", "honest", "hostile", "hostile")
	if s.status == "none" {
		return
	}
	told := s.identity
	if s.status == "hostile" {
		if sc.RunAsUser != nil || psc.RunAsUser != nil {
			told.uid = g.other(s.uid)
		}
		if sc.RunAsGroup != nil || psc.RunAsGroup != nil {
			told.gid = g.other(s.gid)
		}
	}
	status := corev1.ContainerStatus{
		Name: s.target.Name, ContainerID: "containerd://beef",
		State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
		User:  &corev1.ContainerUser{Linux: &corev1.LinuxContainerUser{UID: told.uid, GID: told.gid}},
	}
	if s.kind == "regular" {
		s.pod.Status.ContainerStatuses = []corev1.ContainerStatus{status}
	} else {
		s.pod.Status.InitContainerStatuses = []corev1.ContainerStatus{status}
	}
}

func (g *generator) one(of int) bool         { return g.IntN(of) == 0 }
func (g *generator) coin() bool              { return g.one(2) }
func (g *generator) of(n ...int) int         { return n[g.IntN(len(n))] }
func (g *generator) word(w ...string) string { return w[g.IntN(len(w))] }

func no() bool { return false }

// uid is any; root only where the style may have it.
func (g *generator) uid() int64 {
	if g.style == restricted && !g.userns {
		return int64(g.of(1, 1000, 65532, 1<<31-1))
	}
	return int64(g.of(0, 0, 1, 1000, 65532))
}

func (g *generator) gid() int64 { return int64(g.of(0, 1, 1000, 3000, 65532, 65533)) }

// other is any but that one, most often root's.
func (g *generator) other(than int64) int64 {
	if than != 0 && g.one(2) {
		return 0
	}
	return than + 1
}

func (g *generator) nonRoot() bool { return g.style == restricted || g.coin() }

func (g *generator) pickPolicy() corev1.SupplementalGroupsPolicy {
	if g.coin() {
		return corev1.SupplementalGroupsPolicyStrict
	}
	return corev1.SupplementalGroupsPolicyMerge
}

func (g *generator) seccomp() corev1.SeccompProfile {
	switch n := g.IntN(3); {
	case n == 0:
		return corev1.SeccompProfile{Type: corev1.SeccompProfileTypeLocalhost, LocalhostProfile: new(g.word("a.json", "b.json"))}
	case n == 1 && g.style == wild:
		return corev1.SeccompProfile{Type: corev1.SeccompProfileTypeUnconfined}
	}
	return corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}
}

func (g *generator) appArmor() corev1.AppArmorProfile {
	switch n := g.IntN(3); {
	case n == 0:
		return corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeLocalhost, LocalhostProfile: new(g.word("a", "b"))}
	case n == 1 && g.style == wild:
		return corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeUnconfined}
	}
	return corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeRuntimeDefault}
}

func (g *generator) seLinux() corev1.SELinuxOptions {
	o := corev1.SELinuxOptions{Type: g.word("", "container_t", "container_init_t"), Level: g.word("", "s0:c1", "s0:c2,c3")}
	if g.style == wild && g.coin() {
		o.User, o.Role, o.Type = g.word("", "system_u"), g.word("", "system_r"), g.word("", "spc_t")
	}
	return o
}

func (g *generator) windows() corev1.WindowsSecurityContextOptions {
	o := corev1.WindowsSecurityContextOptions{RunAsUserName: new("ContainerUser")}
	if g.style == wild && g.one(4) {
		o.HostProcess = new(true)
	}
	return o
}

func (g *generator) capabilities() corev1.Capabilities {
	var c corev1.Capabilities
	switch g.style {
	case restricted:
		c.Drop = []corev1.Capability{"ALL"}
		if g.one(3) {
			c.Add = []corev1.Capability{"NET_BIND_SERVICE"}
		}
		return c
	case baseline:
		c.Add = g.some("CHOWN", "KILL", "NET_BIND_SERVICE", "SETUID", "MKNOD")
	default:
		c.Add = g.some("ALL", "NET_ADMIN", "SYS_ADMIN", "CAP_SYS_ADMIN", "CAP_SYS_PTRACE", "SYS_PTRACE", "chown", "KILL")
	}
	c.Drop = g.some("ALL", "ALL", "all", "CHOWN", "NET_RAW", "CAP_KILL", "KILL", "SETUID")
	return c
}

// some is up to two of the names.
func (g *generator) some(of ...corev1.Capability) []corev1.Capability {
	var out []corev1.Capability
	for range g.IntN(3) {
		out = append(out, of[g.IntN(len(of))])
	}
	return out
}

func (g *generator) volume() corev1.VolumeSource {
	sources := []corev1.VolumeSource{
		{EmptyDir: &corev1.EmptyDirVolumeSource{}},
		{ConfigMap: &corev1.ConfigMapVolumeSource{}},
		{Secret: &corev1.SecretVolumeSource{SecretName: "s"}},
		{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "c"}},
		{Projected: &corev1.ProjectedVolumeSource{}},
		{DownwardAPI: &corev1.DownwardAPIVolumeSource{}},
		{CSI: &corev1.CSIVolumeSource{Driver: "d"}},
	}
	if g.style != restricted {
		sources = append(sources, corev1.VolumeSource{NFS: &corev1.NFSVolumeSource{Server: "n"}}, corev1.VolumeSource{ISCSI: &corev1.ISCSIVolumeSource{}})
	}
	if g.style == wild {
		sources = append(sources, corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/"}}, corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/etc"}})
	}
	return sources[g.IntN(len(sources))]
}

// maybe is a value in one of n cases, else nil.
func maybe[T any](g *generator, n int, value func() T) *T {
	if !g.one(n) {
		return nil
	}
	return new(value())
}
