package immucore

import (
	"os"
	"path/filepath"

	"standin/sys"
)

// keepIdentity makes machine-id, hostname and hosts of a node last: they live in
// the kept directory, hostname and hosts behind symbolic links.
func keepIdentity(root, kept string) error {
	if err := os.MkdirAll(kept, 0o755); err != nil {
		return err
	}
	id := filepath.Join(kept, "machine-id")
	if err := EnsureMachineID(id); err != nil {
		return err
	}
	data, err := os.ReadFile(id)
	if err != nil {
		return err
	}
	if err := sys.WriteFile(filepath.Join(root, "etc/machine-id"), data, 0o444); err != nil {
		return err
	}
	for _, name := range []string{"hostname", "hosts"} {
		if err := keepFile(filepath.Join(root, "etc", name), filepath.Join(kept, name)); err != nil {
			return err
		}
	}
	return nil
}

// keepFile starts the kept file from the image's and links to it.
func keepFile(path, kept string) error {
	if !sys.Exists(kept) {
		data, err := os.ReadFile(path)
		if err != nil && !os.IsNotExist(err) {
			return err
		}
		if err := sys.WriteFile(kept, data, 0o644); err != nil {
			return err
		}
	}
	return sys.Symlink(kept, path)
}
