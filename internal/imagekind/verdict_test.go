package imagekind

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/mindebug/kubectl-mindebug/internal/kubetest"
)

func TestBest(t *testing.T) {
	t.Parallel()
	likely, later := Verdict{Distroless, "a name", Likely}, Verdict{Wolfi, "another", Likely}
	certain := Verdict{WithShell, "seen", Certain}
	for name, test := range map[string]struct {
		verdicts []Verdict
		want     Verdict
	}{
		"none":                         {nil, Verdict{Kind: Unknown}},
		"silent ones":                  {[]Verdict{{}, {Kind: Unknown}}, Verdict{Kind: Unknown}},
		"the first of those alike":     {[]Verdict{{}, likely, later}, likely},
		"what was seen before a name":  {[]Verdict{likely, certain, later}, certain},
		"the first of what was seen":   {[]Verdict{certain, {Scratch, "x", Certain}}, certain},
		"a name before what is silent": {[]Verdict{{Kind: Unknown}, later}, later},
	} {
		if diff := cmp.Diff(test.want, Best(test.verdicts...)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// exec is a handler that runs a command.
func exec(command ...string) corev1.ProbeHandler {
	return corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: command}}
}

func TestFromPod(t *testing.T) {
	t.Parallel()
	// change is what a container of a running pod has, c, and its status, s.
	type change func(p *corev1.Pod, c *corev1.Container, s *corev1.ContainerStatus)
	shell := func(evidence string, certainty Certainty) Verdict { return Verdict{WithShell, evidence, certainty} }
	for name, test := range map[string]struct {
		change change
		want   Verdict
	}{
		"nothing": {func(*corev1.Pod, *corev1.Container, *corev1.ContainerStatus) {}, nothing},
		"a command": {func(_ *corev1.Pod, c *corev1.Container, _ *corev1.ContainerStatus) {
			c.Command = []string{"/bin/sh", "-c", "exec app"}
		}, shell("its command runs /bin/sh", Certain)},
		"a command, by its name": {func(_ *corev1.Pod, c *corev1.Container, _ *corev1.ContainerStatus) {
			c.Command = []string{"bash"}
		}, shell("its command runs bash", Certain)},
		"a command behind others": {func(_ *corev1.Pod, c *corev1.Container, _ *corev1.ContainerStatus) {
			c.Command = []string{"/sbin/tini", "-s", "--", "/usr/bin/env", "bash", "-c", "app"}
		}, shell("its command runs bash", Certain)},
		"a command that is a program": {func(_ *corev1.Pod, c *corev1.Container, _ *corev1.ContainerStatus) {
			c.Command = []string{"/app", "sh"}
		}, nothing},
		"a command of another name": {func(_ *corev1.Pod, c *corev1.Container, _ *corev1.ContainerStatus) {
			c.Command = []string{"/bin/pushsh"}
		}, nothing},
		"a command that does not run": {func(_ *corev1.Pod, c *corev1.Container, s *corev1.ContainerStatus) {
			c.Command = []string{"sh"}
			s.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}
		}, nothing},
		"a command in a volume": {func(_ *corev1.Pod, c *corev1.Container, _ *corev1.ContainerStatus) {
			c.Command = []string{"/tools/bin/sh"}
			c.VolumeMounts = []corev1.VolumeMount{{Name: "tools", MountPath: "/tools/"}}
		}, nothing},
		"a command beside a volume": {func(_ *corev1.Pod, c *corev1.Container, _ *corev1.ContainerStatus) {
			c.Command = []string{"/tools/sh"}
			c.VolumeMounts = []corev1.VolumeMount{{Name: "tools", MountPath: "/tool"}}
		}, shell("its command runs /tools/sh", Certain)},
		"Windows": {func(p *corev1.Pod, c *corev1.Container, _ *corev1.ContainerStatus) {
			c.Command = []string{"bash"}
			p.Spec.OS = &corev1.PodOS{Name: corev1.Windows}
		}, nothing},
		"arguments": {func(_ *corev1.Pod, c *corev1.Container, _ *corev1.ContainerStatus) {
			c.Args = []string{"sh", "-c", "x"}
		}, shell("its arguments begin with sh", Likely)},
		"arguments of a command": {func(_ *corev1.Pod, c *corev1.Container, _ *corev1.ContainerStatus) {
			c.Command, c.Args = []string{"/app"}, []string{"sh", "-c", "x"}
		}, nothing},
		"a startup probe that ran": {func(_ *corev1.Pod, c *corev1.Container, s *corev1.ContainerStatus) {
			c.StartupProbe, s.Started = &corev1.Probe{ProbeHandler: exec("sh", "-c", "x")}, new(true)
		}, shell("its startup probe ran sh", Certain)},
		"a startup probe that fails": {func(_ *corev1.Pod, c *corev1.Container, s *corev1.ContainerStatus) {
			c.StartupProbe, s.Started = &corev1.Probe{ProbeHandler: exec("sh", "-c", "x")}, new(false)
		}, nothing},
		"a readiness probe": {func(_ *corev1.Pod, c *corev1.Container, _ *corev1.ContainerStatus) {
			c.ReadinessProbe = &corev1.Probe{ProbeHandler: exec("/bin/bash", "-c", "x")}
		}, shell("its readiness probe runs /bin/bash", Certain)},
		"a readiness probe that fails": {func(_ *corev1.Pod, c *corev1.Container, s *corev1.ContainerStatus) {
			c.ReadinessProbe, s.Ready = &corev1.Probe{ProbeHandler: exec("/bin/bash", "-c", "x")}, false
		}, nothing},
		"a probe without a shell": {func(_ *corev1.Pod, c *corev1.Container, _ *corev1.ContainerStatus) {
			c.ReadinessProbe = &corev1.Probe{ProbeHandler: exec("/app", "--healthy")}
			c.LivenessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{}}}
		}, nothing},
		"a liveness probe": {func(_ *corev1.Pod, c *corev1.Container, _ *corev1.ContainerStatus) {
			c.LivenessProbe = &corev1.Probe{ProbeHandler: exec("sh", "-c", "x")}
		}, shell("its liveness probe runs sh", Likely)},
		"a liveness probe of a container that restarts": {func(_ *corev1.Pod, c *corev1.Container, s *corev1.ContainerStatus) {
			c.LivenessProbe, s.RestartCount = &corev1.Probe{ProbeHandler: exec("sh", "-c", "x")}, 3
		}, nothing},
		"hooks": {func(_ *corev1.Pod, c *corev1.Container, _ *corev1.ContainerStatus) {
			h := corev1.LifecycleHandler{Exec: exec("sh", "-c", "sleep 5").Exec}
			c.Lifecycle = &corev1.Lifecycle{PostStart: &h}
		}, shell("its postStart hook runs sh", Likely)},
		"a hook that never ran": {func(_ *corev1.Pod, c *corev1.Container, _ *corev1.ContainerStatus) {
			c.Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Exec: exec("sh", "-c", "sleep 5").Exec}}
		}, nothing},
		"what was seen before what is likely": {func(_ *corev1.Pod, c *corev1.Container, s *corev1.ContainerStatus) {
			c.Args, c.StartupProbe = []string{"bash"}, &corev1.Probe{ProbeHandler: exec("sh")}
			s.Started = new(true)
		}, shell("its startup probe ran sh", Certain)},
	} {
		pod := kubetest.Pod("shop", "web").Running(65532, 0).Build()
		test.change(pod, &pod.Spec.Containers[0], &pod.Status.ContainerStatuses[0])
		if diff := cmp.Diff(test.want, FromPod(pod, "app")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if v := FromPod(kubetest.Pod("shop", "web").Build(), "app"); v.Known() {
		t.Errorf("a pod without a status: %+v", v)
	}
}

func TestFromReference(t *testing.T) {
	t.Parallel()
	const hex = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	const digest = "@sha256:" + hex
	for image, want := range map[string]Kind{
		"gcr.io/distroless/static":                                  Distroless,
		"gcr.io/distroless/static-debian12:nonroot":                 Distroless,
		"gcr.io/distroless/java21-debian12:latest-amd64":            Distroless,
		"gcr.io/distroless/static:nonroot" + digest:                 Distroless,
		"gcr.io/distroless/static" + digest:                         Unknown,
		"gcr.io/distroless/base:debug":                              WithShell,
		"gcr.io/distroless/base:debug-nonroot-arm64":                WithShell,
		"gcr.io/distroless/base:latest-debug":                       WithShell,
		"gcr.io/distroless-mine/static":                             Unknown,
		"gcr.io/mine/distroless/static":                             Unknown,
		"mine.test/gcr.io/distroless/static":                        Unknown,
		"distroless/static":                                         Unknown,
		"cgr.dev/chainguard/static":                                 Wolfi,
		"cgr.dev/chainguard/python:3.12":                            Wolfi,
		"cgr.dev/chainguard/python:latest-dev":                      WithShell,
		"cgr.dev/chainguard/python:3.12-dev-20260101":               WithShell,
		"cgr.dev/chainguard/wolfi-base":                             Unknown,
		"cgr.dev/chainguard/postgres:16":                            Unknown,
		"cgr.dev/mine/python":                                       Unknown,
		"mcr.microsoft.com/dotnet/aspnet:8.0-jammy-chiseled":        Distroless,
		"mcr.microsoft.com/dotnet/aspnet:10.0-noble-chiseled-extra": Distroless,
		"mcr.microsoft.com/dotnet/aspnet:8.0":                       Unknown,
		"registry.k8s.io/pause:3.10":                                Scratch,
		"registry.k8s.io/kube-proxy:v1.36.3":                        Unknown,
		"debian":                                                    WithShell,
		"docker.io/library/alpine:3.20":                             WithShell,
		"ubuntu" + digest:                                           Unknown,
		"mine/alpine":                                               Unknown,
		"mine.test/library/alpine":                                  Unknown,
		"nginx":                                                     Unknown,
		"mine.test/shop/web:debug":                                  Unknown,
		"":                                                          Unknown,
		"No Reference":                                              Unknown,
		hex:                                                         Unknown,
	} {
		v := FromReference(image)
		if v.Kind != want || want != Unknown && (v.Certainty != Likely || v.Evidence == "") {
			t.Errorf("FromReference(%q) = %+v; want %q, as likely", image, v, want)
		}
	}
}

func TestFromConfig(t *testing.T) {
	t.Parallel()
	history := func(steps ...string) *v1.ConfigFile {
		c := &v1.ConfigFile{}
		for _, step := range steps {
			c.History = append(c.History, v1.History{CreatedBy: step})
		}
		return c
	}
	const copied = "COPY app /app # buildkit"
	base := map[string]string{baseName: "gcr.io/distroless/static:nonroot"}
	for name, test := range map[string]struct {
		annotations map[string]string
		config      *v1.ConfigFile
		want        Verdict
	}{
		"nothing":                {nil, history(), nothing},
		"copied":                 {nil, history(copied, `ENTRYPOINT ["/app"]`, `CMD ["shell"]`, "ENV A=/bin/sh -c x"), nothing},
		"BuildKit":               {nil, history(copied, "RUN /bin/sh -c apt-get update # buildkit"), Verdict{WithShell, "a step of its history ran /bin/sh", Likely}},
		"BuildKit, arguments":    {nil, history("RUN |2 A=1 B=x y /bin/bash -eo pipefail -c x | y # buildkit"), Verdict{WithShell, "a step of its history ran /bin/bash", Likely}},
		"BuildKit, no shell":     {nil, history("RUN /app migrate # buildkit"), nothing},
		"taken away":             {base, history("RUN /bin/sh -c apt-get update", "RUN /bin/sh -c rm -f /usr/bin/*sh # buildkit"), nothing},
		"taken away, its folder": {nil, history("RUN /bin/sh -c x; rm -rf /bin && true"), nothing},
		"taken away, Alpine":     {nil, history("RUN /bin/sh -c apk --no-cache del busybox"), nothing},
		"something taken away":   {nil, history("RUN /bin/sh -c apt-get update && rm -rf /var/lib/apt/lists/* /usr/bin/x"), Verdict{WithShell, "a step of its history ran /bin/sh", Likely}},
		"classic":                {nil, history("/bin/sh -c apt-get update"), Verdict{WithShell, "a step of its history ran /bin/sh", Likely}},
		"classic, arguments":     {nil, history("|1 A=1 /bin/sh -c apt-get update"), Verdict{WithShell, "a step of its history ran /bin/sh", Likely}},
		"classic, ran nothing":   {nil, history("/bin/sh -c #(nop) COPY file:0 in /app", "/bin/sh -c #(nop)  ENTRYPOINT [\"/app\"]"), nothing},
		"classic, base":          {nil, history("/bin/sh -c #(nop) ADD file:0 in / ", `/bin/sh -c #(nop)  CMD ["bash"]`), Verdict{WithShell, "a step of its history made its command bash", Likely}},
		"BuildKit, base":         {nil, history("ADD alpine-minirootfs-3.20.3-x86_64.tar.gz / # buildkit", `CMD ["/bin/sh"]`), Verdict{WithShell, "a step of its history made its command /bin/sh", Likely}},
		"its entrypoint":         {nil, &v1.ConfigFile{Config: v1.Config{Entrypoint: []string{"/bin/sh", "/run.sh"}, Cmd: []string{"x"}}}, Verdict{WithShell, "its configuration runs /bin/sh", Likely}},
		"its command":            {nil, &v1.ConfigFile{Config: v1.Config{Cmd: []string{"sh"}}}, Verdict{WithShell, "its configuration runs sh", Likely}},
		"its entrypoint's word":  {nil, &v1.ConfigFile{Config: v1.Config{Entrypoint: []string{"/app"}, Cmd: []string{"sh"}}}, nothing},
		"annotation":             {base, history(copied), Verdict{Distroless, "annotation org.opencontainers.image.base.name: gcr.io/distroless/static:nonroot", Likely}},
		"label":                  {nil, &v1.ConfigFile{Config: v1.Config{Labels: map[string]string{baseName: "docker.io/library/alpine:3"}}}, Verdict{WithShell, "label org.opencontainers.image.base.name: docker.io/library/alpine:3", Likely}},
		"an unknown base":        {map[string]string{baseName: "mine.test/base:1"}, history(copied), nothing},
		"a base and a shell":     {base, history("RUN /busybox/sh -c x # buildkit"), Verdict{WithShell, "a step of its history ran /busybox/sh", Likely}},
	} {
		if diff := cmp.Diff(test.want, FromConfig(test.annotations, test.config)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestFromFiles(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		files Files
		want  Verdict
	}{
		"nothing":             {Files{Whole: true}, Verdict{Scratch, "no shell among its files, and no distribution", Certain}},
		"nothing, as it goes": {Files{}, Verdict{Scratch, "no shell in the usual places, and no distribution", Likely}},
		"a shell":             {Files{Shells: []string{"/usr/bin/bash", "/bin/sh"}, OSRelease: "wolfi"}, Verdict{WithShell, "it has /bin/sh", Certain}},
		"distroless":          {Files{Whole: true, OSRelease: "debian", Packages: []string{DpkgStatusD}}, Verdict{Distroless, "no shell among its files; packages in /var/lib/dpkg/status.d", Certain}},
		"chiselled":           {Files{Whole: true, OSRelease: "ubuntu", Packages: []string{Chisel}}, Verdict{Distroless, "no shell among its files; packages in /var/lib/chisel/manifest.wall", Certain}},
		"Wolfi":               {Files{OSRelease: "wolfi", Packages: []string{"lib/apk/db/installed"}}, Verdict{Wolfi, `no shell in the usual places; its os-release says "wolfi"`, Likely}},
		"Chainguard":          {Files{Whole: true, OSRelease: "chainguard"}, Verdict{Wolfi, `no shell among its files; its os-release says "chainguard"`, Certain}},
		"a distribution":      {Files{Whole: true, OSRelease: "alpine", Packages: []string{"lib/apk/db/installed"}}, Verdict{NoShell, `no shell among its files; its os-release says "alpine"`, Certain}},
		"packages":            {Files{Whole: true, Packages: []string{"var/lib/rpm"}}, Verdict{NoShell, "no shell among its files; packages in /var/lib/rpm", Certain}},
	} {
		if diff := cmp.Diff(test.want, FromFiles(test.files)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
