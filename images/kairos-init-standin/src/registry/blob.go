package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"
)

// Blob streams content; its reader fails rather than end before everything
// was as the descriptor says.
func (c *Client) Blob(ctx context.Context, reference Reference, wanted Descriptor) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancel(ctx)
	what := fmt.Sprintf("blob %s of %s", wanted.Digest, reference.Repository)
	answer, err := c.get(ctx, reference.Repository+"/blobs/"+string(wanted.Digest), "", what)
	if err != nil {
		cancel()
		return nil, err
	}
	// A connection that sends nothing is ended: cancelling the context makes the read fail.
	timer := time.AfterFunc(Stall, cancel)
	return &checked{
		body: answer.Body, hash: sha256.New(), wanted: wanted, what: "registry " + c.host + ": " + what, timer: timer, cancel: cancel,
	}, nil
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
	body   io.ReadCloser
	hash   hash.Hash
	seen   int64
	wanted Descriptor
	what   string
	timer  *time.Timer
	cancel context.CancelFunc
}

func (c *checked) Read(into []byte) (int, error) {
	count, err := c.body.Read(into)
	c.timer.Reset(Stall)
	c.seen += int64(count)
	c.hash.Write(into[:count])
	if c.seen > c.wanted.Size {
		return 0, fmt.Errorf("%s: longer than its %d bytes", c.what, c.wanted.Size)
	}
	if errors.Is(err, io.EOF) {
		return count, c.judge()
	}
	if err != nil {
		return count, fmt.Errorf("%s: broken off after %d of %d bytes: %w", c.what, c.seen, c.wanted.Size, err)
	}
	return count, nil
}

// judge is io.EOF for content that is what its digest says.
func (c *checked) judge() error {
	if c.seen != c.wanted.Size {
		return fmt.Errorf("%s: ends after %d of %d bytes", c.what, c.seen, c.wanted.Size)
	}
	if digest := "sha256:" + hex.EncodeToString(c.hash.Sum(nil)); digest != string(c.wanted.Digest) {
		return fmt.Errorf("%s: its content has the digest %s", c.what, digest)
	}
	return io.EOF
}

func (c *checked) Close() error {
	c.timer.Stop()
	c.cancel()
	return c.body.Close()
}
