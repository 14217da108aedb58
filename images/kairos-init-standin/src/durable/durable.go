// Package durable makes what was written survive a power cut.
package durable

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// Dir makes the names of a directory durable.
func Dir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

// FileSystem writes back everything of the file system that holds a path and
// empties the write cache of the device below. Twice, because ext4 without a
// journal flushes the device before the kernel has written the last metadata.
func FileSystem(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	for range 2 {
		if _, _, code := syscall.Syscall(sysSyncFS, file.Fd(), 0, 0); code != 0 {
			return fmt.Errorf("syncfs %s: %w", path, code)
		}
	}
	return nil
}

// Rename puts a file in another's place and makes the change durable.
func Rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return FileSystem(filepath.Dir(to))
}

// Write writes a file whole: a temporary file beside it, fsync, rename, and
// all of it on the device before it returns. Missing parents are made.
func Write(path string, data []byte, mode os.FileMode) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	temp, err := os.CreateTemp(dir, ".standin-*")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	_, err = temp.Write(data)
	err = errors.Join(err, temp.Chmod(mode), temp.Sync(), temp.Close())
	if err != nil {
		return err
	}
	return Rename(temp.Name(), path)
}
