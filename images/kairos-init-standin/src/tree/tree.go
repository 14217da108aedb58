// Package tree measures and copies a file tree with everything a root file system has.
package tree

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
	"unsafe"
)

// block is the unit in which an image's room is counted, in bytes.
const block = 4096

// Usage is what a tree takes on a file system with blocks of 4 KiB.
type Usage struct {
	Bytes int64
	Files int
}

// Measure walks a tree; hard links count once.
func Measure(root string) (Usage, error) {
	var usage Usage
	seen := map[uint64]bool{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var stat syscall.Stat_t
		if err := syscall.Lstat(path, &stat); err != nil {
			return err
		}
		if stat.Nlink > 1 && !entry.IsDir() {
			if seen[stat.Ino] {
				return nil
			}
			seen[stat.Ino] = true
		}
		usage.Files++
		usage.Bytes += Blocks(stat.Size)
		return nil
	})
	return usage, err
}

// Blocks rounds a size up to whole blocks, and counts the pointers to them.
func Blocks(size int64) int64 {
	whole := (size + block - 1) / block
	return (whole + whole/1024) * block
}

// Copy copies what is below from into the directory to, which is there.
// Owners, modes, times, extended attributes and hard links are kept. charge is
// told what each file will take and may refuse it.
func Copy(from, to string, charge func(bytes int64) error) error {
	copier := copier{from: from, to: to, charge: charge, links: map[uint64]string{}, buffer: make([]byte, 1<<20)}
	if err := filepath.WalkDir(from, copier.visit); err != nil {
		return err
	}
	// Last, for writing into a directory changes its time.
	for index := len(copier.dirs) - 1; index >= 0; index-- {
		if err := setTimes(copier.dirs[index].path, copier.dirs[index].stat); err != nil {
			return err
		}
	}
	return nil
}

type directory struct {
	path string
	stat syscall.Stat_t
}

type copier struct {
	from, to string
	charge   func(int64) error
	links    map[uint64]string
	dirs     []directory
	buffer   []byte
}

func (c *copier) visit(path string, _ fs.DirEntry, err error) error {
	if err != nil {
		return err
	}
	relative, err := filepath.Rel(c.from, path)
	if err != nil {
		return err
	}
	target := filepath.Join(c.to, relative)
	var stat syscall.Stat_t
	if err := syscall.Lstat(path, &stat); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := c.one(path, target, stat); err != nil {
		return fmt.Errorf("copying %s: %w", path, err)
	}
	return nil
}

func (c *copier) one(path, target string, stat syscall.Stat_t) error {
	kind := stat.Mode & syscall.S_IFMT
	if kind != syscall.S_IFDIR && stat.Nlink > 1 {
		if first, known := c.links[stat.Ino]; known {
			return os.Link(first, target)
		}
		c.links[stat.Ino] = target
	}
	if err := c.charge(Blocks(stat.Size)); err != nil {
		return err
	}
	if err := c.content(path, target, stat); err != nil {
		return err
	}
	if err := os.Lchown(target, int(stat.Uid), int(stat.Gid)); err != nil {
		return err
	}
	if kind != syscall.S_IFLNK {
		// After chown, which takes the setuid bit away.
		if err := syscall.Chmod(target, stat.Mode&0o7777); err != nil {
			return err
		}
	}
	if err := copyAttributes(path, target); err != nil {
		return err
	}
	if kind == syscall.S_IFDIR {
		c.dirs = append(c.dirs, directory{target, stat})
		return nil
	}
	return setTimes(target, stat)
}

func (c *copier) content(path, target string, stat syscall.Stat_t) error {
	switch stat.Mode & syscall.S_IFMT {
	case syscall.S_IFDIR:
		if err := os.Mkdir(target, 0o700); !errors.Is(err, os.ErrExist) {
			return err
		}
		return nil
	case syscall.S_IFREG:
		return c.file(path, target)
	case syscall.S_IFLNK:
		link, err := os.Readlink(path)
		if err != nil {
			return err
		}
		return os.Symlink(link, target)
	}
	return syscall.Mknod(target, stat.Mode, int(stat.Rdev))
}

func (c *copier) file(path, target string) error {
	source, err := os.Open(path)
	if err != nil {
		return err
	}
	defer source.Close()
	file, err := os.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	// Without the wrapper Go would ask the kernel to splice, page by page.
	_, err = io.CopyBuffer(struct{ io.Writer }{file}, struct{ io.Reader }{source}, c.buffer)
	return errors.Join(err, file.Close())
}

const (
	atFDCWD           = -100
	atSymlinkNofollow = 0x100
)

func setTimes(path string, stat syscall.Stat_t) error {
	return SetTimes(path, time.Unix(stat.Atim.Unix()), time.Unix(stat.Mtim.Unix()))
}

// SetTimes sets the times of a path itself, be it a symbolic link.
func SetTimes(path string, access, change time.Time) error {
	name, err := syscall.BytePtrFromString(path)
	if err != nil {
		return err
	}
	times := [2]syscall.Timespec{syscall.NsecToTimespec(access.UnixNano()), syscall.NsecToTimespec(change.UnixNano())}
	cwd := atFDCWD
	_, _, code := syscall.Syscall6(syscall.SYS_UTIMENSAT, uintptr(cwd), uintptr(unsafe.Pointer(name)),
		uintptr(unsafe.Pointer(&times)), atSymlinkNofollow, 0, 0)
	if code != 0 {
		return fmt.Errorf("times of %s: %w", path, code)
	}
	return nil
}
