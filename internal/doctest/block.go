package doctest

import (
	"regexp"
	"strconv"
	"strings"
)

// Block is a fenced block of a page.
type Block struct {
	// Line is where its fence stands, counted from 1.
	Line int
	// Language is the word after the fence: "sh" is run by a test.
	Language string
	Text     string
	// NotRun says why no test runs it, in the words of the comment before it; empty where none says so.
	NotRun string
	// Exits is the status with which a block that is run ends.
	Exits int
}

// Run reports whether a test runs the block.
func (b Block) Run() bool { return b.Language == "sh" && b.NotRun == "" }

// command is a line that a reader would paste.
var command = regexp.MustCompile(`(?m)^\s*(\$ )?(kubectl |make |go (-C|build|install|run|test) |export |eval |images/[a-z]|hack/[a-z]|[A-Z]+=\$\()`)

// Commands reports whether a reader would take the block for commands.
func (b Block) Commands() bool {
	return b.Language == "sh" || b.Language == "" && command.MatchString(b.Text)
}

var (
	notRun = regexp.MustCompile(`^\s*<!-- not run: (.+) -->$`)
	exits  = regexp.MustCompile(`^\s*<!-- exits (\d+): .+ -->$`)
)

// Blocks returns the fenced blocks of a page. What stands in a list is taken without its indentation.
func Blocks(page string) (blocks []Block) {
	var open *Block
	indent, before := "", ""
	for i, line := range strings.Split(page, "\n") {
		margin, language, fence := strings.Cut(line, "```")
		fence = fence && strings.TrimSpace(margin) == ""
		switch {
		case fence && open == nil:
			indent = margin
			open = &Block{Line: i + 1, Language: language}
			if match := notRun.FindStringSubmatch(before); match != nil {
				open.NotRun = match[1]
			}
			if match := exits.FindStringSubmatch(before); match != nil {
				open.Exits, _ = strconv.Atoi(match[1]) // digits
			}
		case fence:
			blocks = append(blocks, *open)
			open = nil
		case open != nil:
			open.Text += strings.TrimPrefix(line, indent) + "\n"
		}
		before = line
	}
	return blocks
}
