package stage

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"standin/account"
	"standin/cloudconfig"
	"standin/sys"
)

const accountRoot = "/"

func (r *Runner) directories(wanted []cloudconfig.Directory) error {
	var failures []error
	for _, dir := range wanted {
		failures = append(failures, makeDirectory(dir))
	}
	return errors.Join(failures...)
}

func makeDirectory(dir cloudconfig.Directory) error {
	mode := os.FileMode(dir.Permissions)
	if mode == 0 {
		mode = 0o755
	}
	if err := os.MkdirAll(dir.Path, mode); err != nil {
		return err
	}
	if err := os.Chmod(dir.Path, mode); err != nil {
		return err
	}
	return os.Chown(dir.Path, dir.Owner, dir.Group)
}

func (r *Runner) files(wanted []cloudconfig.File) error {
	var failures []error
	for _, file := range wanted {
		if err := r.file(file); err != nil {
			failures = append(failures, fmt.Errorf("file %s: %w", file.Path, err))
		}
	}
	return errors.Join(failures...)
}

func (r *Runner) file(file cloudconfig.File) error {
	if !filepath.IsAbs(file.Path) {
		return errors.New("the path is not absolute")
	}
	content, err := decode(r.fill(file.Content), file.Encoding)
	if err != nil {
		return err
	}
	mode := os.FileMode(file.Permissions)
	if mode == 0 {
		mode = 0o644
	}
	if err := sys.WriteFile(file.Path, content, mode); err != nil {
		return err
	}
	uid, gid := file.Owner, file.Group
	if file.OwnerString != "" {
		if uid, gid, err = lookupOwner(file.OwnerString); err != nil {
			return err
		}
	}
	return os.Chown(file.Path, uid, gid)
}

func lookupOwner(text string) (uid, gid int, err error) {
	database, err := account.Open(accountRoot)
	if err != nil {
		return 0, 0, err
	}
	return database.Owner(text)
}

func decode(content, encoding string) ([]byte, error) {
	switch encoding {
	case "":
		return []byte(content), nil
	case "b64", "base64":
		return base64.StdEncoding.DecodeString(content)
	case "gz", "gzip":
		return gunzip([]byte(content))
	case "gz+base64", "gzip+base64", "gz+b64", "gzip+b64":
		packed, err := base64.StdEncoding.DecodeString(content)
		if err != nil {
			return nil, err
		}
		return gunzip(packed)
	}
	return nil, fmt.Errorf("unknown encoding %q", encoding)
}

func gunzip(packed []byte) ([]byte, error) {
	reader, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(reader, 64<<20))
}
