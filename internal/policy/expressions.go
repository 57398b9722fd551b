package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mindebug/kubectl-mindebug/pkg/profiles"
	"github.com/mindebug/kubectl-mindebug/pkg/profiles/exceed"
)

// The expressions are in CEL as Kubernetes 1.30 has it, whose compiler takes no optMap of an optional index (it checks what
// the macro repeats twice, with two types). All is of type dyn: the fields of a pod that an older server does
// not know must not keep a policy from being compiled.

var podVariable = admissionregistrationv1.Variable{Name: "pod", Expression: `// The pod as it is: of a pod the request can change nothing but its debug containers.
dyn(oldObject)`}

var addedVariable = admissionregistrationv1.Variable{Name: "added", Expression: `// By name, never by position: a plain patch puts new ones first.
dyn(object).spec.?ephemeralContainers.orValue([]).filter(c,
  !variables.pod.spec.?ephemeralContainers.orValue([]).exists(old, old.name == c.name))`}

// stampExpression writes the user as the plugin does: the kubelet makes "$" of "$$".
const stampExpression = `Object{spec: Object.spec{ephemeralContainers: variables.added.map(c, Object.spec.ephemeralContainers{
  name: c.name,
  env: [Object.spec.ephemeralContainers.env{name: 'MINDEBUG_USER', value: request.userInfo.username.replace('$', '$$')}]
})}}`

const targetsExpression = `(variables.pod.spec.containers + variables.pod.spec.?initContainers.orValue([])).filter(t,
  variables.added.exists(c, c.?targetContainerName.orValue('') == t.name))`

const usersExpression = `// Whom the first process of a container was created as, where the status tells it.
(variables.pod.status.?containerStatuses.orValue([]) + variables.pod.status.?initContainerStatuses.orValue([])).filter(s,
  has(s.user) && has(s.user.linux))`

// processesExpression is exceed.Of, but for what privileged makes void. The %s are the default capabilities of containerd
// and CRI-O.
const processesExpression = `// What a node makes of the added containers and their targets: the container's own value where it is set, else the pod's.
(variables.added + variables.targets).map(c, {
  'name': dyn(c.name),
  'uid': dyn(c.?securityContext.?runAsUser.or(variables.pod.spec.?securityContext.?runAsUser)
    .or(variables.users.filter(s, s.name == c.name)[?0].?user.?linux.?uid).orValue(-1)),
  'gid': dyn(c.?securityContext.?runAsGroup.or(variables.pod.spec.?securityContext.?runAsGroup)
    .or(variables.users.filter(s, s.name == c.name)[?0].?user.?linux.?gid).orValue(-1)),
  'privileged': dyn(c.?securityContext.?privileged.orValue(false)),
  'mayGainPrivileges': dyn(c.?securityContext.?allowPrivilegeEscalation.orValue(true)),
  // containerd knows no name that begins with CAP_; CRI-O takes a name with and without it.
  'capabilities': dyn([{
    'default': %s,
    'add': c.?securityContext.?capabilities.?add.orValue([]).map(n, n.upperAscii()).filter(n, !n.startsWith('CAP_')),
    'drop': c.?securityContext.?capabilities.?drop.orValue([]).map(n, n.upperAscii()),
  }, {
    'default': %s,
    'add': c.?securityContext.?capabilities.?add.orValue([]).map(n, n.upperAscii()).map(n, n.startsWith('CAP_') ? n.substring(4) : n),
    'drop': c.?securityContext.?capabilities.?drop.orValue([]).map(n, n.upperAscii()).map(n, n.startsWith('CAP_') ? n.substring(4) : n),
  }]),
  'seccomp': dyn(c.?securityContext.?seccompProfile.or(variables.pod.spec.?securityContext.?seccompProfile)
    .optMap(p, p.type + p.?localhostProfile.optMap(file, '/' + file).orValue('')).orValue("node's default")),
  // The old annotation comes before the pod's field.
  'appArmor': dyn(c.?securityContext.?appArmorProfile.optMap(p, p.type + p.?localhostProfile.optMap(name, '/' + name).orValue(''))
    .or(optional.ofNonZeroValue([variables.pod.metadata.?annotations[?'container.apparmor.security.beta.kubernetes.io/' + c.name].orValue('')].map(a,
      a.startsWith('localhost/') ? 'Localhost/' + a.substring(10)
        : {'runtime/default': 'RuntimeDefault', 'unconfined': 'Unconfined'}[?a].orValue(''))[0]))
    .or(variables.pod.spec.?securityContext.?appArmorProfile.optMap(p, p.type + p.?localhostProfile.optMap(name, '/' + name).orValue('')))
    .orValue('RuntimeDefault')),
  'seLinux': dyn([dyn(c), variables.pod.spec].map(o, o.?securityContext.?seLinuxOptions)
    .map(o, [o.?user.orValue(''), o.?role.orValue(''), o.?type.orValue(''), o.?level.orValue('')].join(':'))
    .filter(label, label != ':::')[?0].orValue("the pod's")),
  'procMount': dyn(c.?securityContext.?procMount.orValue('Default')),
  'readOnlyRoot': dyn(c.?securityContext.?readOnlyRootFilesystem.orValue(false)),
})`

// pairsExpression has what exceed.Exceeds is given. The %s say that an added container, and that its target, would be given
// the capability n.
const pairsExpression = `// Each added container with its target, and the capabilities that it alone would have; "any other" stands for those that
// nobody names.
variables.added.map(c, variables.targets.exists(t, t.name == c.?targetContainerName.orValue('')), {
  'reason': dyn(c.?env.orValue([]).exists(e, e.name == 'MINDEBUG_REASON' && e.?value.orValue('') != '')),
  'debugger': dyn(variables.processes.filter(p, p.name == c.name)[0]),
  'target': dyn(variables.processes.filter(p, p.name == c.targetContainerName)[0]),
}).map(p, {
  'reason': dyn(p.reason),
  'debugger': dyn(p.debugger),
  'target': dyn(p.target),
  'more': dyn([0, 1].map(i, (p.debugger.capabilities[i].default
    + p.debugger.capabilities[i].add.filter(n, !(n in p.debugger.capabilities[i].default)) + ['any other']).filter(n,
    %s
    && !(%s)
  )).filter(names, names.size() > 0)[?0].orValue([])),
})`

// given says that a container is given the capability n: ALL is looked at first, then what it adds, then what it drops.
func given(process string) string {
	return strings.ReplaceAll(`!(n in SET.drop) && (n in SET.add || !('ALL' in SET.drop) && ('ALL' in SET.add || n in SET.default))`, "SET", process+".capabilities[i]")
}

// limit is one thing in which a debug container may not go beyond its target: exceed.Exceeds has the same. In both
// expressions p is the pair.
type limit struct{ holds, otherwise string }

var limits = []limit{
	// Where the pod does not tell whom the target runs as, it may be anybody but root.
	{
		`p.debugger.uid >= 0 && p.debugger.uid == p.target.uid || p.debugger.uid > 0 && p.target.uid < 0`,
		`'runAsUser: ' + (p.debugger.uid < 0 ? 'not set' : string(p.debugger.uid)) + ' (target: ' + (p.target.uid < 0 ? 'not known, so 0 is refused' : string(p.target.uid)) + ')'`,
	},
	{
		`p.debugger.gid >= 0 && (p.target.gid < 0 || p.debugger.gid in [p.target.gid, variables.pod.spec.?securityContext.?fsGroup.orValue(p.target.gid)] + variables.pod.spec.?securityContext.?supplementalGroups.orValue([]))`,
		`'runAsGroup: ' + (p.debugger.gid < 0 ? 'not set' : string(p.debugger.gid)) + ' (target: ' + (p.target.gid < 0 ? 'not known' : string(p.target.gid)) + ')'`,
	},
	{
		`!p.debugger.privileged || p.target.privileged`,
		`'privileged: true (target: false)'`,
	},
	{
		`p.target.privileged || p.more.size() == 0`,
		`'capabilities: ' + p.more.join(', ') + ' (target: without)'`,
	},
	{
		`p.target.mayGainPrivileges || !p.debugger.mayGainPrivileges`,
		`'allowPrivilegeEscalation: true (target: false)'`,
	},
	{
		`p.target.privileged || p.target.seccomp == 'Unconfined' || p.target.seccomp == p.debugger.seccomp || p.target.seccomp == "node's default" && p.debugger.seccomp == 'RuntimeDefault'`,
		`'seccompProfile: ' + p.debugger.seccomp + ' (target: ' + p.target.seccomp + ')'`,
	},
	// Of AppArmor, privileged does not make a profile of the node void.
	{
		`p.target.privileged && !p.target.appArmor.startsWith('Localhost/') || p.target.appArmor == 'Unconfined' || p.target.appArmor == p.debugger.appArmor`,
		`'appArmorProfile: ' + p.debugger.appArmor + ' (target: ' + p.target.appArmor + ')'`,
	},
	{
		`p.target.privileged || p.target.seLinux == p.debugger.seLinux`,
		`'seLinuxOptions: ' + p.debugger.seLinux + ' (target: ' + p.target.seLinux + ')'`,
	},
	{
		`p.target.privileged || p.target.procMount == 'Unmasked' || p.target.procMount == p.debugger.procMount`,
		`'procMount: ' + p.debugger.procMount + ' (target: ' + p.target.procMount + ')'`,
	},
	{
		`!p.target.readOnlyRoot || p.debugger.readOnlyRoot`,
		`'readOnlyRootFilesystem: false (target: true)'`,
	},
}

// rules are what every added container keeps to beside the limits, c in both expressions.
func (a Admission) rules() []limit {
	ours := strconv.Quote(profiles.Reserved)
	return []limit{
		{
			`variables.pod.spec.?os.?name.orValue('') != 'windows' && variables.pod.spec.?nodeSelector[?'kubernetes.io/os'].orValue('') != 'windows'
      && !c.?securityContext.?windowsOptions.hasValue()`,
			`'is for Windows, whose containers this policy cannot judge'`,
		},
		{
			`variables.targets.exists(t, t.name == c.?targetContainerName.orValue(''))`,
			`'names no target, so nothing says what it may do (kubectl debug --target=CONTAINER, or kubectl mindebug)'`,
		},
		{
			// "@" behind the image ends its last part, whatever that is.
			list(beginnings(a.Images)) + `.exists(image, (c.image + '@').startsWith(image))
      || ` + list(a.Digests) + `.exists(digest, c.image.endsWith('@' + digest))`,
			`'has image ' + c.image + ', which is none of those allowed: ' + ` + list(slices.Concat(a.Images, a.Digests)) + `.join(', ')`,
		},
		{
			`c.?envFrom.orValue([]).size() == 0 && c.?env.orValue([]).all(e, !has(e.valueFrom))`,
			`'takes variables from elsewhere (envFrom, valueFrom), which would show Secrets to who may not read them'`,
		},
		{
			`c.?env.orValue([]).all(e, e.name.startsWith(` + ours + `))`,
			`'sets ' + c.env.filter(e, !e.name.startsWith(` + ours + `)).map(e, e.name).join(', ') + ', and only variables that begin with ` + profiles.Reserved + ` are allowed'`,
		},
		{
			`c.?env.orValue([]).all(e, e.name != 'MINDEBUG_USER' || e.?value.orValue('') == request.userInfo.username.replace('$', '$$'))`,
			`'says in MINDEBUG_USER that another adds it than ' + request.userInfo.username`,
		},
		{`c.?volumeDevices.orValue([]).size() == 0`, `'has volumeDevices'`},
		{
			`c.?volumeMounts.orValue([]).all(m, m.?readOnly.orValue(false)
      && variables.targets.exists(t, t.name == c.?targetContainerName.orValue('') && t.?volumeMounts.orValue([]).exists(own,
        own.name == m.name && own.mountPath == m.mountPath && !has(own.subPath) && !has(own.subPathExpr)
        && own.?recursiveReadOnly.orValue('Disabled') == m.?recursiveReadOnly.orValue('Disabled')
        && (!has(m.mountPropagation) || own.?mountPropagation.orValue('None') == m.mountPropagation))))`,
			`'has mounts that are not its target\'s own, read-only and where the target has them: ' + c.volumeMounts.map(m, m.name + ' at ' + m.mountPath).join(', ')`,
		},
	}
}

// words is a list of what is broken, in words.
func words(limits []limit) string {
	var out strings.Builder
	for _, l := range limits {
		fmt.Fprintf(&out, "    %s ? ''\n      : %s,\n", l.holds, l.otherwise)
	}
	return "[\n" + out.String() + "  ].filter(words, words != '')"
}

func (a Admission) variables() []admissionregistrationv1.Variable {
	nothing := exceed.Of(&corev1.Pod{}, "", nil, 0, 0)
	return []admissionregistrationv1.Variable{
		podVariable,
		addedVariable,
		{Name: "targets", Expression: targetsExpression},
		{Name: "breaches", Expression: `// What the added containers break of the rules that have no exception.
variables.added.map(c, {
  'name': dyn(c.name),
  'words': dyn(` + words(a.rules()) + `),
}).filter(breach, breach.words.size() > 0)`},
		{Name: "users", Expression: usersExpression},
		{Name: "processes", Expression: fmt.Sprintf(processesExpression, capabilities(nothing.Containerd), capabilities(nothing.CRIO))},
		{Name: "pairs", Expression: fmt.Sprintf(pairsExpression, given("p.debugger"), given("p.target"))},
		{Name: "beyond", Expression: `// In what the added containers go beyond their targets.
variables.pairs.map(p, {
  'name': dyn(p.debugger.name),
  'target': dyn(p.target.name),
  'reason': dyn(p.reason),
  'words': dyn(` + words(limits) + `),
}).filter(p, p.words.size() > 0)`},
		{Name: "stepUp", Expression: "request.userInfo.?groups.orValue([]).exists(group, group in " + list(a.StepUpGroups) + ")"},
	}
}

func (a Admission) validations() []admissionregistrationv1.Validation {
	allowed, besides := "variables.stepUp", ""
	if a.ReasonForStepUps {
		allowed += " && p.reason"
		besides = "\n  + (variables.stepUp ? '; you may do that with --reason' : '')"
	}
	return []admissionregistrationv1.Validation{
		{
			Expression:        "variables.breaches.size() == 0",
			Message:           "this debug container is not allowed",
			MessageExpression: "variables.breaches.map(breach, 'debug container ' + breach.name + ' ' + breach.words.join('; '))[0]",
			Reason:            new(metav1.StatusReasonForbidden),
		},
		{
			Expression: "variables.beyond.all(p, " + allowed + ")",
			Message:    "this debug container goes beyond its target",
			MessageExpression: `variables.beyond.map(p, 'debug container ' + p.name + ' goes beyond its target ' + p.target + ': ' + p.words.join('; ')
  + (p.name.startsWith('mindebug-') ? '' : '. kubectl mindebug pod/' + object.metadata.name + ' -c ' + p.target + ' adds one that does not'))[0]` + besides,
			Reason: new(metav1.StatusReasonForbidden),
		},
	}
}

func capabilities(sets exceed.Sets) string { return list(strings.Split(sets.Bounding.String(), ", ")) }

// list is a list of texts in CEL, which reads every text as Go quotes it.
func list(texts []string) string {
	quoted := make([]string, len(texts))
	for i, text := range texts {
		quoted[i] = strconv.Quote(text)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}
