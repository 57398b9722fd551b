package main

import (
	"context"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// slowRoad is a way to the API server on which each round trip takes a time more, that of opening a connection as well. It
// is no narrower for that.
type slowRoad struct {
	listener net.Listener
	server   string
	// more is what a round trip takes more, on connections that are opened from now on.
	more atomic.Int64
}

// openSlowRoad listens on this machine until it is closed.
func openSlowRoad(ctx context.Context, server string) (*slowRoad, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &slowRoad{listener: listener, server: server}
	go r.serve(ctx)
	return r, nil
}

func (r *slowRoad) serve(ctx context.Context) {
	for {
		near, err := r.listener.Accept()
		if err != nil {
			return
		}
		more := time.Duration(r.more.Load())
		// The client believes the connection to be open, and what it sends would have been sent a round trip later.
		opened := time.Now().Add(more)
		go func() {
			far, err := new(net.Dialer).DialContext(ctx, "tcp", r.server)
			if err != nil {
				_ = near.Close()
				return
			}
			go carry(far, near, opened, more/2)
			carry(near, far, opened, more/2)
		}()
	}
}

// piece is what came at once, and when it is to arrive.
type piece struct {
	due  time.Time
	data []byte
}

// carry takes what one end sends to the other, each piece as much later, and none before a time.
func carry(to, from net.Conn, notBefore time.Time, later time.Duration) {
	onTheWay := make(chan piece, 1024) // room for 300 MB a second at 100 ms
	go func() {
		defer close(onTheWay)
		for {
			data := make([]byte, 32<<10)
			n, err := from.Read(data)
			due := time.Now()
			if due.Before(notBefore) {
				due = notBefore
			}
			if n > 0 {
				onTheWay <- piece{due.Add(later), data[:n]}
			}
			if err != nil {
				return
			}
		}
	}()
	for p := range onTheWay {
		<-time.After(time.Until(p.due))
		if _, err := to.Write(p.data); err != nil {
			_ = from.Close() // then nothing more comes
		}
	}
	_ = to.Close()
}

// kubeconfigTo writes a kubeconfig that reaches the API server of the current one by an address, and returns its name.
func (b *base) kubeconfigTo(name, address string) (string, error) {
	config, err := clientcmd.NewDefaultClientConfigLoadingRules().Load()
	if err != nil {
		return "", err
	}
	if err := clientcmdapi.MinifyConfig(config); err != nil {
		return "", err
	}
	if err := clientcmdapi.FlattenConfig(config); err != nil {
		return "", err
	}
	for _, cluster := range config.Clusters {
		server, err := url.Parse(cluster.Server)
		if err != nil {
			return "", err
		}
		if cluster.TLSServerName == "" {
			cluster.TLSServerName = server.Hostname()
		}
		server.Host = address
		cluster.Server = server.String()
	}
	file := filepath.Join(b.folder, name)
	text, err := clientcmd.Write(*config)
	if err != nil {
		return "", err
	}
	return file, os.WriteFile(file, text, 0o600)
}
