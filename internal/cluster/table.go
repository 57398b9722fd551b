package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/mindebug/kubectl-mindebug/pkg/target"
)

// Row is an object as `kubectl get` prints it: its name, and the cells of the columns that were asked for and that there are.
type Row struct {
	Name  string
	Cells []string
}

// readColumns is how many columns of a table are read. The later ones are half of it, and nobody asks for them.
const readColumns = 4

// Rows lists the objects of a kind as the server prints them, which for thousands of them is a small part of their size. What
// it has in its cache is good enough: a list for people to choose from.
func (c *Cluster) Rows(ctx context.Context, namespace string, kind target.Kind, columns ...string) ([]Row, error) {
	client, err := c.typed(schema.GroupVersion{Group: kind.Group, Version: "v1"})
	if err != nil {
		return nil, err
	}
	text, err := client.Get().Namespace(namespace).Resource(kind.Plural).
		SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").
		Param("includeObject", "None").Param("resourceVersion", "0").Do(ctx).Raw()
	if err != nil {
		return nil, c.explain(ctx, err)
	}
	var table struct {
		ColumnDefinitions []struct{ Name string }
		Rows              []struct{ Cells [readColumns]any } // what comes after them is skipped
	}
	if err := json.Unmarshal(text, &table); err != nil {
		return nil, fmt.Errorf("reading the table of %s: %w", kind.Plural, err)
	}
	var wanted []int
	for i, column := range table.ColumnDefinitions[:min(readColumns, len(table.ColumnDefinitions))] {
		if slices.Contains(columns, column.Name) {
			wanted = append(wanted, i)
		}
	}
	rows := make([]Row, 0, len(table.Rows))
	for _, from := range table.Rows {
		name, ok := from.Cells[0].(string)
		if !ok {
			return nil, fmt.Errorf("reading the table of %s: a row has no name", kind.Plural)
		}
		row := Row{Name: name, Cells: make([]string, 0, len(wanted))}
		for _, i := range wanted {
			row.Cells = append(row.Cells, fmt.Sprint(from.Cells[i]))
		}
		rows = append(rows, row)
	}
	return rows, nil
}
