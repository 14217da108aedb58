package source

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"standin/layer"
	"standin/registry"
)

const (
	// windowMax bounds the memory that unpacking a layer takes, in bytes.
	windowMax = 64 << 20
	// unpackedMax is how much one layer may become, in bytes.
	unpackedMax = 64 << 30
)

// remote is a Content in a registry, resolved to digests.
type remote struct {
	client *registry.Client
	image  registry.Image
	check  func() error
}

// OpenRegistry resolves a reference to digests; no layer is fetched yet. Before the
// first one is, check is asked, when there is one.
func OpenRegistry(ctx context.Context, address string, insecure bool, check func() error) (Content, error) {
	reference, err := registry.ParseReference(address)
	if err != nil {
		return nil, err
	}
	client := registry.NewClient(reference.Host, insecure)
	image, err := client.Resolve(ctx, reference)
	if err != nil {
		return nil, err
	}
	return remote{client, image, check}, nil
}

// Usage is Kairos's estimate: two and a half times what the layers take packed.
func (r remote) Usage() Usage {
	size := r.image.Size() * 5 / 2
	// A file of an image has some 10 KiB on average.
	return Usage{Bytes: size, Files: int(size / (8 << 10))}
}

func (r remote) Image() string { return "" }

// Packed is what will come over the network, in bytes.
func (r remote) Packed() int64 { return r.image.Size() }

func (r remote) Fill(root string, charge func(int64) error) error {
	if r.check != nil {
		if err := r.check(); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for index, one := range r.image.Manifest.Layers {
		if err := r.unpack(ctx, one, root, charge); err != nil {
			return fmt.Errorf("layer %d of %d: %w", index+1, len(r.image.Manifest.Layers), err)
		}
	}
	return nil
}

func (r remote) unpack(ctx context.Context, one registry.Descriptor, root string, charge func(int64) error) error {
	blob, err := r.client.Blob(ctx, r.image.Reference, one)
	if err != nil {
		return err
	}
	defer blob.Close()
	packed := bufio.NewReaderSize(blob, 1<<20)
	plain, done, err := unpacked(packed)
	if err != nil {
		return err
	}
	defer done()
	limited := &io.LimitedReader{R: plain, N: unpackedMax}
	watched := &watched{reader: limited}
	err = layer.Unpack(watched, root, charge)
	if err == nil {
		// What follows the archive counts for the digest too, and is nothing but padding.
		_, err = io.Copy(io.Discard, watched)
	}
	if err == nil && limited.N <= 0 {
		return errors.New("unpacks to more than an image may have")
	}
	if err != nil && watched.failure == nil && !errors.Is(err, tar.ErrHeader) {
		return err
	}
	// Content that does not unpack is most likely not what its digest says; that
	// is the better word for it, so the rest of the blob is read.
	if _, failure := io.Copy(io.Discard, packed); failure != nil {
		return failure
	}
	return err
}

// watched keeps a failure of what it reads from, to tell it from those of who reads.
type watched struct {
	reader  io.Reader
	failure error
}

func (w *watched) Read(into []byte) (int, error) {
	count, err := w.reader.Read(into)
	if err != nil && !errors.Is(err, io.EOF) {
		w.failure = err
	}
	return count, err
}

// unpacked goes by the first bytes, not by what the media type says.
func unpacked(packed *bufio.Reader) (io.Reader, func(), error) {
	start, err := packed.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	switch {
	case len(start) >= 2 && start[0] == 0x1f && start[1] == 0x8b:
		reader, err := gzip.NewReader(packed)
		return reader, func() {}, err
	case string(start) == "\x28\xb5\x2f\xfd":
		reader, err := zstd.NewReader(packed, zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(windowMax), zstd.WithDecoderConcurrency(2))
		if err != nil {
			return nil, nil, err
		}
		return reader, reader.Close, nil
	}
	return packed, func() {}, nil
}
