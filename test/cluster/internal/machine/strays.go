package machine

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// RemoveStrays removes the few files that components write outside of dir, whatever they are told: the network plugins'
// records of network, the kubelet's links to logs and its socket for device plugins.
func RemoveStrays(network, dir string) error {
	var failed []error
	records, err := filepath.Glob("/var/lib/cni/results/" + network + "-*")
	if err != nil {
		return fmt.Errorf("listing the network's records: %w", err)
	}
	for _, record := range records {
		failed = append(failed, os.Remove(record))
	}
	links, err := filepath.Glob("/var/log/containers/*")
	if err != nil {
		return fmt.Errorf("listing the links to logs: %w", err)
	}
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && strings.HasPrefix(target, dir+"/") {
			failed = append(failed, os.Remove(link))
		}
	}
	const socket = "/var/lib/kubelet/device-plugins/kubelet.sock"
	if conn, err := net.Dial("unix", socket); err == nil {
		conn.Close() // another kubelet's
	} else if errors.Is(err, syscall.ECONNREFUSED) {
		failed = append(failed, os.Remove(socket))
	}
	for _, folder := range []string{
		"/var/lib/cni/results", "/var/lib/cni", "/var/log/containers",
		"/var/lib/kubelet/device-plugins", "/var/lib/kubelet",
	} {
		// Only when nobody else uses it: a folder that is not empty stays.
		if err := os.Remove(folder); err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, syscall.ENOTEMPTY) {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}
