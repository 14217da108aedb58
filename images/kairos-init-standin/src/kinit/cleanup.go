package kinit

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"standin/sys"
)

// emptied are directories of which only the tree itself is kept.
var emptied = strings.Fields("/var/lib/apt/lists /var/cache/apt/archives /tmp /var/tmp /var/cache/ldconfig /var/cache/man /root/.cache")

// removed are files that name one machine or one build.
var removed = strings.Fields("/etc/ssh/ssh_host_* /etc/.pwd.lock /etc/passwd- /etc/group- /etc/shadow- /etc/gshadow- " +
	"/var/cache/apt/*.bin /var/cache/debconf/*-old /var/lib/dpkg/*-old /var/lib/systemd/random-seed " +
	"/var/lib/systemd/catalog/database /var/lib/dbus/machine-id /var/lib/NetworkManager/secret_key " +
	"/.dockerenv /run/.containerenv")

func cleanup(*Build) error {
	var failures []error
	for _, dir := range emptied {
		if !sys.HoldsMount(dir) {
			failures = append(failures, sys.EmptyDir(dir))
		}
	}
	for _, pattern := range removed {
		paths, _ := filepath.Glob(pattern)
		for _, path := range paths {
			failures = append(failures, os.RemoveAll(path))
		}
	}
	failures = append(failures, dropLogs("/var/log"), truncate("/etc/machine-id"), truncate("/etc/hostname"))
	return errors.Join(failures...)
}

// truncate leaves an empty file. Within a container build /etc/hostname is the
// builder's own mount, which takes the write and stays out of the image.
func truncate(path string) error {
	return os.WriteFile(path, nil, 0o644)
}

// dropLogs removes files and keeps directories, which packages made with their owners.
func dropLogs(dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		return os.Remove(path)
	})
}
