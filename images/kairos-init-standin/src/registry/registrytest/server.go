// Package registrytest is a registry for tests: it keeps what it is given, and
// can refuse, lie and die like a real one.
package registrytest

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"standin/registry"
)

// Media types that the tests make.
const (
	Manifest = "application/vnd.oci.image.manifest.v1+json"
	Index    = "application/vnd.oci.image.index.v1+json"
	Layer    = "application/vnd.oci.image.layer.v1.tar+zstd"
)

// Server is the registry of one test. Fault, when set, may answer a request
// itself and then says true.
type Server struct {
	Host string
	// API says that the registry has the referrers API.
	API   bool
	Fault func(answer http.ResponseWriter, request *http.Request) bool

	blobs     map[string][]byte
	manifests map[string][]byte
	referrers map[string][]registry.Descriptor
	// Asked are the paths that were asked for.
	Asked []string
}

// New starts a registry that speaks plain HTTP.
func New(t *testing.T) *Server {
	t.Helper()
	server := &Server{blobs: map[string][]byte{}, manifests: map[string][]byte{}, referrers: map[string][]registry.Descriptor{}}
	listening := httptest.NewServer(server)
	t.Cleanup(listening.Close)
	server.Host = strings.TrimPrefix(listening.URL, "http://")
	return server
}

// Digest of bytes.
func Digest(data []byte) registry.Digest {
	sum := sha256.Sum256(data)
	return registry.Digest("sha256:" + hex.EncodeToString(sum[:]))
}

// Blob keeps a blob and describes it.
func (s *Server) Blob(data []byte, mediaType string) registry.Descriptor {
	digest := Digest(data)
	s.blobs[string(digest)] = data
	return registry.Descriptor{MediaType: mediaType, Digest: digest, Size: int64(len(data))}
}

// Put keeps a manifest under its digest and a tag.
func (s *Server) Put(mediaType string, manifest any, tag string) registry.Descriptor {
	data, err := json.Marshal(manifest)
	if err != nil {
		panic(err)
	}
	descriptor := registry.Descriptor{MediaType: mediaType, Digest: Digest(data), Size: int64(len(data))}
	s.manifests[string(descriptor.Digest)] = data
	if tag != "" {
		s.manifests[tag] = data
	}
	return descriptor
}

// Image keeps an image of layers for this machine's platform.
func (s *Server) Image(tag string, layers ...registry.Descriptor) registry.Descriptor {
	config := s.Blob(fmt.Appendf(nil, `{"os":"linux","architecture":%q}`, runtime.GOARCH), "application/vnd.oci.image.config.v1+json")
	return s.Put(Manifest, map[string]any{"schemaVersion": 2, "mediaType": Manifest, "config": config, "layers": layers}, tag)
}

// Refer lists a manifest as one that speaks of a subject.
func (s *Server) Refer(subject registry.Digest, entry registry.Descriptor) {
	s.referrers[string(subject)] = append(s.referrers[string(subject)], entry)
	if !s.API {
		s.Put(Index, s.list(string(subject)), "sha256-"+subject.Hex())
	}
}

func (s *Server) list(subject string) map[string]any {
	entries := s.referrers[subject]
	if entries == nil {
		entries = []registry.Descriptor{}
	}
	return map[string]any{"schemaVersion": 2, "mediaType": Index, "manifests": entries}
}

// ServeHTTP answers repository `a/b` only.
func (s *Server) ServeHTTP(answer http.ResponseWriter, request *http.Request) {
	s.Asked = append(s.Asked, request.URL.Path)
	if s.Fault != nil && s.Fault(answer, request) {
		return
	}
	path, found := strings.CutPrefix(request.URL.Path, "/v2/a/b/")
	kind, name, _ := strings.Cut(path, "/")
	var data []byte
	switch {
	case !found:
	case kind == "manifests":
		data = s.manifests[name]
	case kind == "blobs":
		data = s.blobs[name]
	case kind == "referrers" && s.API:
		data, _ = json.Marshal(s.list(name))
	}
	if data == nil {
		http.NotFound(answer, request)
		return
	}
	answer.Header().Set("Content-Length", strconv.Itoa(len(data)))
	_, _ = answer.Write(data)
}

// Tar makes an archive of files, in pairs of name and text.
func Tar(files ...string) []byte {
	var data bytes.Buffer
	writer := tar.NewWriter(&data)
	for index := 0; index < len(files); index += 2 {
		text := files[index+1]
		header := tar.Header{Typeflag: tar.TypeReg, Name: files[index], Mode: 0o644, Size: int64(len(text))}
		if err := writer.WriteHeader(&header); err != nil {
			panic(err)
		}
		if _, err := writer.Write([]byte(text)); err != nil {
			panic(err)
		}
	}
	if err := writer.Close(); err != nil {
		panic(err)
	}
	return data.Bytes()
}
