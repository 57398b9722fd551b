// Command skipgate reads what `go test -json` wrote and fails where a test was
// skipped that the list of accepted skips does not name, or where no test ran.
//
//	skipgate -list test/e2e/SKIPS [-server v1.36.3] OUTPUT.json
//
// The head of test/e2e/SKIPS says how the list is written.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "skipgate:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("skipgate", flag.ContinueOnError)
	listPath := flags.String("list", "", "file of accepted skips")
	server := flags.String("server", "", "version of the API server that the tests ran against")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *listPath == "" || flags.NArg() != 1 {
		return fmt.Errorf("want -list FILE and one file of test output, got %q", args)
	}

	list, err := readFile(*listPath, parseList)
	if err != nil {
		return err
	}
	outcome, err := readFile(flags.Arg(0), parseOutput)
	if err != nil {
		return err
	}
	faults, notes := judge(list, outcome, minor(*server))
	for _, line := range append(notes, faults...) {
		fmt.Fprintln(out, line)
	}
	if len(faults) > 0 {
		return fmt.Errorf("the run does not fit %s: see above", *listPath)
	}
	fmt.Fprintf(out, "skipgate: %d tests ran, %d skips accepted\n", outcome.ran, len(outcome.skipped))
	return nil
}

// readFile parses the named file and names it in errors.
func readFile[T any](name string, parse func(io.Reader) (T, error)) (T, error) {
	f, err := os.Open(name)
	if err != nil {
		var none T
		return none, err
	}
	defer f.Close()
	parsed, err := parse(f)
	if err != nil {
		return parsed, fmt.Errorf("reading %q: %w", name, err)
	}
	return parsed, nil
}
