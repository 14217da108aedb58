package blockdev

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"unsafe"

	"standin/gpt"
	"standin/sys"
)

// Of linux/fs.h.
const (
	readTable          = 0x125f     // BLKRRPART
	ext4ResizeFS       = 0x40086610 // _IOW('f', 16, __u64), fs/ext4/ext4.h
	temporaryMountMode = 0o700
)

// DiskOf finds the disk that a volume with a label is on, or the one of a disk's or partition's path.
func (f Finder) DiskOf(label, path string) (Disk, error) {
	if label != "" {
		volume, found := sys.FindVolume(label)
		if !found {
			return Disk{}, fmt.Errorf("no volume is labelled %s", label)
		}
		path = volume.Device
	}
	resolved, err := filepath.EvalSymlinks(path)
	if err != nil {
		return Disk{}, fmt.Errorf("device %s: %w", path, err)
	}
	name := filepath.Base(resolved)
	if real, err := filepath.EvalSymlinks(filepath.Join(f.Sys, "class/block", name)); err == nil && sys.Exists(filepath.Join(real, "partition")) {
		name = filepath.Base(filepath.Dir(real))
	}
	return f.disk(name, path)
}

// GrowLast lets the last partition, and the ext4 file system on it, take all room behind it, or wanted bytes.
//
// As yip 1.25 does it: of a disk in use the kernel reads no table, so it ends with an error once the table is written,
// and where the table has the longer partition already nobody looks at the file system.
func (d Disk) GrowLast(wanted uint64) (bool, error) {
	file, err := os.OpenFile(d.Path, os.O_RDWR, 0)
	if err != nil {
		return false, err
	}
	defer file.Close()
	grown, err := gpt.GrowLast(file, d.Size, wanted)
	if err != nil {
		return false, fmt.Errorf("%s: %w", d.Path, err)
	}
	if !grown.Changed {
		return false, nil
	}
	if _, _, code := syscall.Syscall(syscall.SYS_IOCTL, file.Fd(), readTable, 0); code != 0 {
		return false, fmt.Errorf("%s: the kernel still uses the old partition table: %w", d.Path, code)
	}
	_, err = growFileSystem(d.Partition(grown.Number), grown.Size)
	return true, err
}

// growFileSystem asks the kernel, which needs no program for it but a mount.
func growFileSystem(device string, size uint64) (bool, error) {
	volume, err := sys.ProbeVolume(device)
	if err != nil || volume.Type != "ext4" {
		return false, err
	}
	point, release, err := mountPoint(device)
	if err != nil {
		return false, err
	}
	defer release()
	directory, err := os.Open(point)
	if err != nil {
		return false, err
	}
	defer directory.Close()
	var stat syscall.Statfs_t
	if err := syscall.Fstatfs(int(directory.Fd()), &stat); err != nil {
		return false, err
	}
	blocks := size / uint64(stat.Bsize)
	// What the file system keeps for itself is not counted in Blocks, so equal sizes never look equal; the kernel knows.
	if _, _, code := syscall.Syscall(syscall.SYS_IOCTL, directory.Fd(), ext4ResizeFS, uintptr(unsafe.Pointer(&blocks))); code != 0 {
		return false, fmt.Errorf("%s: the file system did not grow: %w", device, code)
	}
	var after syscall.Statfs_t
	err = syscall.Fstatfs(int(directory.Fd()), &after)
	return after.Blocks > stat.Blocks, err
}

// mountPoint is where a device is mounted writable, or a place where it is for the time being.
func mountPoint(device string) (string, func(), error) {
	mounts, _ := sys.Mounts()
	for _, mount := range mounts {
		source, err := filepath.EvalSymlinks(mount.Source)
		if err == nil && source == device && mount.Root == "/" && !mount.ReadOnly() {
			return mount.Point, func() {}, nil
		}
	}
	point := filepath.Join("/run", "grow-"+strings.ReplaceAll(filepath.Base(device), "/", "-"))
	if err := os.MkdirAll(point, temporaryMountMode); err != nil {
		return "", nil, err
	}
	if err := syscall.Mount(device, point, "ext4", 0, ""); err != nil {
		return "", nil, fmt.Errorf("mount %s: %w", device, err)
	}
	return point, func() { _ = syscall.Unmount(point, 0); _ = os.Remove(point) }, nil
}
