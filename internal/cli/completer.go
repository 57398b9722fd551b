package cli

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/mindebug/kubectl-mindebug/internal/fault"
)

// programName is the plugin's own, by which kubectl finds it.
const programName = "kubectl-mindebug"

// installCompleter makes the program that kubectl asks for completions, in the folder of PATH that has the plugin, and returns
// its path. It leads to the plugin by its name there: package managers keep that name through an upgrade, and remove the file
// that it leads to.
func installCompleter(path string) (string, error) {
	for _, dir := range filepath.SplitList(path) {
		if dir == "" {
			continue // which would mean the current folder
		}
		found, err := exec.LookPath(filepath.Join(dir, programName))
		if err != nil {
			continue
		}
		link := completerIn(dir)
		switch ours, err := isCompleter(link); {
		case err != nil:
			return link, &fault.NoCompleter{Path: link, Cause: err}
		case ours:
			if err := os.Remove(link); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return link, &fault.NoCompleter{Path: link, Cause: err}
			}
		}
		if err := makeCompleter(link, filepath.Base(found)); err != nil {
			return link, &fault.NoCompleter{Path: link, Cause: err}
		}
		return link, nil
	}
	return "", &fault.NoCompleter{Cause: exec.ErrNotFound}
}

// uninstallCompleter removes from all folders of PATH what installCompleter made, and returns what that was.
func uninstallCompleter(path string) (removed []string, err error) {
	for _, dir := range filepath.SplitList(path) {
		link := completerIn(dir)
		if ours, err := isCompleter(link); err != nil || !ours {
			continue // another's, or none
		}
		switch err := os.Remove(link); {
		case err == nil:
			removed = append(removed, link)
		case !errors.Is(err, fs.ErrNotExist):
			return removed, &fault.NoCompleter{Path: link, Cause: err}
		}
	}
	return removed, nil
}

// completerIn is the path of the program that kubectl asks, in a folder. Windows lets few users make links.
func completerIn(dir string) string {
	if runtime.GOOS == "windows" {
		return filepath.Join(dir, completerName+".cmd")
	}
	return filepath.Join(dir, completerName)
}

// makeCompleter makes it lead to a name in its own folder.
func makeCompleter(link, name string) error {
	if runtime.GOOS == "windows" {
		return os.WriteFile(link, []byte(batch(name)), 0o755)
	}
	return os.Symlink(name, link)
}

// batch is what does a link's service on Windows.
func batch(name string) string { return "@\"%~dp0" + name + "\" __complete %*\r\n" }

// isCompleter reports whether a path is free or what makeCompleter makes; else the error is fs.ErrExist.
func isCompleter(link string) (bool, error) {
	if to, err := os.Readlink(link); err == nil {
		if strings.TrimSuffix(filepath.Base(to), ".exe") == programName {
			return true, nil
		}
		return false, fs.ErrExist
	}
	switch text, err := os.ReadFile(link); {
	case errors.Is(err, fs.ErrNotExist):
		return true, nil
	case err != nil:
		return false, err
	case strings.HasSuffix(string(text), "\" __complete %*\r\n"):
		return true, nil
	}
	return false, fs.ErrExist
}
