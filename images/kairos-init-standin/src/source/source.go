// Package source says where a system's files come from: a registry, a directory or a ready image.
package source

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"standin/brand"
	"standin/imagefile"
	"standin/tree"
)

// Kind is the word before the first colon of a source.
type Kind string

// The kinds there are.
const (
	Registry  Kind = "oci"
	Directory Kind = "dir"
	File      Kind = "file"
)

// Source names where a system comes from.
type Source struct {
	Kind    Kind
	Address string
}

// String is the form that the state file keeps.
func (s Source) String() string { return string(s.Kind) + "://" + s.Address }

// Parse reads TYPE:ADDRESS, also TYPE://ADDRESS; a bare reference is a registry's.
func Parse(text string) (Source, error) {
	kind, address, found := strings.Cut(text, ":")
	address = strings.TrimPrefix(address, "//")
	switch {
	case text == "":
		return Source{}, errors.New("no source was given; --source oci:REFERENCE, dir:DIRECTORY or file:IMAGE")
	case found && (kind == "oci" || kind == "docker"):
		return valid(Source{Registry, address})
	case found && kind == "dir":
		return valid(Source{Directory, address})
	case found && kind == "file":
		return valid(Source{File, address})
	case found && kind == "ocifile":
		return Source{}, brand.NotYet("source ocifile")
	case strings.Contains(text, "://"):
		return Source{}, fmt.Errorf("source %q: its type is none of oci, docker, dir, file", text)
	}
	return valid(Source{Registry, text})
}

func valid(source Source) (Source, error) {
	if source.Address == "" {
		return source, fmt.Errorf("source %s: names nothing", source.Kind)
	}
	if source.Kind != Registry && !filepath.IsAbs(source.Address) {
		return source, fmt.Errorf("source %s: %s is not an absolute path", source.Kind, source.Address)
	}
	return source, nil
}

// Usage is what a source will take on an ext2 image.
type Usage struct {
	Bytes int64
	Files int
}

// MiB rounds up.
func (u Usage) MiB() int { return int((u.Bytes + imagefile.MiB - 1) / imagefile.MiB) }

// Content is a source that has been looked at and found good.
type Content interface {
	// Usage is measured for a directory and estimated for a registry.
	Usage() Usage
	// Image is the path of a ready image; empty when Fill makes the files.
	Image() string
	// Fill writes the files below a directory; charge may refuse each of them.
	Fill(root string, charge func(bytes int64) error) error
}

// directory is a Content of files that are there already.
type directory struct {
	path  string
	usage Usage
}

// OpenDirectory measures a tree.
func OpenDirectory(path string) (Content, error) {
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("source %s is not a directory", path)
	}
	usage, err := tree.Measure(path)
	return directory{path, Usage(usage)}, err
}

func (d directory) Usage() Usage  { return d.usage }
func (d directory) Image() string { return "" }
func (d directory) Fill(root string, charge func(int64) error) error {
	return tree.Copy(d.path, root, charge)
}

// image is a Content that is an ext file system in a file.
type image struct {
	path  string
	usage Usage
}

// OpenImage sees that a file is an ext2, ext3 or ext4 image.
func OpenImage(path string) (Content, error) {
	if _, err := imagefile.Label(path); err != nil {
		return nil, fmt.Errorf("source %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	return image{path, Usage{Bytes: info.Size()}}, nil
}

func (i image) Usage() Usage  { return i.usage }
func (i image) Image() string { return i.path }
func (i image) Fill(string, func(int64) error) error {
	return errors.New("an image has no files of its own")
}
