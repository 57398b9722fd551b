package triage

import (
	"bytes"
	"fmt"
	"strings"
)

// Raw is what was gathered for one topic: blocks of text, in the order in which they came.
type Raw []Block

// Block is one of them.
type Block struct {
	Name string
	Data string
}

// Get is the text of a block, empty where there is none.
func (r Raw) Get(name string) string {
	for _, b := range r {
		if b.Name == name {
			return b.Data
		}
	}
	return ""
}

// Text is all of it as a file has it, for an incident's ticket.
func (r Raw) Text() string {
	var text strings.Builder
	for _, b := range r {
		fmt.Fprintf(&text, "== %s\n%s", b.Name, b.Data)
		if !strings.HasSuffix(b.Data, "\n") {
			text.WriteString("\n")
		}
	}
	return text.String()
}

// beyond is the block that says of another that there was more than stands in it, and how much does.
func beyond(name string) string { return "beyond " + name }

// ended is the block that a script prints last.
const ended = "ended"

// parseRaw takes apart what the scripts print: a line of the mark, the topic and the name before each block, which begins a
// line even where what stands before it does not end one. The mark is random, so that nothing that the target says is
// taken for such a line. A topic that is whole is in whole.
func parseRaw(text, mark string) (raw map[string]Raw, whole map[string]bool) {
	raw, whole = map[string]Raw{}, map[string]bool{}
	for _, part := range strings.Split("\n"+text, "\n"+mark+" ")[1:] {
		head, data, _ := strings.Cut(part, "\n")
		topic, name, _ := strings.Cut(head, " ")
		if name == ended {
			whole[topic] = true
			continue
		}
		raw[topic] = append(raw[topic], Block{Name: name, Data: data})
	}
	return raw, whole
}

// head keeps the beginning of what is written to it; cut says that there was more.
type head struct {
	text  bytes.Buffer
	limit int
	cut   bool
}

// Write implements io.Writer.
func (h *head) Write(p []byte) (int, error) {
	room := h.limit - h.text.Len()
	h.cut = h.cut || len(p) > room
	h.text.Write(p[:min(len(p), room)])
	return len(p), nil
}
