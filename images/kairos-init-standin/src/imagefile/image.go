// Package imagefile makes, mounts and copies the file-system images that a node boots.
package imagefile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"standin/loop"
	"standin/sys"
)

// MountPrefix begins the name of every directory that an image is mounted on.
const MountPrefix = "/run/kairos-image-"

const (
	// MiB is the unit of image sizes.
	MiB = 1 << 20
	// bytesPerInode and inodeMargin leave room for files that a node's own tools add in a chroot.
	bytesPerInode = 16 << 10
	inodeMargin   = 2000
)

// Create makes a sparse ext2 image with a label and room for so many files.
func Create(path, label string, size int64, files int) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	image, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	if err := errors.Join(image.Truncate(size), image.Close()); err != nil {
		return err
	}
	inodes := max(int(size/bytesPerInode), files+inodeMargin)
	// GRUB reads the kernel out of this file system: plain ext2, blocks of 4 KiB.
	return sys.Run("mke2fs", "-q", "-F", "-t", "ext2", "-b", "4096", "-I", "256", "-m", "0", "-L", label,
		"-N", strconv.Itoa(inodes), "-O", "^resize_inode", "-E", "root_owner=0:0", path)
}

// WithMounted mounts an image on a new directory below /run, does something
// with it and unmounts it; the image is whole on the disk then.
func WithMounted(path string, readOnly bool, do func(root string) error) error {
	root, err := os.MkdirTemp(filepath.Dir(MountPrefix), filepath.Base(MountPrefix))
	if err != nil {
		return err
	}
	defer os.Remove(root)
	device, err := loop.Attach(path, readOnly)
	if err != nil {
		return err
	}
	defer device.Close()
	flags := uintptr(0)
	if readOnly {
		flags = syscall.MS_RDONLY
	}
	if err := mountAny(device.Name(), root, flags); err != nil {
		return fmt.Errorf("mount %s: %w", path, err)
	}
	failure := do(root)
	if err := syscall.Unmount(root, 0); err != nil {
		_ = syscall.Unmount(root, syscall.MNT_DETACH)
		return errors.Join(failure, fmt.Errorf("unmount %s: %w", path, err))
	}
	if failure != nil || readOnly {
		return failure
	}
	return sync(path, device)
}

// sync waits for the device's own cache before the file's.
func sync(path string, device *os.File) error {
	image, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(device.Sync(), image.Sync(), image.Close())
}

func mountAny(device, point string, flags uintptr) error {
	var err error
	for _, kind := range []string{"ext2", "ext4", "squashfs"} {
		if err = syscall.Mount(device, point, kind, flags, ""); err == nil {
			return nil
		}
	}
	return err
}

// Copy copies an image without its holes and syncs it; charge is asked before
// each piece and may refuse it.
func Copy(from, to string, charge func(int64) error) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	info, err := source.Stat()
	if err != nil {
		return err
	}
	target, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	err = copyData(source, target, info.Size(), charge)
	return errors.Join(err, target.Truncate(info.Size()), target.Sync(), target.Close())
}

const (
	seekData = 3
	seekHole = 4
	piece    = 1 << 20
)

func copyData(source, target *os.File, size int64, charge func(int64) error) error {
	for at := int64(0); at < size; {
		start, err := source.Seek(at, seekData)
		if errors.Is(err, syscall.ENXIO) {
			return nil
		}
		if err != nil {
			return err
		}
		end, err := source.Seek(start, seekHole)
		if err != nil {
			return err
		}
		if err := copyRange(source, target, start, end, charge); err != nil {
			return err
		}
		at = end
	}
	return nil
}

func copyRange(source, target *os.File, start, end int64, charge func(int64) error) error {
	buffer := make([]byte, min(piece, end-start))
	for at := start; at < end; at += piece {
		length := min(piece, end-at)
		if err := charge(length); err != nil {
			return err
		}
		// Where a file has become shorter meanwhile, that is an error and not a short image.
		if _, err := source.ReadAt(buffer[:length], at); err != nil {
			return err
		}
		if _, err := target.WriteAt(buffer[:length], at); err != nil {
			return err
		}
	}
	return nil
}

// Fits tells whether what a file really takes is free on another file system,
// with 16 MiB to spare.
func Fits(path, on string) (bool, error) {
	var file syscall.Stat_t
	if err := syscall.Stat(path, &file); err != nil {
		return false, fmt.Errorf("%s: %w", path, err)
	}
	var room syscall.Statfs_t
	if err := syscall.Statfs(on, &room); err != nil {
		return false, fmt.Errorf("%s: %w", on, err)
	}
	return file.Blocks*512+16*MiB <= int64(room.Bavail)*room.Bsize, nil
}

// NoCharge lets everything through.
func NoCharge(int64) error { return nil }
