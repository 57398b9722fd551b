package attachtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"
	"k8s.io/streaming/pkg/httpstream/wsstream"

	"github.com/mindebug/kubectl-mindebug/pkg/attach"
)

// streams are the server's ends of one connection, by their types. One that was not asked for is nil.
type streams struct {
	of    map[string]io.ReadWriter
	close func() error
}

// give connects a call to its streams.
func (s *streams) give(c *Call) {
	if stdin, ok := s.of[corev1.StreamTypeStdin]; ok {
		c.Stdin = stdin
	}
	if stdout, ok := s.of[corev1.StreamTypeStdout]; ok {
		c.Stdout = stdout
	}
	if stderr, ok := s.of[corev1.StreamTypeStderr]; ok {
		c.Stderr = stderr
	}
	sizes := make(chan attach.Size)
	c.Sizes = sizes
	resize, ok := s.of[corev1.StreamTypeResize]
	if !ok {
		close(sizes)
		return
	}
	go func() {
		defer close(sizes)
		for decoder := json.NewDecoder(resize); ; {
			var size attach.Size
			if decoder.Decode(&size) != nil {
				return
			}
			select {
			case sizes <- size:
			case <-c.Done:
				return
			}
		}
	}()
}

// end tells the client how the command ended.
func (s *streams) end(code int, err error) {
	text, err := json.Marshal(status(code, err))
	if err == nil {
		_, _ = s.of[corev1.StreamTypeError].Write(text) // the client may be gone
	}
}

// wanted are the types of the streams that a request asks for.
func wanted(r *http.Request) map[string]bool {
	query := r.URL.Query()
	return map[string]bool{
		corev1.StreamTypeError:  true,
		corev1.StreamTypeStdin:  query.Get("stdin") == "true",
		corev1.StreamTypeStdout: query.Get("stdout") == "true",
		corev1.StreamTypeStderr: query.Get("stderr") == "true",
		corev1.StreamTypeResize: query.Get("tty") == "true",
	}
}

// openWebsocket opens the streams of protocol v5.channel.k8s.io, each a channel of that number.
func openWebsocket(w http.ResponseWriter, r *http.Request) (*streams, error) {
	channels := []string{
		corev1.StreamTypeStdin, corev1.StreamTypeStdout, corev1.StreamTypeStderr, corev1.StreamTypeError, corev1.StreamTypeResize,
	}
	kinds := []wsstream.ChannelType{
		wsstream.ReadChannel, wsstream.WriteChannel, wsstream.WriteChannel, wsstream.WriteChannel, wsstream.ReadChannel,
	}
	connection := wsstream.NewConn(map[string]wsstream.ChannelProtocolConfig{
		"v5.channel.k8s.io": {Binary: true, Channels: kinds},
	})
	_, opened, err := connection.Open(w, r)
	if err != nil {
		return nil, fmt.Errorf("opening websocket: %w", err)
	}
	s := &streams{of: map[string]io.ReadWriter{}, close: connection.Close}
	for i, kind := range channels {
		if wanted(r)[kind] {
			s.of[kind] = opened[i]
		}
	}
	return s, nil
}

// streamsWithin is how long a server waits for the streams of a connection (a kubelet's value).
const streamsWithin = 30 * time.Second

// openSPDY waits for the streams of protocol v4.channel.k8s.io, each of which tells its type.
func openSPDY(w http.ResponseWriter, r *http.Request) (*streams, error) {
	if _, err := httpstream.Handshake(r, w, []string{"v4.channel.k8s.io"}); err != nil {
		return nil, fmt.Errorf("choosing protocol: %w", err)
	}
	opened := make(chan httpstream.Stream)
	stop := make(chan struct{})
	defer close(stop)
	connection := spdy.NewResponseUpgrader().UpgradeResponse(w, r, func(stream httpstream.Stream, replied <-chan struct{}) error {
		go func() {
			<-replied
			select {
			case opened <- stream:
			case <-stop:
			}
		}()
		return nil
	})
	if connection == nil {
		return nil, errors.New("upgrading to SPDY failed")
	}
	missing := 0
	for _, want := range wanted(r) {
		if want {
			missing++
		}
	}
	late := time.NewTimer(streamsWithin)
	defer late.Stop()
	s := &streams{of: map[string]io.ReadWriter{}, close: connection.Close}
	for ; missing > 0; missing-- {
		select {
		case stream := <-opened:
			s.of[stream.Headers().Get(corev1.StreamType)] = stream
		case <-connection.CloseChan():
			return nil, errors.New("the client is gone")
		case <-late.C:
			_ = connection.Close()
			return nil, errors.New("not all streams came")
		}
	}
	return s, nil
}
