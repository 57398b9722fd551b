package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const rate figure = "rate, MB/s"

// block is what dd reads at a time.
const block = 64 << 10

// bytesExperiment is how much a session carries.
func bytesExperiment(b *base) experiment {
	blocks := b.stream * 1e6 / block
	out := fmt.Sprintf("dd if=/dev/zero bs=%d count=%d", block, blocks)
	e := experiment{
		name: "bytes",
		about: fmt.Sprintf("%d MB through a session, out of a container and into it, with the client's start and end. What arrived is counted.",
			blocks*block/1e6),
		commands: []command{
			{name: "out", line: "kubectl-mindebug pod/x -- " + out, pod: withSession},
			{name: "out, kubectl exec", line: "kubectl exec pod/x -- " + out, pod: withShell},
			{name: "in", line: "kubectl-mindebug pod/x -i -- wc -c", pod: withSession},
			{name: "in, kubectl exec", line: "kubectl exec -i pod/x -- wc -c", pod: withShell},
		},
	}
	for _, way := range []string{"out", "in"} {
		e.bounds = append(e.bounds, bound{command: way, figure: rate, peer: way + ", kubectl exec", at: 0.5, limit: 1, least: true})
	}
	e.measure = func(ctx context.Context, l *lab, rec recorder) error {
		input, err := os.Create(filepath.Join(l.folder, "zeros"))
		if err != nil {
			return err
		}
		defer os.Remove(input.Name())
		defer input.Close()
		if err := input.Truncate(blocks * block); err != nil {
			return err
		}
		for round := range max(1, l.rounds/2) {
			for _, c := range inTurn(e.commands, rec.run+round) {
				if err := l.streamOnce(ctx, c, input, blocks*block, rec); err != nil {
					return err
				}
			}
		}
		return nil
	}
	return e
}

// streamOnce carries so many bytes by a command, and counts what arrived.
func (l *lab) streamOnce(ctx context.Context, c command, input *os.File, size int64, rec recorder) error {
	if err := wait(ctx, l.settle); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*patience)
	defer cancel()
	argv := c.argv(l.namespace)
	p, err := l.launch(ctx, argv)
	if err != nil {
		return err
	}
	out, answer := &counted{}, &strings.Builder{}
	p.Stdout = out
	if strings.HasSuffix(c.line, "wc -c") {
		if _, err := input.Seek(0, io.SeekStart); err != nil {
			return err
		}
		p.Stdin, p.Stdout = input, answer
	}
	var m measured
	if err := p.run(&m); err != nil {
		return err
	}
	arrived := out.bytes
	if p.Stdin != nil {
		if arrived, err = strconv.ParseInt(strings.TrimSpace(answer.String()), 10, 64); err != nil {
			return fmt.Errorf("reading what %q printed: %w", strings.Join(argv, " "), err)
		}
	}
	if arrived != size {
		return fmt.Errorf("%q: %d bytes of %d arrived", strings.Join(argv, " "), arrived, size)
	}
	rec.add(c.name, rate, float64(size)/1e6/m.Took.Seconds())
	rec.process(c.name, m)
	return nil
}

// counted counts what is written to it.
type counted struct{ bytes int64 }

func (c *counted) Write(p []byte) (int, error) {
	c.bytes += int64(len(p))
	return len(p), nil
}
