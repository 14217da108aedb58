// Command tarwitness reads tar archives as Go's archive/tar and containerd do, for tests that hold imagekit against them.
//
//	tarwitness list     archives on stdin, each after its length in 8 bytes big-endian; a line of JSON for each on stdout
//	tarwitness apply D  layers on stdin in the same form, applied by containerd to the empty folder D, lowest first
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
	for {
		data, err := next(in)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if arguments[0] == "apply" {
			if _, err := archive.Apply(context.Background(), arguments[1], bytes.NewReader(data)); err != nil {
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
	if len(os.Args) < 2 || (os.Args[1] == "apply") != (len(os.Args) == 3) {
		fmt.Fprintln(os.Stderr, "usage: tarwitness list | tarwitness apply FOLDER")
		os.Exit(2)
	}
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "tarwitness:", err)
		os.Exit(1)
	}
}
