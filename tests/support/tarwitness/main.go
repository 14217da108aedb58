// Command tarwitness reads tar archives as Go's archive/tar and containerd do, for tests that hold imagekit against them.
//
//	tarwitness list       archives on stdin, each after its length in 8 bytes big-endian; a line of JSON for each on stdout
//	tarwitness apply D    layers on stdin in the same form, applied by containerd to the empty folder D, lowest first
//	tarwitness overlay D  the same, each into a folder of its own below D (0, 1, ...) as its overlayfs snapshotter does
package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/containerd/containerd/v2/pkg/archive"
)

type member struct {
	Name   string            `json:"name"` // base64 of the bytes, as Link and the attributes are
	Kind   string            `json:"kind"`
	Link   string            `json:"link"`
	Size   int64             `json:"size"`
	Mode   int64             `json:"mode"`
	UID    int               `json:"uid"`
	GID    int               `json:"gid"`
	Mtime  int64             `json:"mtime"`
	Sum    string            `json:"sum"`
	Xattrs map[string]string `json:"xattrs"`
}

type answer struct {
	Members []member `json:"members"`
	Error   string   `json:"error"`
}

func text(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func list(data []byte) (found answer) {
	found.Members = []member{}
	reader := tar.NewReader(bytes.NewReader(data))
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			found.Error = err.Error()
			return found
		}
		if header.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		sum := sha256.New()
		if _, err := io.Copy(sum, reader); err != nil {
			found.Error = err.Error()
			return found
		}
		xattrs := map[string]string{}
		for key, value := range header.PAXRecords {
			if name, ok := strings.CutPrefix(key, "SCHILY.xattr."); ok {
				xattrs[text(name)] = text(value)
			}
		}
		found.Members = append(found.Members, member{
			Name: text(header.Name), Kind: string(header.Typeflag), Link: text(header.Linkname), Size: header.Size,
			Mode: header.Mode & 0o7777, UID: header.Uid, GID: header.Gid, Mtime: header.ModTime.Unix(),
			Sum: hex.EncodeToString(sum.Sum(nil)), Xattrs: xattrs,
		})
	}
}

// marked does as archive.OverlayConvertWhiteout, which needs rights that few containers give: for a device 0/0 a file
// whose content is a NUL, for an attribute of the opaque folder its path as a line of a file beside the layer's folder.
func marked(folder string) archive.ConvertWhiteout {
	return func(_ *tar.Header, path string) (bool, error) {
		directory, base := filepath.Split(path)
		if base == ".wh..wh..opq" {
			if _, err := os.Lstat(directory); err != nil {
				return false, err
			}
			list, err := os.OpenFile(folder+".opaque", os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
			if err != nil {
				return false, err
			}
			defer list.Close()
			_, err = fmt.Fprintln(list, filepath.Clean(directory))
			return false, err
		}
		name, ok := strings.CutPrefix(base, ".wh.")
		if !ok {
			return true, nil
		}
		mark, err := os.OpenFile(filepath.Join(directory, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return false, err
		}
		defer mark.Close()
		_, err = mark.Write([]byte{0})
		return false, err
	}
}

func next(in *bufio.Reader) ([]byte, error) {
	var length uint64
	if err := binary.Read(in, binary.BigEndian, &length); err != nil {
		return nil, err
	}
	data := make([]byte, length)
	_, err := io.ReadFull(in, data)
	return data, err
}

func run(arguments []string) error {
	in, out := bufio.NewReader(os.Stdin), bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for parents := []string{}; ; {
		data, err := next(in)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if arguments[0] != "list" {
			folder, options := arguments[1], []archive.ApplyOpt{}
			if arguments[0] == "overlay" {
				folder = filepath.Join(folder, strconv.Itoa(len(parents)))
				options = append(options, archive.WithConvertWhiteout(marked(folder)), archive.WithParents(parents))
				if err := os.Mkdir(folder, 0o755); err != nil {
					return err
				}
				parents = append([]string{folder}, parents...)
			}
			if _, err := archive.Apply(context.Background(), folder, bytes.NewReader(data), options...); err != nil {
				return err
			}
			continue
		}
		if err := json.NewEncoder(out).Encode(list(data)); err != nil {
			return err
		}
		if err := out.Flush(); err != nil {
			return err
		}
	}
}

func main() {
	if len(os.Args) < 2 || (os.Args[1] == "list") != (len(os.Args) == 2) {
		fmt.Fprintln(os.Stderr, "usage: tarwitness list | tarwitness apply|overlay FOLDER")
		os.Exit(2)
	}
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "tarwitness:", err)
		os.Exit(1)
	}
}
