package podcopy

import (
	_ "embed"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/distribution/reference"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

var (
	//go:embed install.sh
	installScript string
	//go:embed env.sh
	envScript string
	//go:embed enter.sh
	enterScript string
	//go:embed command.sh
	commandScript string
	//go:embed start.sh
	startScript string
)

// Failing returns the only container of the pod that fails, or "" where none does, or several do: one that is not running
// and ended with an error, or cannot be started.
func Failing(pod *corev1.Pod) string {
	failing := ""
	for _, list := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for i := range list {
			if !fails(&list[i]) {
				continue
			}
			if failing != "" {
				return ""
			}
			failing = list[i].Name
		}
	}
	return failing
}

func fails(s *corev1.ContainerStatus) bool {
	last := s.State.Terminated
	if last == nil {
		last = s.LastTerminationState.Terminated
	}
	switch {
	case s.State.Running != nil:
		return false
	case last != nil:
		return last.ExitCode != 0
	case s.State.Waiting != nil:
		return s.State.Waiting.Reason != "" && s.State.Waiting.Reason != "PodInitializing" && s.State.Waiting.Reason != "ContainerCreating"
	}
	return false
}

// containers leaves out of all containers what is for others than their own program: probes, hooks, which may tell the world
// that it has come or goes, and the node's ports, which their pod has.
func (m *maker) containers() {
	s := &m.copy.Pod.Spec
	for _, list := range [][]corev1.Container{s.InitContainers, s.Containers} {
		for i := range list {
			c := &list[i]
			c.LivenessProbe, c.ReadinessProbe, c.StartupProbe, c.Lifecycle = nil, nil, nil, nil
			c.RestartPolicyRules = nil
			if !isSidecar(c) || c.Name == m.Container {
				c.RestartPolicy = nil
			}
			if s.HostNetwork {
				c.Ports = nil // the API server would make each a port of the node
			}
			for j := range c.Ports {
				c.Ports[j].HostPort = 0
			}
			m.image(c)
			m.environment(c)
		}
	}
	m.say("livenessProbe, readinessProbe, startupProbe, lifecycle, hostPort of each container", "left out")
}

// environment gives a container the values of labels and annotations that the copy has not.
func (m *maker) environment(c *corev1.Container) {
	for i := range c.Env {
		v := &c.Env[i]
		if v.ValueFrom == nil || v.ValueFrom.FieldRef == nil {
			continue
		}
		of, key, _ := strings.Cut(strings.TrimSuffix(v.ValueFrom.FieldRef.FieldPath, "']"), "['")
		values := map[string]map[string]string{"metadata.labels": m.from.Labels, "metadata.annotations": m.from.Annotations}[of]
		if values != nil && key != "" {
			v.Value, v.ValueFrom = literal(values[key]), nil
			m.say("variable "+v.Name+" of "+c.Name, "what the pod has as "+of+"['"+key+"']")
		}
	}
}

// isSidecar reports whether an init container keeps running beside the regular ones (KEP-753).
func isSidecar(c *corev1.Container) bool {
	return c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
}

// image names another image where one is asked for, else, by its digest, the one that ran.
func (m *maker) image(c *corev1.Container) {
	image, ok := m.Images[c.Name]
	if !ok {
		image, ok = m.Images[allContainers]
	}
	if ok {
		c.Image = image
		m.say("image of "+c.Name, "--set-image")
		return
	}
	_, status := target.Find(m.from, c.Name)
	if status == nil {
		return
	}
	if image := Pinned(c.Image, status.ImageID); image != c.Image {
		c.Image = image
		m.say("image of "+c.Name, "the digest that ran, from its status")
	}
}

// Pinned returns the image of a spec by the digest that its status names, or as it is where that is no digest of the same
// repository: an image that was put on the node by hand has another name there, and could not be pulled by it.
func Pinned(image, id string) string {
	if _, after, ok := strings.Cut(id, "://"); ok { // docker-pullable://, of cri-dockerd
		id = after
	}
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return image
	}
	ran, err := reference.ParseNormalizedNamed(id)
	if err != nil || ran.Name() != named.Name() {
		return image
	}
	if _, ok := ran.(reference.Canonical); !ok {
		return image
	}
	return ran.String()
}

// folder is the folder's name, at the root of each container's file system, and the volume's and the container's. A pod
// that has one of them already gets the next.
const (
	folder    = "/.mindebug"
	volume    = "mindebug"
	installer = "mindebug-install"
)

// free returns the name, or the name with the first number that makes it one that is not taken.
func free(name string, taken func(string) bool) string {
	for n := 2; taken(name); n++ {
		name = strings.TrimRight(name, "0123456789") + strconv.Itoa(n)
	}
	return name
}

// mark stands between the words of the holder and those of the container's own command (command.sh).
const mark = "mindebug-target"

// hold puts a holder in the place of the container's program, which it gets as further words, as they stand in the spec: so
// the kubelet replaces $(NAME) in them as it would. What an image names it does not look into.
func (m *maker) hold() {
	c, _ := target.Find(m.copy.Pod, m.Container)
	m.copy.Dir = free(folder, func(dir string) bool {
		return slices.ContainsFunc(c.VolumeMounts, func(v corev1.VolumeMount) bool {
			at := path.Clean(v.MountPath)
			return at == dir || strings.HasPrefix(at, dir+"/")
		})
	})
	var words []string
	switch {
	case len(c.Command) > 0:
		words = slices.Concat(c.Command, c.Args)
	case len(m.Entrypoint) == 0 && len(m.Cmd) == 0:
	case len(c.Args) > 0:
		words = slices.Concat(literals(m.Entrypoint), c.Args)
	default:
		words = slices.Concat(literals(m.Entrypoint), literals(m.Cmd))
	}
	m.copy.Known = len(words) > 0
	c.Command = append(m.Holder(m.copy.Shell(), m.copy.Prelude()), mark)
	c.Args = words
	c.Stdin, c.StdinOnce, c.TTY = false, false, false
	c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: m.volume(), MountPath: m.copy.Dir, ReadOnly: true})
	m.say("command and args of "+c.Name, "a shell that waits for the session, with the container's own command as its last words")
}

// Beside are the containers of the pod that its copy runs before the held one, and those that it runs beside it.
func (c Copy) Beside(held string) (before, beside []string) {
	for i := range c.Pod.Spec.InitContainers {
		switch init := &c.Pod.Spec.InitContainers[i]; {
		case init.Name == held:
			return before, beside
		case init.Name == c.Installer:
		case isSidecar(init):
			beside = append(beside, init.Name)
		default:
			before = append(before, init.Name)
		}
	}
	for _, other := range c.Pod.Spec.Containers {
		if other.Name != held {
			beside = append(beside, other.Name)
		}
	}
	return before, beside
}

// volume is the name of the added volume.
func (m *maker) volume() string {
	return free(volume, func(name string) bool {
		return slices.ContainsFunc(m.from.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == name })
	})
}

// Prelude begins a script that is run in the held container by Shell: it makes the session's own scripts known.
func (c Copy) Prelude() string { return "d=" + c.Dir + "; . $d/COPY_ENV; " }

// Shell is BusyBox' shell in the held container.
func (c Copy) Shell() string { return c.Dir + "/bin/sh" }

// Enter returns the words of a command, or of a shell where there is none, as a session in the copy runs it.
func (c Copy) Enter(command []string) []string {
	return append([]string{c.Shell(), c.Dir + "/COPY_ENTER"}, command...)
}

// volumeLimit is what the volume may hold: BusyBox has 2 MB.
var volumeLimit = resource.MustParse("16Mi")

// install adds the volume and, before all others, the container that fills it. It asks for what the held container asks for,
// so that quotas take it and the pod needs no more in all.
func (m *maker) install() {
	s := &m.copy.Pod.Spec
	name := m.volume()
	m.copy.Installer = free(installer, func(name string) bool {
		c, _ := target.Find(m.from, name)
		return c != nil
	})
	s.Volumes = append(s.Volumes, corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{
		EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: new(volumeLimit)},
	}})
	held, _ := target.Find(m.from, m.Container)
	c := corev1.Container{
		Name: m.copy.Installer, Image: m.Image, ImagePullPolicy: m.PullPolicy,
		Resources:       resources(held.Resources),
		SecurityContext: m.Security.DeepCopy(),
		// The copy is deleted when it fails, and its log with it.
		TerminationMessagePolicy: corev1.TerminationMessageFallbackToLogsOnError,
		VolumeMounts:             []corev1.VolumeMount{{Name: name, MountPath: m.copy.Dir}},
		Command:                  []string{"sh", "-c", literal(code(installScript)), "mindebug-install", m.copy.Dir},
	}
	for _, v := range append(scripts(), m.Scripts...) {
		c.Command = append(c.Command, v.Name)
		c.Env = append(c.Env, v)
	}
	s.InitContainers = append([]corev1.Container{c}, s.InitContainers...)
	m.say("spec.initContainers["+c.Name+"]", "puts BusyBox into the copy")
	m.say("spec.volumes["+name+"]", "holds BusyBox")
}

// scripts are those of this package, each as the variable of the container that puts it into the volume, in a file of the
// variable's name.
func scripts() []corev1.EnvVar {
	return []corev1.EnvVar{
		{Name: "COPY_ENV", Value: literal(code(envScript))},
		{Name: "COPY_ENTER", Value: literal(code(enterScript))},
		{Name: "COPY_COMMAND", Value: literal(code(commandScript))},
		{Name: "COPY_START", Value: literal(code(startScript))},
	}
}

// resources are those of a container that every other can ask for, too: a device of the held one is not for two.
func resources(of corev1.ResourceRequirements) corev1.ResourceRequirements {
	only := func(list corev1.ResourceList) corev1.ResourceList {
		var out corev1.ResourceList
		for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage} {
			if quantity, ok := list[name]; ok {
				if out == nil {
					out = corev1.ResourceList{}
				}
				out[name] = quantity
			}
		}
		return out
	}
	return corev1.ResourceRequirements{Limits: only(of.Limits), Requests: only(of.Requests)}
}

// literal doubles every dollar sign, since the kubelet expands $(NAME) and turns $$ into $ in commands and environment
// values (expansion.Expand in k8s.io/kubernetes/third_party/forked/golang/expansion).
func literal(s string) string { return strings.ReplaceAll(s, "$", "$$") }

func literals(words []string) (out []string) {
	for _, word := range words {
		out = append(out, literal(word))
	}
	return out
}

// code is a script without the lines that are comments only.
func code(script string) string {
	lines := slices.DeleteFunc(strings.Split(script, "\n"), func(line string) bool {
		trimmed := strings.TrimSpace(line)
		return trimmed == "" || strings.HasPrefix(trimmed, "#")
	})
	return strings.Join(lines, "\n")
}
