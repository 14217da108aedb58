// Package registry reads images from an OCI registry: every byte is checked
// against the digest that names it while it streams by.
package registry

import (
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
)

// Digest names content by its sha256: "sha256:" and 64 hexadecimal digits.
type Digest string

// Hex is the digest without its algorithm.
func (d Digest) Hex() string { return strings.TrimPrefix(string(d), "sha256:") }

// ParseDigest takes sha256 only.
func ParseDigest(text string) (Digest, error) {
	digits, found := strings.CutPrefix(text, "sha256:")
	if raw, err := hex.DecodeString(digits); !found || err != nil || len(raw) != 32 || digits != strings.ToLower(digits) {
		return "", fmt.Errorf("%.80q is no sha256 digest", text)
	}
	return Digest(text), nil
}

// Reference names an image of a repository of a registry.
type Reference struct {
	Host, Repository, Tag string
	Digest                Digest
}

// String is the form that a person would write.
func (r Reference) String() string {
	text := r.Host + "/" + r.Repository
	if r.Tag != "" {
		text += ":" + r.Tag
	}
	if r.Digest != "" {
		text += "@" + string(r.Digest)
	}
	return text
}

// wanted is what to ask the registry for: the digest when there is one.
func (r Reference) wanted() string {
	if r.Digest != "" {
		return string(r.Digest)
	}
	return r.Tag
}

var (
	hostForm       = regexp.MustCompile(`^[A-Za-z0-9.-]+(:[0-9]+)?$|^\[[0-9a-fA-F:]+\](:[0-9]+)?$`)
	repositoryForm = regexp.MustCompile(`^[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*$`)
	tagForm        = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$`)
)

// ParseReference reads HOST[:PORT]/REPOSITORY[:TAG][@DIGEST]; without tag and digest the tag is latest.
func ParseReference(text string) (Reference, error) {
	rest, digest, pinned := strings.Cut(text, "@")
	var reference Reference
	if pinned {
		parsed, err := ParseDigest(digest)
		if err != nil {
			return reference, fmt.Errorf("reference %s: %w", text, err)
		}
		reference.Digest = parsed
	}
	host, path, found := strings.Cut(rest, "/")
	if !found || !(strings.ContainsAny(host, ".:") || host == "localhost") || !hostForm.MatchString(host) {
		return reference, fmt.Errorf("reference %s: names no registry; write HOST[:PORT]/REPOSITORY[:TAG][@DIGEST]", text)
	}
	repository, tag, tagged := strings.Cut(path, ":")
	if !repositoryForm.MatchString(repository) || (tagged && !tagForm.MatchString(tag)) {
		return reference, fmt.Errorf("reference %s: not HOST[:PORT]/REPOSITORY[:TAG][@DIGEST]", text)
	}
	if !tagged && !pinned {
		tag = "latest"
	}
	reference.Host, reference.Repository, reference.Tag = host, repository, tag
	return reference, nil
}
