package triage

import (
	"fmt"
	"strings"
	"testing"
)

// aDoor are the blocks of `doors` for one listening socket on the loopback address.
func aDoor(port int, pid string) Raw {
	return Raw{
		{"tcp", fmt.Sprintf("   0: 0100007F:%04X 00000000:0000 0A 00000000:00000000 00:00000000 00000000 65532 0 4711 1\n", port)},
		{"owners", "4711 " + pid + "\n"},
	}
}

// shared is that socket, which another process has as well.
func shared(door Raw, pid string) Raw {
	return Raw{door[0], {"owners", door[1].Data + "4711 " + pid + "\n"}}
}

// anAnswer is a page by HTTP.
func anAnswer(status, body string) string {
	return fmt.Sprintf("HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s", status, len(body), body)
}

func TestNode(t *testing.T) {
	t.Parallel()
	nodeProcess := append(Raw{{"first", "1\n"}}, aProcess("1", "node", "65532", listensToAll)...)
	with := func(more Raw) Raw { return append(nodeProcess[:len(nodeProcess):len(nodeProcess)], more...) }
	const sends, open = "sends SIGUSR1 to process 1 node", "the inspector of process 1 node is open already; asks it by HTTP"
	const list = `[{"title":"server.js","type":"node","url":"file:///app/server.js","id":"a-b"}]`
	// The connection to its port is the only run that has the words of an address.
	page := [2]string{"127.0.0.1 9229", anAnswer("200 OK", list)}
	for name, test := range map[string]struct {
		raw     Raw
		answers [][2]string
		says    []string
		facts   string
		unread  string
		fails   string
	}{
		"opened": {
			raw: nodeProcess, answers: [][2]string{{"1 77 /usr/bin/node", "open 0100007F:240D\n"}, page}, says: []string{sends},
			facts: "{inspector 127.0.0.1:9229, opened now} {can be inspected node server.js (file:///app/server.js), id a-b}",
		},
		"it was open":               {raw: with(aDoor(9229, "1")), answers: [][2]string{page}, says: []string{open}, facts: "{inspector 127.0.0.1:9229, it was open}"},
		"another has the port, too": {raw: with(shared(aDoor(9229, "20"), "1")), answers: [][2]string{page}, says: []string{open}, facts: "{inspector 127.0.0.1:9229, it was open}"},
		"much": {
			raw: with(aDoor(9229, "1")), answers: [][2]string{{"127.0.0.1 9229", anAnswer("200 OK", strings.Repeat(" ", atMostAnswer+1))}}, says: []string{open},
			unread: "/json/version of the inspector after its first 4.0 MiB; /json/list of the inspector after its first 4.0 MiB",
		},
		"another has the port": {
			raw: with(aDoor(9229, "20")), fails: "the topic node was refused: another process than process 1 node listens on port 9229 already",
		},
		"nobody known has the port": {raw: with(aDoor(9229, "")), fails: "the topic node was refused: another process than process 1 node listens on port 9229 already"},
		"nothing opens":             {raw: with(aDoor(9228, "20")), answers: [][2]string{{"1 77", "silent\n"}}, says: []string{sends}, fails: "process 1 node opened nothing within 5s of SIGUSR1"},
		"no handler any more":       {raw: nodeProcess, answers: [][2]string{{"1 77", "refused handler\n"}}, says: []string{sends}, fails: "the topic node was refused: process 1 node has no handler for SIGUSR1 any more"},
		"it does not speak HTTP": {
			raw: with(aDoor(9229, "1")), answers: [][2]string{{"127.0.0.1 9229", "hello\n"}}, says: []string{open}, unread: "the inspector: 127.0.0.1:9229 does not answer as HTTP",
		},
		"it answers no": {
			raw: with(aDoor(9229, "1")), answers: [][2]string{{"127.0.0.1 9229", anAnswer("400 Bad Request", "x")}}, says: []string{open}, unread: "the inspector: 127.0.0.1:9229 answers /json/version with 400 Bad Request",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, texts := said()
			got, err := touchBy(t.Context(), node, &answering{answers: test.answers}, s, test.raw)
			wantSaid(t, *texts, test.says)
			if test.fails != "" || err != nil {
				if err == nil || !strings.HasPrefix(err.Error(), test.fails) || test.fails == "" {
					t.Errorf("the error is %v, want %q", err, test.fails)
				}
				return
			}
			r := readNode(got, s)
			if !strings.Contains(fmt.Sprint(r.Facts), test.facts) || !strings.Contains(strings.Join(r.Unread, "; "), test.unread) || (test.unread == "") != (len(r.Unread) == 0) {
				t.Errorf("the facts are %v, unread %q; want %q and %q", r.Facts, r.Unread, test.facts, test.unread)
			}
			if len(r.Findings) != 1 || r.Findings[0].Weight != Warning || r.Findings[0].Next != "kubectl -n shop port-forward pod/web 9229" {
				t.Errorf("the findings are %+v", r.Findings)
			}
		})
	}
}
