package triage

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
)

var (
	//go:embed node.sh
	nodeScript string
	//go:embed nodeopen.sh
	nodeOpenScript string
)

// node opens the inspector of Node.js, which is the door to its profiles, heap and debugger.
var node = Topic{
	Name: "node", About: "only where named, with --touch-target: opens the inspector of Node.js, for a debugger to connect to",
	Touches: "it has Node.js open its inspector, by a signal",
	Applies: never, Script: touchScript + nodeScript, Choose: chooseNode, Read: readNode,
}

var nodejs = platform{
	topic: "node", name: "Node.js with an inspector", proof: "node_module_register and the inspector's words in it",
	signal: sigUsr1, signalName: "SIGUSR1", missing: "it was started with --disable-sigusr1, or is only starting",
}

// inspectorPort is that of Node.js unless it was given another.
const inspectorPort = 9229

// inspectorPages are what an inspector says of itself.
var inspectorPages = []page{{"version", "/json/version"}, {"list", "/json/list"}}

// chooseNode is the process whose inspector is opened, unless it is.
func chooseNode(raw Raw, s Subject) (touch, error) {
	p, err := nodejs.choose(raw, s)
	if err != nil {
		return nil, err
	}
	open, taken := netip.AddrPort{}, false
	for _, d := range doors(raw) {
		switch {
		case d.at.Port() != inspectorPort:
		case d.pid == p.pid:
			open = d.at
		default:
			taken = true
		}
	}
	if taken && !open.IsValid() {
		return nil, &RefusedError{"node", fmt.Sprintf("another process than %s listens on port %d already, so its inspector cannot", p, inspectorPort), "see who: " + s.look("ss -ltn")}
	}
	return func(ctx context.Context, runner Runner) (Raw, error) { return openInspector(ctx, runner, s, p, open) }, nil
}

// openInspector has the inspector opened, unless it is at an address already, and asks it what it is.
func openInspector(ctx context.Context, runner Runner, s Subject, p toTouch, at netip.AddrPort) (Raw, error) {
	const asks = "asks it by HTTP for /json/version and /json/list"
	how := "it was open"
	if at.IsValid() {
		s.Say(fmt.Sprintf("node: the inspector of %s is open already; %s", p, asks))
	} else {
		how = "opened now"
		s.Say(fmt.Sprintf("node: sends SIGUSR1 to %s, which opens its inspector on the pod's loopback address until it ends: "+
			"whoever reaches that can run code as the program; then %s", p, asks))
		did, err := nodejs.act(ctx, runner, p, nodeOpenScript, p.words()...)
		if err != nil {
			return nil, err
		}
		var opened bool
		if at, opened = parseAddress(strings.TrimPrefix(did.word, "open ")); !opened {
			return nil, fmt.Errorf("%s opened nothing within 5s of SIGUSR1: it is busy, has an inspector elsewhere, or a listener of its own for that signal", p)
		}
	}
	return Raw{{"node", p.String()}, {"inspector", at.String()}, {"how", how}}.ask(ctx, runner, reach(at), inspectorPages), nil
}

func readNode(raw Raw, s Subject) Reading {
	var r Reading
	at, err := netip.ParseAddrPort(raw.Get("inspector"))
	if err != nil {
		return r
	}
	r.fact("process", raw.Get("node"))
	r.fact("inspector", fmt.Sprintf("%s, %s", at, raw.Get("how")))
	if silent := raw.Get("silent"); silent != "" {
		r.unread("the inspector: " + cut(silent))
	}
	for _, p := range inspectorPages {
		if has := raw.Get(beyond(p.block)); has != "" {
			r.unread(p.path + " of the inspector after its first " + has)
		}
	}
	var version struct {
		Browser  string
		Protocol string `json:"Protocol-Version"`
	}
	if json.Unmarshal([]byte(raw.Get("version")), &version) == nil && version.Browser != "" {
		r.fact("version", fmt.Sprintf("%s, protocol %s", cut(version.Browser), cut(version.Protocol)))
	}
	var list []struct{ Title, Type, URL, ID string }
	if json.Unmarshal([]byte(raw.Get("list")), &list) == nil {
		for _, one := range list[:min(len(list), inLine)] {
			r.fact("can be inspected", fmt.Sprintf("%s %s (%s), id %s", cut(one.Type), cut(one.Title), cut(one.URL), cut(one.ID)))
		}
	}
	r.Output = strings.TrimSpace(raw.Get("version")+"\n"+raw.Get("list")) + "\n"
	r.find(Warning, fmt.Sprintf("the inspector of Node.js listens on %s, and does until the process ends", at),
		"whoever reaches that port, from the pod or by port-forward, can run code as the program; a debugger closes it by require('inspector').close()",
		s.kubectl(fmt.Sprintf("port-forward pod/%s %d", s.Pod.Name, at.Port())))
	return r
}
