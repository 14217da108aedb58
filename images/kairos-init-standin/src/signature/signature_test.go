package signature

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"standin/registry"
	"standin/registry/registrytest"
)

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func written(t *testing.T, public any) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "cosign.pub")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, key *ecdsa.PrivateKey) Key {
	t.Helper()
	parsed, err := ReadKey(written(t, &key.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// sign makes a bundle as imagekit/trust/sign/native.py does.
func sign(t *testing.T, key *ecdsa.PrivateKey, subject registry.Digest, predicate string) []byte {
	t.Helper()
	payload := fmt.Appendf(nil, `{"_type":"https://in-toto.io/Statement/v1","predicate":{},"predicateType":%q,"subject":[{"digest":{"sha256":%q}}]}`, predicate, subject.Hex())
	sum := sha256.Sum256(authenticated(payload))
	signature, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(map[string]any{"mediaType": bundleType, "dsseEnvelope": map[string]any{
		"payload": payload, "payloadType": payloadType, "signatures": []any{map[string]any{"sig": signature}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func attach(server *registrytest.Server, subject registry.Descriptor, bundle []byte) {
	manifest := server.Put(registrytest.Manifest, map[string]any{
		"mediaType": registrytest.Manifest, "artifactType": bundleType, "subject": subject,
		"config": server.Blob([]byte("{}"), "application/vnd.oci.empty.v1+json"),
		"layers": []any{server.Blob(bundle, bundleType)},
	}, "")
	manifest.ArtifactType = bundleType
	server.Refer(subject.Digest, manifest)
}

func check(t *testing.T, server *registrytest.Server, key Key) error {
	t.Helper()
	reference, err := registry.ParseReference(server.Host + "/a/b:v1")
	if err != nil {
		t.Fatal(err)
	}
	client := registry.NewClient(server.Host, true)
	image, err := client.Resolve(context.Background(), reference)
	if err != nil {
		t.Fatal(err)
	}
	return key.Check(context.Background(), client, image)
}

func TestOnlyASignatureByTheKeyOverTheImageCounts(t *testing.T) {
	key, other := newKey(t), newKey(t)
	wrong := registrytest.Digest([]byte("another image"))
	for name, sample := range map[string]struct {
		attach func(*registrytest.Server, registry.Descriptor)
		want   error
	}{
		"signed": {func(server *registrytest.Server, image registry.Descriptor) {
			attach(server, image, sign(t, key, image.Digest, predicateType))
		}, nil},
		"signed among others": {func(server *registrytest.Server, image registry.Descriptor) {
			attach(server, image, []byte("rubbish"))
			attach(server, image, sign(t, other, image.Digest, predicateType))
			attach(server, image, sign(t, key, image.Digest, predicateType))
		}, nil},
		"unsigned": {func(*registrytest.Server, registry.Descriptor) {}, ErrUnsigned},
		"another key": {func(server *registrytest.Server, image registry.Descriptor) {
			attach(server, image, sign(t, other, image.Digest, predicateType))
		}, ErrBad},
		"another image": {func(server *registrytest.Server, image registry.Descriptor) {
			attach(server, image, sign(t, key, wrong, predicateType))
		}, ErrBad},
		"an attestation": {func(server *registrytest.Server, image registry.Descriptor) {
			attach(server, image, sign(t, key, image.Digest, "https://in-toto.io/attestation/test-result/v0.1"))
		}, ErrBad},
		"altered": {func(server *registrytest.Server, image registry.Descriptor) {
			bundle := sign(t, key, wrong, predicateType)
			attach(server, image, []byte(strings.Replace(string(bundle), `"payload":"ey`, `"payload":"eyJ9`, 1)))
		}, ErrBad},
		"subject elsewhere": {func(server *registrytest.Server, image registry.Descriptor) {
			elsewhere := image
			elsewhere.Digest = wrong
			attach(server, elsewhere, sign(t, key, image.Digest, predicateType))
		}, ErrUnsigned},
	} {
		for _, api := range []bool{true, false} {
			server := registrytest.New(t)
			server.API = api
			sample.attach(server, server.Image("v1", server.Blob([]byte("layer"), registrytest.Layer)))
			if err := check(t, server, read(t, key)); !errors.Is(err, sample.want) {
				t.Errorf("%s (API %v): %v, want %v", name, api, err, sample.want)
			}
		}
	}
}

func TestKeysThatAreNone(t *testing.T) {
	short, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("no key"), 0o644); err != nil {
		t.Fatal(err)
	}
	for path, word := range map[string]string{written(t, &short.PublicKey): "no ECDSA P-256 key", text: "no public key", "/nowhere": "no such file"} {
		if _, err := ReadKey(path); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// The bundle was made by imagekit's own signer (imagekit/trust/sign/native.py).
func TestImagekitsBundleIsRead(t *testing.T) {
	key, err := ReadKey("testdata/cosign.pub")
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := os.ReadFile("testdata/bundle.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := key.Verify(bundle, registry.Digest("sha256:"+strings.Repeat("ab", 32))); err != nil {
		t.Error(err)
	}
	if err := key.Verify(bundle, registrytest.Digest(nil)); err == nil {
		t.Error("it counts for another image")
	}
}
