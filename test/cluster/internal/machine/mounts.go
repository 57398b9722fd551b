package machine

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

type mount struct{ point, fstype string }

// UnmountBelow unmounts all that is mounted below dir, the last first.
func UnmountBelow(dir string) error {
	all, err := mounts()
	if err != nil {
		return err
	}
	var failed []error
	for _, m := range slices.Backward(all) {
		if !strings.HasPrefix(m.point, dir+"/") {
			continue
		}
		// Detached: who still has a file open there must not hold up the rest.
		if err := syscall.Unmount(m.point, syscall.MNT_DETACH); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOENT) {
			failed = append(failed, fmt.Errorf("unmounting %s: %w", m.point, err))
		}
	}
	return errors.Join(failed...)
}

func mounts() ([]mount, error) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("reading what is mounted: %w", err)
	}
	return parseMounts(string(text))
}

// parseMounts reads lines of proc(5)'s mountinfo: the fifth field is the mount point, the first after a lone dash the type.
func parseMounts(text string) ([]mount, error) {
	var result []mount
	for line := range strings.Lines(text) {
		before, after, found := strings.Cut(line, " - ")
		fields, rest := strings.Fields(before), strings.Fields(after)
		if !found || len(fields) < 5 || len(rest) < 1 {
			return nil, fmt.Errorf("mountinfo has the line %q", line)
		}
		result = append(result, mount{point: unescape(fields[4]), fstype: rest[0]})
	}
	return result, nil
}

// unescape turns \040 and the like back into the byte it stands for.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
