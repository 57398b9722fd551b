package profiles

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// Profile is what is asked on top of the mirror, by a word of kubectl's.
type Profile string

// The profiles. None asks for the mirror.
const (
	None       Profile = ""
	General    Profile = "general"
	NetAdmin   Profile = "netadmin"
	SysAdmin   Profile = "sysadmin"
	Restricted Profile = "restricted"
)

// mirrorName is None in a user's words.
const mirrorName = "mirror"

// Names are the words that ParseProfile takes, the mirror's own included.
func Names() []string {
	return []string{mirrorName, string(General), string(NetAdmin), string(Restricted), string(SysAdmin)}
}

// ProfileError says that a word names no profile.
type ProfileError struct {
	Name string
	// Superseded is true for those of kubectl's in whose place the mirror is: baseline and legacy.
	Superseded bool
}

func (e *ProfileError) Error() string { return fmt.Sprintf("there is no profile %q", e.Name) }

// ParseProfile reads the name of a profile; "mirror" and the empty text are None. The error is a *ProfileError.
func ParseProfile(name string) (Profile, error) {
	switch {
	case name == mirrorName:
		return None, nil
	case name == "" || slices.Contains(Names(), name):
		return Profile(name), nil
	}
	return None, &ProfileError{Name: name, Superseded: name == "baseline" || name == "legacy"}
}

// root reports whether the profile runs as uid 0.
func (p Profile) root() bool { return p == General || p == NetAdmin || p == SysAdmin }

// flag is the profile as it is asked for on a command line.
func (p Profile) flag() string { return "--profile=" + string(p) }

// Request is what a user asks on top of the mirror. The zero value is the mirror itself.
type Request struct {
	Profile Profile
	// RunAs says whom the target runs as where its facts do not, and whom the debug container runs as where they say
	// something else. Nil names nobody. Without a gid the target's counts.
	RunAs *RunAs
	// AddCapabilities are capabilities as ParseCapability returns them.
	AddCapabilities []corev1.Capability
	// Custom is merged over all of this, nil for none.
	Custom *Custom
}

// The origins of values that a request asks for.
const (
	fromCapAdd = "--cap-add"
	fromCustom = "custom file"
)

// NotEffectiveError says that capabilities were asked for a user who could not use them: without uid 0 none of what a
// container is given is effective in it (capabilities(7), "Transformation of capabilities during execve()").
type NotEffectiveError struct {
	Capabilities []corev1.Capability
	UID          int64
}

func (e *NotEffectiveError) Error() string {
	return fmt.Sprintf("capabilities %v have no effect with uid %d", e.Capabilities, e.UID)
}

// ContradictionError says that a request asks for two things that exclude each other, in the words of a command line.
type ContradictionError struct{ One, Other string }

func (e *ContradictionError) Error() string { return fmt.Sprintf("%s excludes %s", e.One, e.Other) }

// Make returns the plan for a target with these facts that is asked for. It returns an *UnknownIdentityError where
// neither the facts nor the request say which uid and gid to use, a *WindowsError for a Windows pod, a
// *NotEffectiveError for capabilities that have no effect, and a *ContradictionError.
func Make(f target.Facts, r Request) (Plan, error) {
	if f.Windows {
		return Plan{}, &WindowsError{}
	}
	if r.RunAs != nil && r.RunAs.UID != 0 && r.Profile.root() {
		return Plan{}, &ContradictionError{One: r.Profile.flag(), Other: "--run-as=" + r.RunAs.String()}
	}
	if r.Profile == Restricted && len(r.AddCapabilities) > 0 {
		return Plan{}, &ContradictionError{One: r.Profile.flag(), Other: capAddFlag(r.AddCapabilities)}
	}
	f = complete(f, r.RunAs)
	mirror := mirrored(f)
	p := &plan{origins: map[string]string{}}
	if missing := p.identify(f, r); missing != "" {
		return Plan{}, &UnknownIdentityError{Missing: missing}
	}
	p.identity(f)
	p.profile(f, r.Profile)
	if err := p.add(r.AddCapabilities); err != nil {
		return Plan{}, err
	}
	p.escalation(f)
	p.sandbox(f)
	if err := p.customize(r.Custom); err != nil {
		return Plan{}, err
	}
	out := p.done()
	out.Custom = r.Custom
	out.StepUp = mirror == nil || !within(out.SecurityContext, mirror.sc) || r.Custom != nil && len(r.Custom.Reaches()) > 0
	if mirror == nil || !equality.Semantic.DeepEqual(out.SecurityContext, mirror.sc) || r.Custom != nil {
		out.Asked = r.words(f)
	}
	return out, nil
}

// complete fills in the identity that the user names where the facts tell none.
func complete(f target.Facts, named *RunAs) target.Facts {
	if named == nil {
		return f
	}
	if !f.UID.Known() {
		f.UID = target.Sourced[int64]{Value: named.UID, Origin: target.FromRunAs}
	}
	if !f.GID.Known() && named.GID != nil {
		f.GID = target.Sourced[int64]{Value: *named.GID, Origin: target.FromRunAs}
	}
	return f
}

// mirrored is the plan with nothing on top, or nil where the facts do not tell the identity.
func mirrored(f target.Facts) *plan {
	p := &plan{origins: map[string]string{}}
	if p.identify(f, Request{}) != "" {
		return nil
	}
	p.identity(f)
	p.capabilities(f)
	p.escalation(f)
	p.sandbox(f)
	return p
}

// within reports whether a security context is the mirror's, or lacks only capabilities or escalation that the mirror has.
func within(sc, mirror corev1.SecurityContext) bool {
	if c := sc.Capabilities; c != nil && len(c.Add) == 0 && slices.Contains(c.Drop, "ALL") {
		sc.Capabilities = mirror.Capabilities
	}
	if e := sc.AllowPrivilegeEscalation; e != nil && !*e {
		sc.AllowPrivilegeEscalation = mirror.AllowPrivilegeEscalation
	}
	return equality.Semantic.DeepEqual(sc, mirror)
}

// words are what the request asks on top of the mirror, as on a command line.
func (r Request) words(f target.Facts) []string {
	var out []string
	if r.Profile != None {
		out = append(out, r.Profile.flag())
	}
	if n := r.RunAs; n != nil && (n.UID != f.UID.Value || n.GID != nil && *n.GID != f.GID.Value) {
		out = append(out, "--run-as="+n.String())
	}
	if len(r.AddCapabilities) > 0 {
		out = append(out, capAddFlag(r.AddCapabilities))
	}
	if r.Custom != nil {
		out = append(out, "--custom")
	}
	return out
}

// capAddFlag are capabilities as they are asked for on a command line.
func capAddFlag(capabilities []corev1.Capability) string {
	var names []string
	for _, c := range capabilities {
		names = append(names, string(c))
	}
	return fromCapAdd + "=" + strings.Join(names, ",")
}

// identify settles uid and gid: the facts', else the profile's, --run-as', the custom file's, of which the last is the
// strongest. It returns what stays unknown.
func (p *plan) identify(f target.Facts, r Request) (missing string) {
	uid, gid := f.UID, f.GID
	if r.Profile.root() {
		root := target.Sourced[int64]{Origin: target.Origin(r.Profile.flag())}
		uid, gid = root, root
	}
	if n := r.RunAs; n != nil {
		uid = named(uid, n.UID, target.FromRunAs)
		if n.GID != nil {
			gid = named(gid, *n.GID, target.FromRunAs)
		}
	}
	if r.Custom != nil && r.Custom.security != nil {
		if id := r.Custom.security.RunAsUser; id != nil {
			uid = target.Sourced[int64]{Value: *id, Origin: fromCustom}
		}
		if id := r.Custom.security.RunAsGroup; id != nil {
			gid = target.Sourced[int64]{Value: *id, Origin: fromCustom}
		}
	}
	p.uid, p.gid = uid.Value, gid.Value
	p.origins["runAsUser"], p.origins["runAsGroup"] = string(uid.Origin), string(gid.Origin)
	return missingIdentity(uid, gid)
}

// named is an id that the user names; where it is known to be that already, it stays as it is.
func named(known target.Sourced[int64], id int64, origin target.Origin) target.Sourced[int64] {
	if known.Known() && known.Value == id {
		return known
	}
	return target.Sourced[int64]{Value: id, Origin: origin}
}

// profile sets what a profile says of capabilities; the mirror's where it says nothing.
func (p *plan) profile(f target.Facts, profile Profile) {
	all := []corev1.Capability{"ALL"}
	switch profile {
	case General:
		p.sc.Capabilities = &corev1.Capabilities{Add: []corev1.Capability{"SYS_PTRACE"}}
	case NetAdmin:
		p.sc.Capabilities = &corev1.Capabilities{Add: []corev1.Capability{"NET_ADMIN", "NET_RAW"}, Drop: all}
	case SysAdmin:
		p.sc.Privileged = new(true)
		p.origins["privileged"] = profile.flag()
		return
	case Restricted:
		p.sc.Capabilities = &corev1.Capabilities{Drop: all}
	default:
		p.capabilities(f)
		return
	}
	p.origins["capabilities"] = profile.flag()
}

// add adds capabilities, and drops them no more. A privileged container has them all.
func (p *plan) add(asked []corev1.Capability) error {
	switch {
	case len(asked) == 0:
		return nil
	case p.uid != 0:
		return &NotEffectiveError{Capabilities: asked, UID: p.uid}
	case p.privileged():
		return nil
	}
	if p.sc.Capabilities == nil {
		p.sc.Capabilities = &corev1.Capabilities{}
	}
	c, changed := p.sc.Capabilities, false
	for _, capability := range asked {
		if !slices.Contains(c.Add, capability) {
			c.Add, changed = append(c.Add, capability), true
		}
		is := func(other corev1.Capability) bool { return canonical(other) == capability }
		if slices.ContainsFunc(c.Drop, is) {
			c.Drop, changed = slices.DeleteFunc(c.Drop, is), true
		}
	}
	if changed {
		p.origins["capabilities"] = join(p.origins["capabilities"], fromCapAdd)
	}
	return nil
}

// join names two places that a value comes from.
func join(first, second string) string {
	if first == "" {
		return second
	}
	return first + ", " + second
}

func (p *plan) privileged() bool { return p.sc.Privileged != nil && *p.sc.Privileged }

// customize merges a custom file's security context over the plan's. Uid and gid are the file's already.
func (p *plan) customize(c *Custom) error {
	if c == nil || c.security == nil {
		return nil
	}
	merged, err := merge(p.sc, *c.security)
	if err != nil {
		return &CustomError{Reason: "this cannot be merged into a security context", Cause: err}
	}
	asked, before := fields(*c.security), fields(p.sc)
	p.sc = merged
	for name, value := range fields(merged) {
		switch {
		case asked[name] == nil:
		case before[name] == nil || equality.Semantic.DeepEqual(value, asked[name]):
			p.origins[name] = fromCustom
		default:
			p.origins[name] = join(p.origins[name], fromCustom)
		}
	}
	if p.grantsEscalation() && asked["allowPrivilegeEscalation"] == nil {
		p.sc.AllowPrivilegeEscalation = nil // the API refuses false beside these
		delete(p.origins, "allowPrivilegeEscalation")
	}
	if p.uid == 0 && p.sc.RunAsNonRoot != nil && *p.sc.RunAsNonRoot {
		return &ContradictionError{One: "runAsNonRoot of the custom file", Other: "uid 0"}
	}
	return nil
}
