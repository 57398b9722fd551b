package process

import (
	"io"
	"os"
	"strings"
)

// lastLines returns up to n lines from the end of a file, each cut to a width that can be read.
func lastLines(file string, n int) []string {
	const window, width = 16 << 10, 400
	f, err := os.Open(file)
	if err != nil {
		return []string{err.Error()}
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return []string{err.Error()}
	}
	text, err := io.ReadAll(io.NewSectionReader(f, max(0, size-window), window))
	if err != nil {
		return []string{err.Error()}
	}
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	lines = lines[max(0, len(lines)-n):]
	for i, line := range lines {
		if len(line) > width {
			lines[i] = line[:width] + "…"
		}
	}
	return lines
}
