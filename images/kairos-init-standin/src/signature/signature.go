// Package signature decides whether an image in a registry is signed by a key:
// a sigstore bundle v0.3 with a DSSE envelope, attached as a referrer, as
// cosign 3 and imagekit write it.
package signature

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"

	"standin/registry"
)

const (
	bundleType    = "application/vnd.dev.sigstore.bundle.v0.3+json"
	payloadType   = "application/vnd.in-toto+json"
	predicateType = "https://sigstore.dev/cosign/sign/v1"
	// predicateNote is an annotation that spares reading bundles of another kind.
	predicateNote = "dev.sigstore.bundle.predicateType"

	bundleLimit = 4 << 20
	bundlesMax  = 64
)

// ErrUnsigned says that nothing in the registry claims to be a signature.
var ErrUnsigned = errors.New("is not signed")

// ErrBad says that there are signatures, none of them by this key over this image.
var ErrBad = errors.New("is signed by another key, or altered after signing")

// Key is an ECDSA P-256 public key.
type Key struct{ public *ecdsa.PublicKey }

// ReadKey reads a key file as cosign writes it.
func ReadKey(path string) (Key, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Key{}, fmt.Errorf("cosign-key: %w", err)
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return Key{}, fmt.Errorf("cosign-key: %s is no public key in PEM form", path)
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return Key{}, fmt.Errorf("cosign-key: %s is no public key in PEM form", path)
	}
	public, ok := parsed.(*ecdsa.PublicKey)
	if !ok || public.Curve != elliptic.P256() {
		return Key{}, fmt.Errorf("cosign-key: %s is no ECDSA P-256 key", path)
	}
	return Key{public}, nil
}

// Check finds a signature by the key over what was resolved: the image, or the
// index that names it. Anything unreadable is no signature.
func (k Key) Check(ctx context.Context, client *registry.Client, image registry.Image) error {
	found := false
	for _, subject := range subjects(image) {
		entries, err := client.Referrers(ctx, image.Reference, subject)
		if err != nil {
			return err
		}
		bundles, err := k.bundles(ctx, client, image.Reference, subject, entries)
		if err != nil {
			return err
		}
		for _, bundle := range bundles {
			if k.Verify(bundle, subject) == nil {
				return nil
			}
			found = true
		}
	}
	if found {
		return fmt.Errorf("image %s %w", image.Reference, ErrBad)
	}
	return fmt.Errorf("image %s %w", image.Reference, ErrUnsigned)
}

func subjects(image registry.Image) []registry.Digest {
	if image.Named == image.Manifest.Digest {
		return []registry.Digest{image.Named}
	}
	return []registry.Digest{image.Named, image.Manifest.Digest}
}

// bundles reads what could be signatures, at most bundlesMax of them.
func (k Key) bundles(ctx context.Context, client *registry.Client, reference registry.Reference, subject registry.Digest, entries []registry.Descriptor) ([][]byte, error) {
	var bundles [][]byte
	for _, entry := range entries {
		if entry.ArtifactType != "" && entry.ArtifactType != bundleType {
			continue
		}
		if note, noted := entry.Annotations[predicateNote]; noted && note != predicateType {
			continue
		}
		if len(bundles) == bundlesMax {
			return nil, fmt.Errorf("more than %d signatures of %s", bundlesMax, subject)
		}
		manifest, err := client.Manifest(ctx, registry.Reference{Host: reference.Host, Repository: reference.Repository, Digest: entry.Digest})
		if err != nil {
			return nil, err
		}
		if !isSignature(manifest, subject) {
			continue
		}
		bundle, err := client.SmallBlob(ctx, reference, manifest.Layers[0], bundleLimit)
		if err != nil {
			return nil, err
		}
		bundles = append(bundles, bundle)
	}
	return bundles, nil
}

func isSignature(manifest registry.Manifest, subject registry.Digest) bool {
	if manifest.Subject == nil || manifest.Subject.Digest != subject || len(manifest.Layers) != 1 {
		return false
	}
	note, noted := manifest.Annotations[predicateNote]
	return manifest.Layers[0].MediaType == bundleType && (!noted || note == predicateType)
}

type bundle struct {
	Envelope struct {
		Payload     []byte `json:"payload"`
		PayloadType string `json:"payloadType"`
		Signatures  []struct {
			Sig []byte `json:"sig"`
		} `json:"signatures"`
	} `json:"dsseEnvelope"`
}

type statement struct {
	Subject []struct {
		Digest map[string]string `json:"digest"`
	} `json:"subject"`
	PredicateType string `json:"predicateType"`
}

// Verify says whether a bundle is a signature by the key over exactly this digest.
func (k Key) Verify(data []byte, subject registry.Digest) error {
	var parsed bundle
	if err := json.Unmarshal(data, &parsed); err != nil {
		return fmt.Errorf("not a sigstore bundle: %w", err)
	}
	envelope := parsed.Envelope
	if envelope.PayloadType != payloadType {
		return fmt.Errorf("the bundle holds %.80q, not a statement", envelope.PayloadType)
	}
	signed := sha256.Sum256(authenticated(envelope.Payload))
	good := false
	for _, one := range envelope.Signatures {
		good = good || ecdsa.VerifyASN1(k.public, signed[:], one.Sig)
	}
	if !good {
		return ErrBad
	}
	return judge(envelope.Payload, subject)
}

// judge reads a payload whose signature is good.
func judge(payload []byte, subject registry.Digest) error {
	var claim statement
	if err := json.Unmarshal(payload, &claim); err != nil {
		return fmt.Errorf("not a statement: %w", err)
	}
	if claim.PredicateType != predicateType {
		return fmt.Errorf("an attestation of type %.80q is no signature", claim.PredicateType)
	}
	if len(claim.Subject) != 1 || claim.Subject[0].Digest["sha256"] != subject.Hex() {
		return errors.New("the signature is of another image")
	}
	return nil
}

// authenticated is DSSE's pre-authentication encoding.
func authenticated(payload []byte) []byte {
	return fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(payloadType), payloadType, len(payload), payload)
}
