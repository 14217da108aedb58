package node

import (
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"standin/imagefile"
	"standin/sys"
)

// lockFile keeps installs, upgrades and resets apart.
const lockFile = "/run/kairos-agent.lock"

// ErrBusy says that another one runs.
var ErrBusy = errors.New("another install, upgrade or reset is running")

// Exclusive does something that changes images while nothing else does. What a
// killed run left mounted is taken away first. A terminal that goes away does not end it.
func Exclusive(do func() error) error { return exclusive(lockFile, do) }

func exclusive(path string, do func() error) error {
	lock, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return ErrBusy
	}
	signal.Ignore(syscall.SIGHUP, syscall.SIGPIPE)
	if err := sweep(); err != nil {
		return err
	}
	return do()
}

// sweep unmounts images from the last mount to the first.
func sweep() error {
	mounts, err := sys.Mounts()
	if err != nil {
		return err
	}
	for index := len(mounts) - 1; index >= 0; index-- {
		if point := mounts[index].Point; strings.HasPrefix(point, imagefile.MountPrefix) {
			if err := syscall.Unmount(point, syscall.MNT_DETACH); err != nil {
				return err
			}
		}
	}
	left, _ := filepath.Glob(imagefile.MountPrefix + "*")
	for _, dir := range left {
		_ = os.Remove(dir)
	}
	return nil
}
