package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
)

// Media types that are asked for and understood.
const (
	ociManifest    = "application/vnd.oci.image.manifest.v1+json"
	ociIndex       = "application/vnd.oci.image.index.v1+json"
	dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	dockerIndex    = "application/vnd.docker.distribution.manifest.list.v2+json"

	entriesMax = 1000
)

var accepted = strings.Join([]string{ociManifest, ociIndex, dockerManifest, dockerIndex}, ", ")

// Descriptor names content: type, digest and size in bytes.
type Descriptor struct {
	MediaType    string            `json:"mediaType"`
	Digest       Digest            `json:"digest"`
	Size         int64             `json:"size"`
	ArtifactType string            `json:"artifactType"`
	Annotations  map[string]string `json:"annotations"`
	Platform     struct {
		OS           string `json:"os"`
		Architecture string `json:"architecture"`
	} `json:"platform"`
}

// Manifest is an image manifest or an index.
type Manifest struct {
	MediaType    string            `json:"mediaType"`
	ArtifactType string            `json:"artifactType"`
	Config       *Descriptor       `json:"config"`
	Layers       []Descriptor      `json:"layers"`
	Manifests    []Descriptor      `json:"manifests"`
	Subject      *Descriptor       `json:"subject"`
	Annotations  map[string]string `json:"annotations"`

	// Digest is that of the bytes that were read.
	Digest Digest `json:"-"`
}

// IsIndex tells an index from an image.
func (m Manifest) IsIndex() bool { return m.MediaType == ociIndex || m.MediaType == dockerIndex }

// Manifest reads what a reference names. With a digest the bytes must be those;
// a tag is resolved once, by this call, and everything after goes by digest.
func (c *Client) Manifest(ctx context.Context, reference Reference) (Manifest, error) {
	what := "manifest " + reference.String()
	data, err := c.small(ctx, reference.Repository+"/manifests/"+reference.wanted(), accepted, what, ManifestLimit)
	if err != nil {
		return Manifest{}, err
	}
	sum := sha256.Sum256(data)
	digest := Digest("sha256:" + hex.EncodeToString(sum[:]))
	if reference.Digest != "" && digest != reference.Digest {
		return Manifest{}, fmt.Errorf("registry %s: %s: its content has the digest %s", c.host, what, digest)
	}
	manifest, err := parseManifest(data)
	if err != nil {
		return manifest, fmt.Errorf("registry %s: %s: %w", c.host, what, err)
	}
	manifest.Digest = digest
	return manifest, nil
}

func parseManifest(data []byte) (Manifest, error) {
	var manifest Manifest
	if err := json.Unmarshal(data, &manifest); err != nil {
		return manifest, errors.New("not a manifest in JSON")
	}
	if manifest.MediaType == "" {
		manifest.MediaType = ociIndex
		if manifest.Config != nil {
			manifest.MediaType = ociManifest
		}
	}
	isImage := manifest.MediaType == ociManifest || manifest.MediaType == dockerManifest
	if !isImage && !manifest.IsIndex() {
		return manifest, fmt.Errorf("media type %.80q is no image manifest or index", manifest.MediaType)
	}
	// One document that reads as both lets two clients see two images (CVE-2021-41190).
	if (isImage && (manifest.Config == nil || manifest.Manifests != nil)) || (!isImage && (manifest.Layers != nil || manifest.Config != nil)) {
		return manifest, errors.New("its fields do not fit its media type")
	}
	return manifest, manifest.checkEntries()
}

func (m Manifest) checkEntries() error {
	all := append(append([]Descriptor{}, m.Layers...), m.Manifests...)
	for _, one := range []*Descriptor{m.Config, m.Subject} {
		if one != nil {
			all = append(all, *one)
		}
	}
	if len(all) > entriesMax {
		return fmt.Errorf("more than %d entries", entriesMax)
	}
	for _, entry := range all {
		if _, err := ParseDigest(string(entry.Digest)); err != nil {
			return err
		}
		if entry.Size < 0 {
			return fmt.Errorf("%s has the size %d", entry.Digest, entry.Size)
		}
	}
	return nil
}

// Image is one platform's image, named by digest.
type Image struct {
	Reference Reference
	// Named is the digest of what the reference named; Manifest's own is
	// another one when that was an index.
	Named    Digest
	Manifest Manifest
}

// Size is what all layers take as they are sent, in bytes.
func (i Image) Size() int64 {
	total := int64(0)
	for _, layer := range i.Manifest.Layers {
		total += layer.Size
	}
	return total
}

// Resolve finds the image of this platform that a reference names.
func (c *Client) Resolve(ctx context.Context, reference Reference) (Image, error) {
	manifest, err := c.Manifest(ctx, reference)
	if err != nil {
		return Image{}, err
	}
	image := Image{Reference: reference, Named: manifest.Digest, Manifest: manifest}
	if manifest.IsIndex() {
		entry, err := choose(manifest.Manifests)
		if err != nil {
			return image, fmt.Errorf("%s: %w", reference, err)
		}
		if image.Manifest, err = c.Manifest(ctx, Reference{Host: reference.Host, Repository: reference.Repository, Digest: entry.Digest}); err != nil {
			return image, err
		}
	}
	if image.Manifest.IsIndex() || len(image.Manifest.Layers) == 0 {
		return image, fmt.Errorf("%s is no image with layers", reference)
	}
	return image, c.checkPlatform(ctx, image)
}

func choose(entries []Descriptor) (Descriptor, error) {
	var seen []string
	for _, entry := range entries {
		platform := entry.Platform
		if platform.OS == "linux" && platform.Architecture == runtime.GOARCH {
			return entry, nil
		}
		seen = append(seen, platform.OS+"/"+platform.Architecture)
	}
	return Descriptor{}, fmt.Errorf("the index has no image for linux/%s, only %s", runtime.GOARCH, strings.Join(seen, ", "))
}

// checkPlatform reads the image's configuration, which says what it runs on.
func (c *Client) checkPlatform(ctx context.Context, image Image) error {
	data, err := c.SmallBlob(ctx, image.Reference, *image.Manifest.Config, ManifestLimit)
	if err != nil {
		return err
	}
	var config struct {
		OS           string `json:"os"`
		Architecture string `json:"architecture"`
	}
	if err := json.Unmarshal(data, &config); err != nil {
		return fmt.Errorf("%s: its configuration is not JSON", image.Reference)
	}
	if config.OS != "linux" || config.Architecture != runtime.GOARCH {
		return fmt.Errorf("%s is an image for %s/%s, and this is linux/%s", image.Reference, config.OS, config.Architecture, runtime.GOARCH)
	}
	return nil
}
