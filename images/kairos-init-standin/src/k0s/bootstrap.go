package k0s

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"standin/sys"
)

const (
	signer      = "kubernetes.io/kube-apiserver-client-kubelet"
	requestPath = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
	currentName = "kubelet-client-current.pem"
	keyName     = "kubelet-client.key.tmp"
)

// errNoCredentials is what a kubelet's bootstrap says of an expired token: it asks for /healthz without reading the answer.
var errNoCredentials = errors.New("the server has asked for the client to provide credentials")

// limits are how long the real parts wait; tests make them short.
var limits = struct {
	attempts             int
	delay, server, issue time.Duration
	ask, poll            time.Duration
}{attempts: 10, delay: time.Second, server: time.Minute, issue: time.Hour, ask: 2 * time.Second, poll: time.Second}

type request struct {
	Metadata struct {
		Name string `json:"name"`
		UID  string `json:"uid"`
	} `json:"metadata"`
	Status struct {
		Certificate []byte `json:"certificate"`
		Conditions  []struct {
			Type    string `json:"type"`
			Reason  string `json:"reason"`
			Message string `json:"message"`
		} `json:"conditions"`
	} `json:"status"`
}

// bootstrapClient sees to a kubelet.conf: one that is there is taken as it is, and the token is not read then.
func bootstrapClient(ctx context.Context, options workerOptions, name string) error {
	if sys.Exists(options.kubeletConfig()) {
		return nil
	}
	text, err := options.text()
	if err != nil {
		return fmt.Errorf("failed to get bootstrap kubeconfig: %w", err)
	}
	if text == "" {
		return errors.New("neither regular nor bootstrap kubeconfig files exist and no join token given; " +
			"dunno how to make kubelet authenticate to API server")
	}
	found, err := readToken(text)
	if err != nil {
		return fmt.Errorf("failed to get bootstrap kubeconfig: %w", err)
	}
	info("Bootstrapping client configuration", "bootstrap-kubelet node_name="+name)
	if err := retried(ctx, func() error { return loadClientCertificate(ctx, options, found, name) }); err != nil {
		return fmt.Errorf("failed to bootstrap client configuration: %w", err)
	}
	info("Successfully bootstrapped client configuration", "bootstrap-kubelet node_name="+name)
	return nil
}

// retried waits twice as long after each failure, and is silent about it, as k0s is.
func retried(ctx context.Context, attempt func() error) error {
	delay := limits.delay
	for count := 1; ; count++ {
		err := attempt()
		if err == nil || count == limits.attempts {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(delay):
		}
		delay *= 2
	}
}

// loadClientCertificate is the TLS bootstrap of a kubelet.
func loadClientCertificate(ctx context.Context, options workerOptions, found access, name string) error {
	server, err := connect(found)
	if err != nil {
		return fmt.Errorf("unable to create certificates signing request client: %v", err)
	}
	if err := os.MkdirAll(options.pki(), 0o755); err != nil {
		return err
	}
	key, err := clientKey(filepath.Join(options.pki(), keyName))
	if err != nil {
		return err
	}
	if err := waitForServer(ctx, server); err != nil {
		klog("I", "bootstrap.go:161", "Error waiting for apiserver to come up", err)
	}
	certificate, err := requestCertificate(ctx, server, key, name)
	if err != nil {
		return err
	}
	current, err := store(options.pki(), certificate, key)
	if err != nil {
		return err
	}
	config, err := kubeletConfig(found, current)
	if err != nil {
		return err
	}
	return sys.WriteFile(options.kubeletConfig(), config, 0o600)
}

// clientKey is kept until a certificate is there, so that a request is made once and not at every attempt.
func clientKey(path string) (*ecdsa.PrivateKey, error) {
	if data, err := os.ReadFile(path); err == nil {
		if block, _ := pem.Decode(data); block != nil {
			if key, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
				return key, nil
			}
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	data, err := keyPEM(key)
	if err != nil {
		return nil, err
	}
	return key, sys.WriteFile(path, data, 0o600)
}

func keyPEM(key *ecdsa.PrivateKey) ([]byte, error) {
	data, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: data}), nil
}

func waitForServer(ctx context.Context, server *api) error {
	ctx, cancel := context.WithTimeout(ctx, limits.server)
	defer cancel()
	for {
		once, done := context.WithTimeout(ctx, time.Second)
		err := server.call(once, "GET", "/healthz?timeout=1s", jsonKind, nil, nil)
		done()
		if err == nil {
			return nil
		}
		if isStatus(err, 401) {
			err = errNoCredentials
		}
		klog("I", "bootstrap.go:296", "Failed to connect to apiserver", err)
		select {
		case <-ctx.Done():
			return errors.New("timed out waiting to connect to apiserver")
		case <-time.After(limits.ask):
		}
	}
}

// requestCertificate asks for a certificate under a name that key and node decide, and waits until it is issued.
func requestCertificate(ctx context.Context, server *api, key *ecdsa.PrivateKey, node string) ([]byte, error) {
	subject := pkix.Name{Organization: []string{"system:nodes"}, CommonName: "system:node:" + node}
	data, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: subject}, key)
	if err != nil {
		return nil, fmt.Errorf("unable to generate certificate request: %v", err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, err
	}
	sum := sha512.Sum512_256(append(public, subject.CommonName...))
	name := "node-csr-" + base64.RawURLEncoding.EncodeToString(sum[:])
	body := map[string]any{
		"apiVersion": "certificates.k8s.io/v1",
		"kind":       "CertificateSigningRequest",
		"metadata":   map[string]any{"name": name},
		"spec": map[string]any{
			"request":    pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: data}),
			"signerName": signer,
			"usages":     []string{"digital signature", "client auth"},
		},
	}
	err = server.call(ctx, "POST", requestPath, jsonKind, body, nil)
	if err != nil && !isStatus(err, 409) {
		return nil, fmt.Errorf("cannot create certificate signing request: %w", err)
	}
	return issued(ctx, server, name)
}

func issued(ctx context.Context, server *api, name string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, limits.issue)
	defer cancel()
	for {
		var found request
		if err := server.call(ctx, "GET", requestPath+"/"+name, jsonKind, nil, &found); err != nil {
			return nil, fmt.Errorf("cannot retrieve certificate signing request: %w", err)
		}
		for _, condition := range found.Status.Conditions {
			if condition.Type == "Denied" || condition.Type == "Failed" {
				return nil, fmt.Errorf("certificate signing request %s is %s, reason: %s, message: %s",
					name, map[string]string{"Denied": "denied", "Failed": "failed"}[condition.Type], condition.Reason, condition.Message)
			}
		}
		if len(found.Status.Certificate) > 0 {
			return found.Status.Certificate, nil
		}
		select {
		case <-ctx.Done():
			return nil, errors.New("timed out waiting for the condition")
		case <-time.After(limits.poll):
		}
	}
}

// store writes certificate and key into one file with a date, and the name that leads to the newest.
func store(dir string, certificate []byte, key *ecdsa.PrivateKey) (string, error) {
	secret, err := keyPEM(key)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "kubelet-client-"+time.Now().Format("2006-01-02-15-04-05")+".pem")
	if err := sys.WriteFile(path, append(append([]byte{}, certificate...), secret...), 0o600); err != nil {
		return "", err
	}
	current := filepath.Join(dir, currentName)
	if err := sys.Symlink(path, current); err != nil {
		return "", err
	}
	return current, os.Remove(filepath.Join(dir, keyName))
}
