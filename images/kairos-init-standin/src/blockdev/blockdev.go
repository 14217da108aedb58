// Package blockdev finds the disk to install to and makes its partitions seen.
package blockdev

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"standin/brand"
	"standin/gpt"
	"standin/sys"
)

// Disk is a whole block device; Size is bytes.
type Disk struct {
	Path string
	Size uint64
}

// Finder looks at a sysfs and a /dev; the zero value is not valid, see Default.
type Finder struct{ Sys, Dev string }

// Default looks at this machine.
var Default = Finder{Sys: "/sys", Dev: "/dev"}

// Choose finds the disk that a configuration names: a path, a link below
// /dev/disk, or `auto` (also nothing) for the largest disk that nobody uses.
func (f Finder) Choose(name string) (Disk, error) {
	switch {
	case name == "" || name == "auto":
		return f.largest()
	case strings.Contains(name, "://"):
		return Disk{}, brand.NotYet("install.device %s", name)
	}
	path, err := filepath.EvalSymlinks(name)
	if err != nil {
		return Disk{}, fmt.Errorf("device %s: %w", name, err)
	}
	return f.disk(filepath.Base(path), name)
}

func (f Finder) disk(kernelName, asked string) (Disk, error) {
	dir := filepath.Join(f.Sys, "class/block", kernelName)
	if !sys.Exists(dir) {
		return Disk{}, fmt.Errorf("%s is no block device", asked)
	}
	if sys.Exists(filepath.Join(dir, "partition")) {
		return Disk{}, fmt.Errorf("%s is a partition; name a whole disk", asked)
	}
	if block := number(dir, "queue/logical_block_size"); block != gpt.Sector {
		return Disk{}, brand.NotYet("%s: sectors of %d bytes", asked, block)
	}
	if number(dir, "ro") == 1 {
		return Disk{}, fmt.Errorf("%s is read-only", asked)
	}
	return Disk{Path: filepath.Join(f.Dev, kernelName), Size: number(dir, "size") * gpt.Sector}, nil
}

// virtual are block devices that are no disks.
var virtual = []string{"loop", "ram", "sr", "fd", "zram", "dm-", "md", "nbd"}

func (f Finder) largest() (Disk, error) {
	entries, err := os.ReadDir(filepath.Join(f.Sys, "block"))
	if err != nil {
		return Disk{}, err
	}
	var best Disk
	for _, entry := range entries {
		name := entry.Name()
		if isVirtual(name) || f.inUse(name) {
			continue
		}
		// By name for equals, so that the choice is the same every time.
		if disk, err := f.disk(name, name); err == nil && disk.Size > best.Size {
			best = disk
		}
	}
	if best.Size == 0 {
		return best, errors.New("install.device is auto, and no disk is free to install to")
	}
	return best, nil
}

func isVirtual(name string) bool {
	for _, prefix := range virtual {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// inUse tells whether the disk or one of its partitions is mounted, as the live medium is.
func (f Finder) inUse(name string) bool {
	mounts, _ := sys.Mounts()
	for _, mount := range mounts {
		source := filepath.Base(mount.Source)
		if source == name || sys.Exists(filepath.Join(f.Sys, "block", name, source, "partition")) {
			return true
		}
	}
	return false
}

// ByName finds a partition by its name in the partition table.
func (f Finder) ByName(name string) (string, bool) {
	events, _ := filepath.Glob(filepath.Join(f.Sys, "class/block/*/uevent"))
	for _, event := range events {
		data, _ := os.ReadFile(event)
		for _, line := range strings.Split(string(data), "\n") {
			if line == "PARTNAME="+name {
				return filepath.Join(f.Dev, filepath.Base(filepath.Dir(event))), true
			}
		}
	}
	return "", false
}

// number reads a decimal file of sysfs; zero when it is not there.
func number(dir, name string) uint64 {
	data, _ := os.ReadFile(filepath.Join(dir, name))
	value, _ := strconv.ParseUint(strings.TrimSpace(string(data)), 10, 64)
	return value
}

// Partition names the node of one of a disk's partitions, counted from 1.
func (d Disk) Partition(number int) string {
	separator := ""
	if last := d.Path[len(d.Path)-1]; last >= '0' && last <= '9' {
		separator = "p"
	}
	return d.Path + separator + strconv.Itoa(number)
}

// rereadTable is BLKRRPART of linux/fs.h.
const rereadTable = 0x125F

// SetTable writes a partition table and waits up to ten seconds for the
// devices of its partitions.
func (d Disk) SetTable(table gpt.Table) error {
	file, err := os.OpenFile(d.Path, os.O_RDWR|syscall.O_EXCL, 0)
	if err != nil {
		return fmt.Errorf("%s is in use: %w", d.Path, err)
	}
	defer file.Close()
	if err := table.Write(file); err != nil {
		return fmt.Errorf("%s: %w", d.Path, err)
	}
	if _, _, code := syscall.Syscall(syscall.SYS_IOCTL, file.Fd(), rereadTable, 0); code != 0 {
		return fmt.Errorf("%s: the kernel does not take the new partition table: %w", d.Path, code)
	}
	file.Close()
	return d.wait(len(table.Partitions))
}

func (d Disk) wait(count int) error {
	// udev opens new devices to probe them; mkfs would meet it there.
	_ = sys.Run("udevadm", "settle", "--timeout=10")
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if sys.Exists(d.Partition(count)) {
			return nil
		}
	}
	return fmt.Errorf("%s did not appear", d.Partition(count))
}
