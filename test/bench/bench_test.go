package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestBounds(t *testing.T) {
	t.Parallel()
	e := experiment{name: "e", commands: []command{{name: "peer", line: "a | b"}}}
	most := bound{command: "own", figure: took, peer: "peer", at: 0.5, limit: 0.5}
	least := bound{command: "own", figure: took, peer: "peer", at: 0.5, limit: 1, least: true}
	for name, test := range map[string]struct {
		bound     bound
		own, peer []float64 // one value a run
		runs, met string
	}{
		"all runs":            {most, []float64{4, 5}, []float64{10, 10}, "0.40, 0.50", "yes"},
		"within 5 %":          {most, []float64{5.2, 5}, []float64{10, 10}, "0.52, 0.50", "yes"},
		"one beyond":          {most, []float64{5.3, 5}, []float64{10, 10}, "0.53, 0.50", "in 1 of 2"},
		"all beyond":          {most, []float64{6, 7}, []float64{10, 10}, "0.60, 0.70", "no"},
		"at least":            {least, []float64{9.6, 12}, []float64{10, 10}, "0.96, 1.20", "yes"},
		"less than least":     {least, []float64{9, 9}, []float64{10, 10}, "0.90, 0.90", "no"},
		"a run that is not":   {most, []float64{4}, []float64{10, 10}, "0.40", "not measured"},
		"of its own unit":     {bound{command: "own", figure: took, at: 1, limit: 60}, []float64{60, 61}, nil, "60, 61", "yes"},
		"no figure of a peer": {most, []float64{4, 4}, nil, "", "not measured"},
	} {
		r := &results{Runs: 2}
		for run, value := range test.own {
			recorder{r, "e", run}.add("own", took, value)
		}
		for run, value := range test.peer {
			recorder{r, "e", run}.add("peer", took, value)
		}
		if runs, met := r.verdict(e, test.bound); runs != test.runs || met != test.met {
			t.Errorf("%s: %q, %q; want %q, %q", name, runs, met, test.runs, test.met)
		}
	}

	r := &results{Runs: 1}
	recorder{r, "e", 0}.add("own", took, 1)
	recorder{r, "e", 0}.add("peer", brokeOff, 1)
	if runs, met := r.verdict(e, most); runs != "the peer broke off" || met != "nothing to compare" {
		t.Errorf("where the peer broke off: %q, %q", runs, met)
	}
	if line := e.lineOf("peer"); line != "`a \\| b`" {
		t.Errorf("command of the peer: %s", line)
	}
}

// TestWrite: what a case measured before it broke off is there, and so is what people wrote on the page.
func TestWrite(t *testing.T) {
	t.Parallel()
	page := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(page, []byte("old\n"+traces+"\nby hand\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	e := experiment{name: "e", about: "about e", commands: []command{{name: "own", line: "own line"}}, bounds: []bound{{command: "own", figure: cpu, limit: 1}}}
	r := &results{Runs: 1}
	rec := recorder{r, "e", 0}
	rec.add("own", took, 12.34)
	rec.fail(errors.New("it\nbroke"))
	if err := r.write(nil, []experiment{e}, page); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| time, ms | 12.3 | 12.3 | 12.3 | 12.3 | 1 |", "Not measured to its end: it broke", "| not measured |", "\nby hand\n"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the page lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(string(text), "old") {
		t.Errorf("the old page is still there:\n%s", text)
	}
	raw, err := os.ReadFile(strings.TrimSuffix(page, ".md") + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Failures []failure
		Series   []struct {
			Command string
			Values  [][]float64
		}
	}
	if err := json.Unmarshal(raw, &got); err != nil || len(got.Failures) != 1 || len(got.Series) != 1 || got.Series[0].Values[0][0] != 12.34 {
		t.Errorf("raw figures %+v, %v", got, err)
	}
}

// TestSlowRoad: opening a connection and each exchange take one round trip more, and what is sent at once arrives at once.
func TestSlowRoad(t *testing.T) {
	t.Parallel()
	server, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	go func() {
		connection, err := server.Accept()
		if err != nil {
			return
		}
		defer connection.Close()
		for lines := bufio.NewScanner(connection); lines.Scan(); {
			_, _ = connection.Write(append(lines.Bytes(), '\n'))
		}
	}()
	road, err := openSlowRoad(t.Context(), server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = road.listener.Close() })
	const more = 100 * time.Millisecond
	road.more.Store(int64(more))
	began := time.Now()
	connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", road.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	answers := bufio.NewScanner(connection)
	for exchange, lines := range []int{1, 50} {
		for range lines {
			if _, err := connection.Write([]byte("x\n")); err != nil {
				t.Fatal(err)
			}
		}
		for range lines {
			if !answers.Scan() || answers.Text() != "x" {
				t.Fatalf("%q, %v", answers.Text(), answers.Err())
			}
		}
		if took := time.Since(began).Seconds() / more.Seconds(); took < float64(exchange+2) || took > 30 {
			t.Errorf("after exchange %d: %.2f round trips; want %d", exchange, took, exchange+2)
		}
	}
}

func TestKindOf(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"GET /api/v1/namespaces/a/pods/b":                                  "get pods",
		"GET /api/v1/namespaces/a/pods?watch=1":                            "watch pods",
		"GET /api/v1/namespaces/a/pods?limit=5":                            "list pods",
		"GET /api/v1/pods":                                                 "list pods",
		"GET /api/v1/namespaces/a":                                         "get namespaces",
		"PATCH /api/v1/namespaces/a/pods/b/ephemeralcontainers?dryRun=All": "patch pods/ephemeralcontainers (dry run)",
		"PATCH /api/v1/namespaces/a/pods/b/ephemeralcontainers":            "patch pods/ephemeralcontainers",
		"POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews":      "create selfsubjectaccessreviews",
		"GET /apis/apps/v1/namespaces/a/deployments/b":                     "get deployments",
		"GET /version": "get /version",
		"GET /api":     "get /api",
		"GET /api/v1/namespaces/a/pods/b/exec?command=true Upgrade SPDY/3.1": "get pods/exec (spdy/3.1)",
	} {
		words := strings.Fields(line)
		request, err := http.NewRequestWithContext(t.Context(), words[0], "http://server"+words[1], nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(words) > 2 {
			request.Header.Set(words[2], words[3])
		}
		if got := kindOf(request); got != want {
			t.Errorf("%s: %q; want %q", line, got, want)
		}
	}
}

func TestFigures(t *testing.T) {
	t.Parallel()
	for q, want := range map[float64]float64{0: 1, 0.5: 2.5, 0.9: 3.7, 1: 4} {
		if got := quantile([]float64{4, 1, 3, 2}, q); got < want-1e-9 || got > want+1e-9 {
			t.Errorf("quantile %g: %g; want %g", q, got, want)
		}
	}
	x := []time.Duration{0, 20, 50, 100}
	if got := slope(x, []time.Duration{7, 67, 157, 307}); got != 3 {
		t.Errorf("slope %g; want 3", got)
	}
	for value, want := range map[float64]string{0: "0", 0.5: "0.50", 1: "1", 9.996: "10", 12.34: "12.3", 20: "20", 1234.5: "1234", -3.25: "-3.25"} {
		if got := number(value); got != want {
			t.Errorf("%g is %q; want %q", value, got, want)
		}
	}
	in := inTurn([]command{{name: "a"}, {name: "b"}, {name: "c"}}, 4)
	if in[0].name != "b" || in[1].name != "c" || in[2].name != "a" {
		t.Errorf("in turn: %+v", in)
	}
}
