package k0s

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"

	"gopkg.in/yaml.v3"
)

// workerUser is the name by which k0s knows that a token is a worker's.
const workerUser = "kubelet-bootstrap"

// kubeconfig is as much of the format as tokens and kubelet.conf have.
type kubeconfig struct {
	APIVersion     string         `yaml:"apiVersion"`
	Kind           string         `yaml:"kind"`
	Clusters       []namedCluster `yaml:"clusters"`
	Contexts       []namedContext `yaml:"contexts"`
	CurrentContext string         `yaml:"current-context"`
	Users          []namedUser    `yaml:"users"`
}

type namedCluster struct {
	Name    string `yaml:"name"`
	Cluster struct {
		Server string `yaml:"server"`
		CAData string `yaml:"certificate-authority-data"`
	} `yaml:"cluster"`
}

type namedContext struct {
	Name    string `yaml:"name"`
	Context struct {
		Cluster   string `yaml:"cluster"`
		Namespace string `yaml:"namespace,omitempty"`
		User      string `yaml:"user"`
	} `yaml:"context"`
}

type namedUser struct {
	Name string `yaml:"name"`
	User struct {
		Token             string `yaml:"token,omitempty"`
		ClientCertificate string `yaml:"client-certificate,omitempty"`
		ClientKey         string `yaml:"client-key,omitempty"`
	} `yaml:"user"`
}

// access is one server with one identity.
type access struct {
	server      string
	authority   []byte
	token       string
	certificate string
	key         string
}

// text is the token, out of whichever source it comes from; empty without one.
func (o *workerOptions) text() (string, error) {
	if o.token != "" {
		return o.token, nil
	}
	if o.tokenFile == "" {
		return "", nil
	}
	data, err := os.ReadFile(o.tokenFile)
	problem := ""
	switch {
	case errors.Is(err, os.ErrNotExist):
		problem = "not found"
	case err != nil:
		return "", fmt.Errorf("failed to read token file: %w", err)
	case len(data) == 0:
		problem = "is empty"
	}
	if problem != "" {
		return "", fmt.Errorf("token file %q %s: obtain a new token via \"k0s token create ...\" and store it in the file"+
			" or reinstall this node via \"k0s install --force ...\" or \"k0sctl apply --force ...\"", o.tokenFile, problem)
	}
	return string(data), nil
}

// readToken unpacks a join token, and takes one for a worker only.
func readToken(text string) (access, error) {
	plain, err := unpack(text)
	if err != nil {
		return access{}, fmt.Errorf("failed to decode join token: %w", err)
	}
	config, err := parseConfig(plain)
	if err != nil {
		return access{}, fmt.Errorf("failed to load kubeconfig from join token: %w", err)
	}
	user := ""
	if len(config.Contexts) > 0 {
		user = config.Contexts[0].Context.User
	}
	if user != workerUser {
		return access{}, fmt.Errorf("wrong token type %s, expected type: %s", user, workerUser)
	}
	return config.access()
}

func unpack(text string) ([]byte, error) {
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, err
	}
	reader, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(reader)
}

func parseConfig(data []byte) (kubeconfig, error) {
	var config kubeconfig
	if err := yaml.Unmarshal(data, &config); err != nil {
		return config, err
	}
	if config.Kind != "Config" {
		return config, fmt.Errorf("no kind \"Config\" is in it")
	}
	return config, nil
}

// access follows the current context.
func (c kubeconfig) access() (access, error) {
	for _, context := range c.Contexts {
		if context.Name != c.CurrentContext {
			continue
		}
		found := access{}
		for _, cluster := range c.Clusters {
			if cluster.Name == context.Context.Cluster {
				authority, err := base64.StdEncoding.DecodeString(cluster.Cluster.CAData)
				if err != nil {
					return access{}, err
				}
				found.server, found.authority = cluster.Cluster.Server, authority
			}
		}
		for _, user := range c.Users {
			if user.Name == context.Context.User {
				found.token = user.User.Token
				found.certificate, found.key = user.User.ClientCertificate, user.User.ClientKey
			}
		}
		return found, nil
	}
	return access{}, fmt.Errorf("context %q does not exist", c.CurrentContext)
}

// kubeletConfig is the kubeconfig that a kubelet's bootstrap leaves.
func kubeletConfig(from access, pem string) ([]byte, error) {
	config := kubeconfig{APIVersion: "v1", Kind: "Config", CurrentContext: "default-context"}
	config.Clusters = make([]namedCluster, 1)
	config.Clusters[0].Name = "default-cluster"
	config.Clusters[0].Cluster.Server = from.server
	config.Clusters[0].Cluster.CAData = base64.StdEncoding.EncodeToString(from.authority)
	config.Contexts = make([]namedContext, 1)
	config.Contexts[0].Name = config.CurrentContext
	config.Contexts[0].Context.Cluster = "default-cluster"
	config.Contexts[0].Context.Namespace = "default"
	config.Contexts[0].Context.User = "default-auth"
	config.Users = make([]namedUser, 1)
	config.Users[0].Name = "default-auth"
	config.Users[0].User.ClientCertificate = pem
	config.Users[0].User.ClientKey = pem
	return yaml.Marshal(config)
}
