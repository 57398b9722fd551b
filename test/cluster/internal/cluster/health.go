package cluster

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/mindebug/kubectl-mindebug/test/cluster/internal/config"
)

// client asks components how they are, as the cluster's administrator where they want to know.
type client struct{ http *http.Client }

func (c Cluster) client() (client, error) {
	ca, err := os.ReadFile(c.Layout.PKI("ca.crt"))
	if err != nil {
		return client{}, fmt.Errorf("reading the cluster's authority: %w", err)
	}
	pair, err := tls.LoadX509KeyPair(c.Layout.PKI(admin+".crt"), c.Layout.PKI(admin+".key"))
	if err != nil {
		return client{}, fmt.Errorf("reading the administrator's certificate: %w", err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	return client{&http.Client{
		Timeout:   5 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}}},
	}}, nil
}

// health returns the check of one component.
func (c Cluster) health(component string) (func(context.Context) error, error) {
	url := config.HealthURL(component)
	if url == "" {
		return func(ctx context.Context) error {
			conn, err := (&net.Dialer{}).DialContext(ctx, "unix", c.Layout.ContainerdSocket())
			if err != nil {
				return err
			}
			return conn.Close()
		}, nil
	}
	api, err := c.client()
	return func(ctx context.Context) error {
		_, err := api.get(ctx, url)
		return err
	}, err
}

func (c client) get(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", url, response.Status)
	}
	return body, nil
}

// usable tells whether a pod could be made and would run: the node is ready and takes pods, and the service account that a
// pod needs exists.
func (c client) usable(ctx context.Context) error {
	body, err := c.get(ctx, config.APIServerURL()+"/api/v1/nodes/"+config.NodeName)
	if err != nil {
		return err
	}
	if err := nodeReady(body); err != nil {
		return err
	}
	_, err = c.get(ctx, config.APIServerURL()+"/api/v1/namespaces/default/serviceaccounts/default")
	return err
}

func nodeReady(body []byte) error {
	var node struct {
		Spec struct {
			Taints []struct{ Key string }
		}
		Status struct {
			Conditions []struct{ Type, Status, Message string }
		}
	}
	if err := json.Unmarshal(body, &node); err != nil {
		return fmt.Errorf("reading the node: %w", err)
	}
	if len(node.Spec.Taints) > 0 {
		return fmt.Errorf("the node is tainted with %s", node.Spec.Taints[0].Key)
	}
	for _, condition := range node.Status.Conditions {
		if condition.Type != "Ready" {
			continue
		}
		if condition.Status == "True" {
			return nil
		}
		return fmt.Errorf("the node is not ready: %s", condition.Message)
	}
	return errors.New("the node has not said yet whether it is ready")
}
