package cli

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mindebug/kubectl-mindebug/internal/app"
	"github.com/mindebug/kubectl-mindebug/internal/cluster"
	"github.com/mindebug/kubectl-mindebug/internal/triage"
	"github.com/mindebug/kubectl-mindebug/internal/ui"
	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// completeWithin bounds a completion: somebody has pressed a key and waits.
const completeWithin = 5 * time.Second

// completer finds words that could come next. It asks the cluster only for what it is about to offer, changes nothing, and
// says nothing: what it cannot find out is not offered.
type completer struct{ f *factory }

// offer is what is offered, each as a word, or a word, a tab and what it is.
type offer = []cobra.Completion

// The directives: words only; files of this machine where no word fits; no space after the word, since more of it comes.
const (
	words = cobra.ShellCompDirectiveNoFileComp
	files = cobra.ShellCompDirectiveDefault
	part  = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
)

// entry is a word and what it is. Both may be another's text; neither breaks a line of what the shell reads.
func entry(word, what string) cobra.Completion {
	return cobra.CompletionWithDesc(word, strings.Join(strings.Fields(ui.Escape(what)), " "))
}

// connect reads the kubeconfig.
func (c completer) connect(ctx context.Context) (context.Context, context.CancelFunc, *cluster.Cluster, bool) {
	connected, err := c.f.connectWith(func(string) {})
	if err != nil {
		return ctx, func() {}, nil, false
	}
	ctx, cancel := context.WithTimeout(ctx, completeWithin)
	return ctx, cancel, connected, true
}

// pastTarget tells whether the word that is completed comes after the words of a target, or after a "--".
func pastTarget(cmd *cobra.Command, args []string) bool {
	if dash := cmd.ArgsLenAtDash(); dash >= 0 && dash < len(args) {
		return true
	}
	if flag := cmd.Flag("selector"); flag != nil && flag.Changed {
		return true
	}
	_, err := target.ParseQuery(args)
	return len(args) > 0 && (err == nil && !isKindAlone(args) || len(args) > 1)
}

// isKindAlone tells whether the words are the first of "TYPE NAME".
func isKindAlone(args []string) bool {
	if len(args) != 1 {
		return false
	}
	_, ok := target.KindOf(args[0])
	return ok
}

// target completes the words of a target.
func (c completer) target(cmd *cobra.Command, args []string, begun string) (offer, cobra.ShellCompDirective) {
	if pastTarget(cmd, args) {
		return nil, words
	}
	if isKindAlone(args) {
		kind, _ := target.KindOf(args[0])
		return c.objects(cmd.Context(), kind, "", begun), words
	}
	return c.targetWord(cmd.Context(), begun)
}

// targetWord completes TYPE/NAME or the name of a pod.
func (c completer) targetWord(ctx context.Context, begun string) (offer, cobra.ShellCompDirective) {
	if word, name, slash := strings.Cut(begun, "/"); slash {
		kind, ok := target.KindOf(word)
		if !ok {
			return nil, words
		}
		return c.objects(ctx, kind, word+"/", name), words
	}
	pods := target.Kinds()[0]
	var found offer
	for _, row := range c.rows(ctx, pods) {
		if strings.HasPrefix(pods.Name, begun) {
			found = append(found, row.offer(pods.Name+"/"))
		}
		if begun != "" && strings.HasPrefix(row.name, begun) {
			found = append(found, row.offer(""))
		}
	}
	kinds := kindsBegun(begun)
	if len(found) == 0 && len(kinds) > 0 {
		return kinds, part
	}
	return append(found, kinds...), words
}

// kindsBegun are the types of workload that a word may begin with: by their names, and a short name that is whole.
func kindsBegun(begun string) (found offer) {
	for _, kind := range target.Kinds()[1:] {
		for _, word := range kind.Words() {
			if word == kind.Name && strings.HasPrefix(word, begun) || word != kind.Name && word == begun {
				found = append(found, word+"/")
			}
		}
	}
	return found
}

// object is one that can be named, and what the server says of it.
type object struct{ name, what string }

func (o object) offer(prefix string) cobra.Completion { return entry(prefix+o.name, o.what) }

// objects are those of a kind whose names begin so.
func (c completer) objects(ctx context.Context, kind target.Kind, prefix, begun string) (found offer) {
	for _, row := range c.rows(ctx, kind) {
		if strings.HasPrefix(row.name, begun) {
			found = append(found, row.offer(prefix))
		}
	}
	return found
}

// rows are the objects of a kind.
func (c completer) rows(ctx context.Context, kind target.Kind) (found []object) {
	ctx, cancel, connected, ok := c.connect(ctx)
	defer cancel()
	if !ok {
		return nil
	}
	namespace := connected.Namespace
	if kind.Plural == namespaces.Plural {
		namespace = ""
	}
	rows, err := connected.Rows(ctx, namespace, kind, "Ready", "Status", "Restarts", "Completions", "Schedule", "Type")
	if err != nil {
		return nil
	}
	for _, row := range rows {
		what := strings.Join(row.Cells, " ")
		if kind.Name == target.Pods && len(row.Cells) == 3 {
			what = row.Cells[0] + " " + row.Cells[1]
			if row.Cells[2] != "0" {
				what += ", restarts: " + row.Cells[2]
			}
		}
		found = append(found, object{row.Name, what})
	}
	return found
}

// namespaces is the kind of namespaces, which are no targets.
var namespaces = target.Kind{Name: "namespace", API: "Namespace", Plural: "namespaces"}

// targetOf reads the target that the words name.
func (c completer) targetOf(cmd *cobra.Command, args []string, namespace string) (app.TargetRequest, bool) {
	r := app.TargetRequest{Namespace: namespace}
	if flag := cmd.Flag("selector"); flag != nil {
		r.Selector = flag.Value.String()
	}
	for _, name := range []string{"container", "target"} {
		if flag := cmd.Flag(name); flag != nil && flag.Value.String() != "" {
			r.Container = flag.Value.String()
		}
	}
	if r.Selector != "" {
		return r, true
	}
	for n := min(2, len(args)); n > 0; n-- {
		query, err := target.ParseQuery(args[:n])
		if r.Query = query; err == nil {
			return r, true
		}
	}
	return r, false
}

// container completes the name of a container in the target.
func (c completer) container(cmd *cobra.Command, args []string, begun string) (offer, cobra.ShellCompDirective) {
	ctx, cancel, connected, ok := c.connect(cmd.Context())
	defer cancel()
	if !ok {
		return nil, words
	}
	r, ok := c.targetOf(cmd, remoteTarget(cmd, args), connected.Namespace)
	if !ok {
		return nil, words
	}
	candidates, _ := app.Containers(ctx, connected, r)
	var found offer
	for _, candidate := range candidates {
		if strings.HasPrefix(candidate.Name, begun) {
			found = append(found, entry(candidate.Name, candidate.Kind+", "+candidate.State+", "+candidate.Image))
		}
	}
	return found, words
}

// stop completes a target, and then the name of a session container in it.
func (c completer) stop(cmd *cobra.Command, args []string, begun string) (offer, cobra.ShellCompDirective) {
	if !pastTarget(cmd, args) {
		return c.target(cmd, args, begun)
	}
	ctx, cancel, connected, ok := c.connect(cmd.Context())
	defer cancel()
	r, named := c.targetOf(cmd, args, "")
	if _, err := target.ParseQuery(args); !ok || !named || err != nil {
		return nil, words
	}
	r.Namespace = connected.Namespace
	running, _ := app.SessionContainers(ctx, connected, r)
	var found offer
	for _, l := range running {
		if strings.HasPrefix(l.Name, begun) {
			found = append(found, entry(l.Name, strings.Join([]string{"for " + l.Target, "by " + l.User, l.Reason}, ", ")))
		}
	}
	return found, words
}

// namespace completes the name of a namespace.
func (c completer) namespace(cmd *cobra.Command, _ []string, begun string) (offer, cobra.ShellCompDirective) {
	return c.objects(cmd.Context(), namespaces, "", begun), words
}

// triage completes a target, and then topics that are not there yet.
func (c completer) triage(cmd *cobra.Command, args []string, begun string) (offer, cobra.ShellCompDirective) {
	if !pastTarget(cmd, args) {
		return c.target(cmd, args, begun)
	}
	var found offer
	for _, topic := range triage.Topics() {
		if strings.HasPrefix(topic.Name, begun) && !slices.Contains(args, topic.Name) {
			found = append(found, entry(topic.Name, topic.About))
		}
	}
	return found, words
}

// remoteTarget is, of the words of a copy, the target in the first one that names a container's file; else the words.
func remoteTarget(cmd *cobra.Command, args []string) []string {
	if cmd.Name() != "cp" {
		return args
	}
	for _, arg := range args {
		if named, _, ok := remoteWord(arg); ok {
			return []string{named}
		}
	}
	return nil
}

// remoteWord divides a word of a copy that is a container's file into target and path.
func remoteWord(text string) (named, path string, ok bool) {
	named, path, ok = strings.Cut(text, ":")
	drive := runtime.GOOS == "windows" && len(named) == 1
	return named, path, ok && named != "" && !drive && !strings.HasPrefix(text, ".") && !strings.HasPrefix(text, "/")
}

// copied completes a word of a copy: a file of this machine, a target with a colon, or a file there.
func (c completer) copied(cmd *cobra.Command, args []string, begun string) (offer, cobra.ShellCompDirective) {
	if named, path, ok := remoteWord(begun); ok {
		return c.remoteFiles(cmd, named, path)
	}
	if remoteTarget(cmd, args) != nil || begun == "" || strings.ContainsAny(begun[:1], "./~") {
		return nil, files // one side is there already, or this is a path of this machine
	}
	found, _ := c.targetWord(cmd.Context(), begun)
	for i, word := range found {
		name, what, described := strings.Cut(word, "\t")
		if strings.HasSuffix(name, "/") {
			continue
		}
		if name += ":"; described {
			name += "\t" + what
		}
		found[i] = name
	}
	local, _ := filepath.Glob(begun + "*")
	for _, path := range local {
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			path += "/"
		}
		found = append(found, path)
	}
	return found, part
}

// remoteFiles completes a path in a container, where a session container runs already.
func (c completer) remoteFiles(cmd *cobra.Command, named, path string) (offer, cobra.ShellCompDirective) {
	r, ok := c.targetOf(cmd, []string{named}, "")
	if !ok {
		return nil, part
	}
	connected, execer, err := c.f.connectToRun()
	if err != nil {
		return nil, part
	}
	r.Namespace = connected.Namespace
	ctx, cancel := context.WithTimeout(cmd.Context(), completeWithin)
	defer cancel()
	at := strings.LastIndex(path, "/") + 1
	folder, begun := path[:at], path[at:]
	if folder == "" {
		folder = "."
	}
	names, _ := app.NamesIn(ctx, connected, execer, r, folder)
	var found offer
	for _, name := range names {
		// One that a shell would have to quote is left to be typed; so is one that begins with a dot, until that is typed.
		if strings.HasPrefix(name, begun) && shellWord(name) == name && (begun != "" || !strings.HasPrefix(name, ".")) {
			found = append(found, named+":"+path[:at]+name)
		}
	}
	if slices.ContainsFunc(found, func(word string) bool { return strings.HasSuffix(word, "/") }) {
		return found, part
	}
	return found, words
}
