package sys

import (
	"os"
	"path/filepath"
)

// WriteFile writes a file whole: a temporary file beside it, then a rename.
// Missing parents are made with mode 0755.
func WriteFile(path string, data []byte, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".standin-*")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	if _, err := temp.Write(data); err != nil {
		temp.Close()
		return err
	}
	if err := temp.Close(); err != nil {
		return err
	}
	// Chmod after the write: CreateTemp made 0600 and the umask must not count.
	if err := os.Chmod(temp.Name(), mode); err != nil {
		return err
	}
	return os.Rename(temp.Name(), path)
}

// Follow gives the file that a path leads to over symbolic links, one that is
// not there yet included; the path itself when it is no link.
func Follow(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	leads, err := os.Readlink(path)
	if err != nil {
		return path
	}
	if !filepath.IsAbs(leads) {
		leads = filepath.Join(filepath.Dir(path), leads)
	}
	return leads
}

// Symlink makes link point at target, in place of whatever was there.
func Symlink(target, link string) error {
	if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
		return err
	}
	if err := os.Remove(link); err != nil && !os.IsNotExist(err) {
		return err
	}
	return os.Symlink(target, link)
}

// EmptyDir removes what is in a directory and keeps the directory. What is a
// mount of its own (a build cache, say) is left alone. A missing one is fine.
func EmptyDir(dir string) error {
	entries, err := os.ReadDir(dir)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		if HoldsMount(path) {
			continue
		}
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	return nil
}
