package cluster

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
)

// Status writes a line for each component, and for one that should run and does not, the end of its log. It tells whether
// all run.
func (c Cluster) Status(ctx context.Context, out io.Writer) (bool, error) {
	all := true
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "COMPONENT\tPID\tSTATE")
	var dead []string
	for _, p := range c.components() {
		status := p.Settled(ctx)
		fmt.Fprintf(table, "%s\t%d\t%s\n", p.Name, status.PID, status)
		if status.Alive {
			continue
		}
		all = false
		if status.PID != 0 {
			dead = append(dead, fmt.Sprintf("\nthe end of %s:", p.Log))
			for _, line := range p.LastLines() {
				dead = append(dead, "  "+line)
			}
		}
	}
	if err := table.Flush(); err != nil {
		return false, err
	}
	for _, line := range dead {
		if _, err := fmt.Fprintln(out, line); err != nil {
			return false, err
		}
	}
	return all, nil
}
