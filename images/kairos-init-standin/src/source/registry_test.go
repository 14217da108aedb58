package source

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"standin/registry"
	"standin/registry/registrytest"
)

func TestMain(m *testing.M) {
	registry.Pause = time.Microsecond
	os.Exit(m.Run())
}

func zipped(data []byte) []byte {
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	_, _ = writer.Write(data)
	writer.Close()
	return packed.Bytes()
}

func zstded(data []byte) []byte {
	writer, err := zstd.NewWriter(nil)
	if err != nil {
		panic(err)
	}
	return writer.EncodeAll(data, nil)
}

func free(int64) error { return nil }

func fill(t *testing.T, server *registrytest.Server) (string, error) {
	t.Helper()
	content, err := OpenRegistry(context.Background(), server.Host+"/a/b:v1", true, nil)
	if err != nil {
		return "", err
	}
	root := t.TempDir()
	return root, content.Fill(root, free)
}

func TestLayersOfEveryPacking(t *testing.T) {
	server := registrytest.New(t)
	server.Image("v1",
		server.Blob(zstded(registrytest.Tar("one", "1", "two", "old")), registrytest.Layer),
		server.Blob(zipped(registrytest.Tar("two", "new", "three/.wh..wh..opq", "")), registrytest.Layer),
		server.Blob(registrytest.Tar(".wh.one", "", "four", "4"), registrytest.Layer),
	)
	root, err := fill(t, server)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"two": "new", "four": "4"} {
		if data, err := os.ReadFile(filepath.Join(root, name)); err != nil || string(data) != want {
			t.Errorf("%s: %q %v", name, data, err)
		}
	}
	if _, err := os.Stat(filepath.Join(root, "one")); err == nil {
		t.Error("what a whiteout names is still there")
	}
}

func TestLayersThatAreNotWhatTheyShouldBe(t *testing.T) {
	whole := zstded(registrytest.Tar("file", strings.Repeat("some text\n", 100000)))
	for name, sample := range map[string]struct {
		sent []byte
		word string
	}{
		"changed":       {zstded(registrytest.Tar("file", "other")), "broken off after"},
		"truncated":     {whole[:len(whole)/2], "broken off after"},
		"a bit flipped": {flipped(whole), "has the digest"},
		"with a tail":   {append(append([]byte{}, whole...), 0), "longer than"},
	} {
		server := registrytest.New(t)
		layer := server.Blob(whole, registrytest.Layer)
		server.Image("v1", layer)
		server.Fault = func(answer http.ResponseWriter, request *http.Request) bool {
			if !strings.HasSuffix(request.URL.Path, string(layer.Digest)) {
				return false
			}
			_, _ = answer.Write(sample.sent)
			return true
		}
		if _, err := fill(t, server); err == nil || !strings.Contains(err.Error(), sample.word) {
			t.Errorf("%s: %v, want %q", name, err, sample.word)
		}
	}
	server := registrytest.New(t)
	server.Image("v1", server.Blob([]byte("neither packed nor an archive"), registrytest.Layer))
	if _, err := fill(t, server); err == nil {
		t.Error("rubbish was unpacked")
	}
}

func flipped(data []byte) []byte {
	changed := append([]byte{}, data...)
	changed[len(changed)/2] ^= 0xff
	return changed
}

func TestNothingIsFetchedOfAnImageThatIsRefused(t *testing.T) {
	server := registrytest.New(t)
	layer := server.Blob(zstded(registrytest.Tar("file", "x")), registrytest.Layer)
	server.Image("v1", layer)
	refused := errors.New("refused")
	content, err := OpenRegistry(context.Background(), server.Host+"/a/b:v1", true, func() error { return refused })
	if err != nil {
		t.Fatal(err)
	}
	if err := content.Fill(t.TempDir(), free); !errors.Is(err, refused) {
		t.Errorf("%v, and the check had refused it", err)
	}
	for _, path := range server.Asked {
		if strings.HasSuffix(path, string(layer.Digest)) {
			t.Error("a layer was fetched before the check")
		}
	}
}

func TestATagThatMovesAfterwardsDoesNotCount(t *testing.T) {
	server := registrytest.New(t)
	server.Image("v1", server.Blob(zstded(registrytest.Tar("file", "first")), registrytest.Layer))
	content, err := OpenRegistry(context.Background(), server.Host+"/a/b:v1", true, nil)
	if err != nil {
		t.Fatal(err)
	}
	server.Image("v1", server.Blob(zstded(registrytest.Tar("file", "second")), registrytest.Layer))
	root := t.TempDir()
	if err := content.Fill(root, free); err != nil {
		t.Fatal(err)
	}
	if data, _ := os.ReadFile(filepath.Join(root, "file")); string(data) != "first" {
		t.Errorf("%q was written", data)
	}
}
