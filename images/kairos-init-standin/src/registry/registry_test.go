package registry_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"standin/registry"
	"standin/registry/registrytest"
)

func TestReferences(t *testing.T) {
	for text, want := range map[string]string{
		"h.example/a":         "h.example/a:latest",
		"localhost/a/b:v1":    "localhost/a/b:v1",
		"127.0.0.1:5000/a:v1": "127.0.0.1:5000/a:v1",
		"[::1]:5000/a":        "[::1]:5000/a:latest",
		"h:1/a@" + zeros():    "h:1/a@" + zeros(),
		"h:1/a:v1@" + zeros(): "h:1/a:v1@" + zeros(),
	} {
		reference, err := registry.ParseReference(text)
		if err != nil || reference.String() != want {
			t.Errorf("%s: %s %v", text, reference, err)
		}
	}
	for _, text := range []string{"", "debian", "debian:13", "library/debian", "h:1/A", "h:1/a:", "h:1/../a", "h:1/a@sha256:00", "h:1/a@md5:0", "h:1//a", "h:1/a b", "u@h:1/a"} {
		if reference, err := registry.ParseReference(text); err == nil {
			t.Errorf("%q became %s", text, reference)
		}
	}
}

func zeros() string { return "sha256:" + strings.Repeat("0", 64) }

func reference(server *registrytest.Server, rest string) registry.Reference {
	parsed, err := registry.ParseReference(server.Host + "/a/b" + rest)
	if err != nil {
		panic(err)
	}
	return parsed
}

func resolve(server *registrytest.Server, rest string) (registry.Image, error) {
	return registry.NewClient(server.Host, true).Resolve(context.Background(), reference(server, rest))
}

func TestTagAndDigestAndIndexLeadToOneImage(t *testing.T) {
	server := registrytest.New(t)
	image := server.Image("v1", server.Blob([]byte("layer"), registrytest.Layer))
	entry := func(os, arch string, of registry.Descriptor) map[string]any {
		return map[string]any{"mediaType": of.MediaType, "digest": of.Digest, "size": of.Size, "platform": map[string]string{"os": os, "architecture": arch}}
	}
	other := server.Put(registrytest.Manifest, map[string]any{"mediaType": registrytest.Manifest, "config": image, "layers": []any{}}, "")
	index := server.Put(registrytest.Index, map[string]any{"mediaType": registrytest.Index, "manifests": []any{
		entry("unknown", "unknown", other), entry("linux", "s390x", other), entry("linux", "amd64", image), entry("linux", "arm64", image),
	}}, "all")
	for _, rest := range []string{":v1", "@" + string(image.Digest), ":gone@" + string(image.Digest), ":all", "@" + string(index.Digest)} {
		got, err := resolve(server, rest)
		if err != nil || got.Manifest.Digest != image.Digest || got.Size() != 5 {
			t.Errorf("%s: %+v %v", rest, got, err)
		}
	}
}

func TestWhatIsNoImageIsRefused(t *testing.T) {
	server := registrytest.New(t)
	layer := server.Blob([]byte("layer"), registrytest.Layer)
	config := server.Blob([]byte(`{"os":"linux","architecture":"s390x"}`), "x")
	put := func(tag string, fields map[string]any) {
		fields["schemaVersion"] = 2
		server.Put(registrytest.Manifest, fields, tag)
	}
	layers := []any{layer}
	put("arch", map[string]any{"mediaType": registrytest.Manifest, "config": config, "layers": layers})
	put("both", map[string]any{"mediaType": registrytest.Manifest, "config": config, "layers": layers, "manifests": []any{}})
	put("type", map[string]any{"mediaType": "text/plain", "config": config, "layers": layers})
	put("none", map[string]any{"mediaType": registrytest.Manifest, "config": config, "layers": []any{}})
	put("digest", map[string]any{"mediaType": registrytest.Manifest, "config": config, "layers": []any{map[string]any{"digest": "sha256:../../x", "size": 1}}})
	put("size", map[string]any{"mediaType": registrytest.Manifest, "config": config, "layers": []any{map[string]any{"digest": zeros(), "size": -1}}})
	put("index", map[string]any{"mediaType": registrytest.Index, "manifests": []any{}})
	for tag, word := range map[string]string{
		"arch": "is an image for linux/s390x", "both": "do not fit its media type", "type": "is no image manifest", "none": "no image with layers",
		"digest": "no sha256 digest", "size": "has the size -1", "index": "has no image for linux/", "gone": "has no manifest",
	} {
		if _, err := resolve(server, ":"+tag); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v, want %q", tag, err, word)
		}
	}
}

func TestRegistryThatFails(t *testing.T) {
	server := registrytest.New(t)
	image := server.Image("v1", server.Blob([]byte("layer"), registrytest.Layer))
	big := strings.Repeat("x", registry.ManifestLimit+10)
	for name, sample := range map[string]struct {
		fault http.HandlerFunc
		word  string
	}{
		"error": {func(answer http.ResponseWriter, _ *http.Request) { answer.WriteHeader(500) }, "500"},
		"login": {func(answer http.ResponseWriter, _ *http.Request) { answer.WriteHeader(401) }, "credentials"},
		"lie":   {func(answer http.ResponseWriter, _ *http.Request) { _, _ = answer.Write([]byte("{}")) }, "has the digest"},
		"flood": {func(answer http.ResponseWriter, _ *http.Request) { _, _ = answer.Write([]byte(big)) }, "larger than"},
		"loop": {func(answer http.ResponseWriter, request *http.Request) {
			http.Redirect(answer, request, request.URL.Path, 302)
		}, "redirects"},
		"dies":      {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF"},
		"elsewhere": {func(answer http.ResponseWriter, request *http.Request) { http.Redirect(answer, request, "/gone", 302) }, "has no manifest"},
	} {
		server.Fault = func(answer http.ResponseWriter, request *http.Request) bool {
			if request.URL.Path == "/gone" {
				return false
			}
			sample.fault(answer, request)
			return true
		}
		if _, err := resolve(server, "@"+string(image.Digest)); err == nil || !strings.Contains(err.Error(), sample.word) {
			t.Errorf("%s: %v, want %q", name, err, sample.word)
		}
	}
}

func TestPlainHTTPNeedsTheFlag(t *testing.T) {
	server := registrytest.New(t)
	server.Image("v1", server.Blob([]byte("layer"), registrytest.Layer))
	client := registry.NewClient(server.Host, false)
	if _, err := client.Resolve(context.Background(), reference(server, ":v1")); err == nil || !strings.Contains(err.Error(), "--allow-insecure-registries") {
		t.Error(err)
	}
}

func TestMain(m *testing.M) {
	registry.Pause = time.Microsecond
	os.Exit(m.Run())
}

func TestBlobIsCheckedWhileItStreams(t *testing.T) {
	data := []byte(strings.Repeat("content ", 10000))
	server := registrytest.New(t)
	blob := server.Blob(data, registrytest.Layer)
	send := func(data []byte, length int) http.HandlerFunc {
		return func(answer http.ResponseWriter, _ *http.Request) {
			if length > 0 {
				answer.Header().Set("Content-Length", "80000")
			}
			_, _ = answer.Write(data)
			if length > len(data) {
				panic(http.ErrAbortHandler)
			}
		}
	}
	changed := append([]byte("C"), data[1:]...)
	for name, sample := range map[string]struct {
		fault http.HandlerFunc
		word  string
	}{
		"good": {nil, ""},
		"redirect": {func(answer http.ResponseWriter, request *http.Request) {
			http.Redirect(answer, request, request.URL.Path+"?there", 307)
		}, ""},
		"changed":   {send(changed, 0), "has the digest"},
		"truncated": {send(data[:5000], 0), "broken off after 5000 of 80000 bytes"},
		"dying":     {send(data[:5000], 80000), "broken off after 5000 of 80000 bytes"},
		"longer":    {send(append(data, 'x'), 0), "longer than its 80000 bytes"},
	} {
		server.Fault = func(answer http.ResponseWriter, request *http.Request) bool {
			if sample.fault == nil || request.URL.RawQuery == "there" {
				return false
			}
			sample.fault(answer, request)
			return true
		}
		reader, err := registry.NewClient(server.Host, true).Blob(context.Background(), reference(server, ":v1"), blob)
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.ReadAll(reader)
		reader.Close()
		if (err == nil) != (sample.word == "") || (err != nil && !strings.Contains(err.Error(), sample.word)) {
			t.Errorf("%s: %v, want %q", name, err, sample.word)
		}
	}
}

// A connection that dies again and again costs nothing but time, while each brings something.
func TestBlobGoesOnWhereItBrokeOff(t *testing.T) {
	data := []byte(strings.Repeat("content ", 10000))
	for _, ranges := range []bool{true, false} {
		server := registrytest.New(t)
		blob := server.Blob(data, registrytest.Layer)
		most := 7000
		server.Fault = func(answer http.ResponseWriter, request *http.Request) bool {
			rest := data
			if text, found := strings.CutPrefix(request.Header.Get("Range"), "bytes="); found && ranges {
				from, _ := strconv.Atoi(strings.TrimSuffix(text, "-"))
				rest = data[from:]
				answer.Header().Set("Content-Length", strconv.Itoa(len(rest)))
				answer.WriteHeader(http.StatusPartialContent)
			} else {
				answer.Header().Set("Content-Length", strconv.Itoa(len(rest)))
			}
			if !ranges {
				most += 30000
			}
			if len(rest) <= most {
				_, _ = answer.Write(rest)
				return true
			}
			_, _ = answer.Write(rest[:most])
			panic(http.ErrAbortHandler)
		}
		reader, err := registry.NewClient(server.Host, true).Blob(context.Background(), reference(server, ":v1"), blob)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(reader)
		if err != nil || string(got) != string(data) {
			t.Errorf("ranges %v: %d bytes, %v", ranges, len(got), err)
		}
	}
}
