package k0s

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

const answerLimit = 16 << 20

// api is one server, asked with one identity.
type api struct {
	access access
	client *http.Client
}

// statusError is an answer that says no; its text is Kubernetes' own.
type statusError struct {
	code    int
	message string
}

func (e statusError) Error() string { return e.message }

func isStatus(err error, code int) bool {
	var status statusError
	return errors.As(err, &status) && status.code == code
}

// newAPI reads the identity out of a kubeconfig file.
func newAPI(path string) (*api, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	config, err := parseConfig(data)
	if err != nil {
		return nil, err
	}
	found, err := config.access()
	if err != nil {
		return nil, err
	}
	return connect(found)
}

func connect(found access) (*api, error) {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(found.authority) {
		return nil, errors.New("unable to load root certificates: unable to parse bytes as PEM block")
	}
	settings := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	if found.certificate != "" {
		pair, err := tls.LoadX509KeyPair(found.certificate, found.key)
		if err != nil {
			return nil, err
		}
		settings.Certificates = []tls.Certificate{pair}
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: settings, TLSHandshakeTimeout: 10 * time.Second}
	return &api{access: found, client: &http.Client{Transport: transport, Timeout: 30 * time.Second}}, nil
}

// call makes one request; out, when there is one, takes the JSON of the answer.
func (a *api) call(ctx context.Context, method, path, kind string, body, out any) error {
	var data []byte
	if body != nil {
		var err error
		if data, err = json.Marshal(body); err != nil {
			return err
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(a.access.server, "/")+path, bytes.NewReader(data))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", kind)
	request.Header.Set("Accept", "application/json")
	if a.access.token != "" {
		request.Header.Set("Authorization", "Bearer "+a.access.token)
	}
	answer, err := a.client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, answerLimit))
	if err != nil {
		return err
	}
	if answer.StatusCode >= 400 {
		return refusal(answer.StatusCode, text)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(text, out)
}

func refusal(code int, text []byte) error {
	var told struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(text, &told) != nil || told.Message == "" {
		told.Message = fmt.Sprintf("HTTP %d: %s", code, strings.TrimSpace(string(text)))
	}
	if code == http.StatusUnauthorized {
		told.Message = "Unauthorized"
	}
	return statusError{code: code, message: told.Message}
}

const (
	jsonKind  = "application/json"
	mergeKind = "application/strategic-merge-patch+json"
)
