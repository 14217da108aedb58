package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"time"
)

// attempts to go on with a blob whose connection broke, without a byte gained in between.
const attempts = 4

// Pause before the first of the attempts; each next one is twice as long. Tests shorten it.
var Pause = time.Second

// Blob streams content; its reader fails rather than end before everything
// was as the descriptor says. A connection that breaks is made anew, and the
// content goes on where it broke off.
func (c *Client) Blob(ctx context.Context, reference Reference, wanted Descriptor) (io.ReadCloser, error) {
	what := fmt.Sprintf("blob %s of %s", wanted.Digest, reference.Repository)
	blob := &checked{client: c, ctx: ctx, hash: sha256.New(), wanted: wanted, what: what,
		path: reference.Repository + "/blobs/" + string(wanted.Digest)}
	return blob, blob.connect()
}

// SmallBlob reads a whole blob of at most so many bytes.
func (c *Client) SmallBlob(ctx context.Context, reference Reference, wanted Descriptor, limit int64) ([]byte, error) {
	if wanted.Size > limit {
		return nil, fmt.Errorf("blob %s: %d bytes are more than the %d it may have", wanted.Digest, wanted.Size, limit)
	}
	blob, err := c.Blob(ctx, reference, wanted)
	if err != nil {
		return nil, err
	}
	defer blob.Close()
	return io.ReadAll(blob)
}

// checked compares size and digest while content goes by.
type checked struct {
	client *Client
	ctx    context.Context
	path   string
	what   string
	wanted Descriptor

	hash   hash.Hash
	seen   int64
	failed int

	body   io.ReadCloser
	timer  *time.Timer
	cancel context.CancelFunc
}

// connect asks for what has not been seen yet.
func (c *checked) connect() error {
	ctx, cancel := context.WithCancel(c.ctx)
	answer, err := c.client.get(ctx, c.path, "", c.seen, c.what)
	if err != nil {
		cancel()
		return err
	}
	// A connection that sends nothing is ended: cancelling the context makes the read fail.
	c.timer, c.cancel, c.body = time.AfterFunc(Stall, cancel), cancel, answer.Body
	if c.seen > 0 && answer.StatusCode != http.StatusPartialContent {
		// A registry that knows no ranges begins anew.
		if _, err := io.CopyN(io.Discard, c.body, c.seen); err != nil {
			c.disconnect()
			return err
		}
	}
	return nil
}

func (c *checked) disconnect() {
	if c.body != nil {
		c.timer.Stop()
		c.cancel()
		c.body.Close()
		c.body = nil
	}
}

func (c *checked) Read(into []byte) (int, error) {
	for {
		count, err := c.some(into)
		if count > 0 || err == nil {
			return count, nil
		}
		if errors.Is(err, io.EOF) && c.seen >= c.wanted.Size {
			return 0, c.judge()
		}
		if err := c.again(err); err != nil {
			return 0, err
		}
	}
}

// some reads from the connection there is.
func (c *checked) some(into []byte) (int, error) {
	if c.body == nil {
		if err := c.connect(); err != nil {
			return 0, err
		}
	}
	count, err := c.body.Read(into)
	c.timer.Reset(Stall)
	if count == 0 {
		return 0, err
	}
	c.failed = 0
	c.seen += int64(count)
	if c.seen > c.wanted.Size {
		return 0, io.EOF
	}
	c.hash.Write(into[:count])
	return count, nil
}

// again waits before the connection is made anew, and gives up after some attempts.
func (c *checked) again(failure error) error {
	c.disconnect()
	var missing NotFoundError
	if c.failed == attempts || c.ctx.Err() != nil || errors.As(failure, &missing) {
		if errors.Is(failure, io.EOF) {
			failure = errors.New("the connection was closed")
		}
		return fmt.Errorf("registry %s: %s: broken off after %d of %d bytes: %w", c.client.host, c.what, c.seen, c.wanted.Size, failure)
	}
	time.Sleep(Pause << c.failed)
	c.failed++
	return nil
}

// judge is io.EOF for content that is what its digest says.
func (c *checked) judge() error {
	if c.seen > c.wanted.Size {
		return fmt.Errorf("registry %s: %s: longer than its %d bytes", c.client.host, c.what, c.wanted.Size)
	}
	if digest := "sha256:" + hex.EncodeToString(c.hash.Sum(nil)); digest != string(c.wanted.Digest) {
		return fmt.Errorf("registry %s: %s: its content has the digest %s", c.client.host, c.what, digest)
	}
	return io.EOF
}

func (c *checked) Close() error {
	c.disconnect()
	return nil
}
