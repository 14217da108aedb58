package registry

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

const (
	// ManifestLimit is how many bytes a manifest may have.
	ManifestLimit = 4 << 20
	dialTimeout   = 15 * time.Second
	// Stall is how long an answer may send nothing.
	Stall        = 60 * time.Second
	redirectsMax = 5
)

// Client talks to one registry.
type Client struct {
	host     string
	scheme   string
	insecure bool
	http     *http.Client
}

// NewClient makes a client; insecure allows plain HTTP and unknown certificates.
func NewClient(host string, insecure bool) *Client {
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSHandshakeTimeout:   dialTimeout,
		ResponseHeaderTimeout: Stall,
		// What is asked for is hashed as it comes, so nothing may unpack it on the way.
		DisableCompression: true,
		TLSClientConfig:    &tls.Config{InsecureSkipVerify: insecure, MinVersion: tls.VersionTLS12},
	}
	client := &Client{host: host, scheme: "https", insecure: insecure}
	client.http = &http.Client{Transport: transport, CheckRedirect: client.redirect}
	return client
}

func (c *Client) redirect(next *http.Request, before []*http.Request) error {
	if len(before) > redirectsMax {
		return fmt.Errorf("more than %d redirects", redirectsMax)
	}
	if next.URL.Scheme != "https" && !c.insecure {
		return fmt.Errorf("redirected to plain HTTP at %s", next.URL.Host)
	}
	return nil
}

// NotFoundError says that a registry answers and has not got the thing.
type NotFoundError struct{ What string }

func (e NotFoundError) Error() string { return "the registry has no " + e.What }

// get starts a request below /v2/, for what comes after the first `from` bytes;
// the caller closes the body.
func (c *Client) get(ctx context.Context, path, accept string, from int64, what string) (*http.Response, error) {
	answer, err := c.try(ctx, path, accept, from)
	if errors.Is(err, http.ErrSchemeMismatch) {
		if !c.insecure {
			return nil, fmt.Errorf("registry %s speaks plain HTTP only, which needs --allow-insecure-registries", c.host)
		}
		c.scheme = "http"
		answer, err = c.try(ctx, path, accept, from)
	}
	if err != nil {
		return nil, fmt.Errorf("registry %s: %s: %w", c.host, what, plain(err))
	}
	if err := c.judge(answer, what); err != nil {
		answer.Body.Close()
		return nil, err
	}
	return answer, nil
}

func (c *Client) try(ctx context.Context, path, accept string, from int64) (*http.Response, error) {
	address := url.URL{Scheme: c.scheme, Host: c.host, Path: "/v2/" + path}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return nil, err
	}
	if accept != "" {
		request.Header.Set("Accept", accept)
	}
	if from > 0 {
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-", from))
	}
	return c.http.Do(request)
}

// plain leaves the address out of a URL error; the caller says what was asked for.
func plain(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

func (c *Client) judge(answer *http.Response, what string) error {
	switch answer.StatusCode {
	case http.StatusOK, http.StatusPartialContent:
		return nil
	case http.StatusNotFound:
		return fmt.Errorf("registry %s: %w", c.host, NotFoundError{what})
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Errorf("registry %s: %s: %s; not in the stand-in yet: credentials for a registry", c.host, what, answer.Status)
	}
	return fmt.Errorf("registry %s: %s: it answers %s", c.host, what, answer.Status)
}

// small reads a whole answer of at most so many bytes.
func (c *Client) small(ctx context.Context, path, accept, what string, limit int64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, Stall)
	defer cancel()
	answer, err := c.get(ctx, path, accept, 0, what)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	var data bytes.Buffer
	size, err := io.Copy(&data, io.LimitReader(answer.Body, limit+1))
	if err != nil {
		return nil, fmt.Errorf("registry %s: %s: %w", c.host, what, err)
	}
	if size > limit {
		return nil, fmt.Errorf("registry %s: %s: larger than the %d bytes it may have", c.host, what, limit)
	}
	return data.Bytes(), nil
}
