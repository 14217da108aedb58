package imagefile

import (
	"os"
	"path/filepath"
)

// folders are what Kairos makes in every image that it writes, whether or not the
// source has them; a node cannot make them later, for its root is read-only.
var folders = []struct {
	path string
	mode os.FileMode
}{
	{"run", 0o755}, {"dev", 0o755}, {"boot", 0o755}, {"usr/local", 0o755}, {"oem", 0o755},
	{"proc", 0o555}, {"sys", 0o555}, {"tmp", 0o777 | os.ModeSticky},
}

// Folders makes those that are not there below a root.
func Folders(root string) error {
	for _, folder := range folders {
		path := filepath.Join(root, folder.path)
		if _, err := os.Stat(path); err == nil {
			continue
		}
		if err := os.MkdirAll(path, 0o755); err != nil {
			return err
		}
		// Whatever the umask is.
		if err := os.Chmod(path, folder.mode); err != nil {
			return err
		}
	}
	return nil
}
