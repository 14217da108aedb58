package layer

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"syscall"
	"time"

	"standin/tree"
)

const (
	// Whiteouts of the OCI image specification.
	whiteout = ".wh."
	opaque   = ".wh..wh..opq"

	// entriesMax bounds the memory that a layer's names take.
	entriesMax = 2_000_000
	// entryCost is what an entry is charged for besides its content, in bytes.
	entryCost = 256
)

// unpacker unpacks one layer.
type unpacker struct {
	root   *root
	charge func(int64) error
	buffer []byte
	// fresh are the paths of this layer: a whiteout hides what is below it, not what it brings itself.
	fresh map[string]bool
	dirs  []directory
}

type directory struct {
	name string
	time time.Time
}

// Unpack applies one layer, a tar stream, on what is in a directory already.
// charge is told what each entry will take and may refuse it.
func Unpack(stream io.Reader, into string, charge func(bytes int64) error) error {
	opened, err := openRoot(into)
	if err != nil {
		return err
	}
	defer opened.Close()
	work := unpacker{root: opened, charge: charge, buffer: make([]byte, 1<<20), fresh: map[string]bool{}}
	entries := tar.NewReader(stream)
	for count := 0; ; count++ {
		header, err := entries.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("the layer is no whole tar archive: %w", err)
		}
		if count == entriesMax {
			return fmt.Errorf("the layer has more than %d entries", entriesMax)
		}
		if err := work.entry(header, entries); err != nil {
			return fmt.Errorf("entry %.200q: %w", header.Name, err)
		}
	}
	return work.finish()
}

// finish sets the times of directories, which every entry in them has changed.
func (u *unpacker) finish() error {
	for index := len(u.dirs) - 1; index >= 0; index-- {
		target, err := u.root.at(u.dirs[index].name)
		if err != nil {
			return err
		}
		var stat syscall.Stat_t
		if err := syscall.Lstat(target, &stat); err != nil || stat.Mode&syscall.S_IFMT != syscall.S_IFDIR {
			continue
		}
		if err := tree.SetTimes(target, u.dirs[index].time, u.dirs[index].time); err != nil {
			return err
		}
	}
	return nil
}

func (u *unpacker) entry(header *tar.Header, content io.Reader) error {
	name, err := clean(header.Name)
	if err != nil {
		return err
	}
	if header.Typeflag == tar.TypeXGlobalHeader {
		return nil
	}
	if name == "" {
		return u.rootItself(header)
	}
	if base := path.Base(name); strings.HasPrefix(base, whiteout) {
		return u.hide(path.Dir(name), base)
	}
	if err := u.charge(cost(header)); err != nil {
		return err
	}
	target, err := u.root.at(name)
	if err != nil {
		return err
	}
	if err := u.makeRoom(target, header.Typeflag == tar.TypeDir); err != nil {
		return err
	}
	if err := u.create(header, target, name, content); err != nil {
		return err
	}
	// Its directories too: a whiteout of one must not take what this layer put there.
	for ; name != "." && !u.fresh[name]; name = path.Dir(name) {
		u.fresh[name] = true
	}
	return nil
}

// cost is what an entry takes of an image, in bytes; a directory has a block of its own.
func cost(header *tar.Header) int64 {
	if header.Typeflag == tar.TypeDir {
		return entryCost + tree.Blocks(1)
	}
	return entryCost + tree.Blocks(header.Size)
}

// rootItself gives the root directory its owner and mode.
func (u *unpacker) rootItself(header *tar.Header) error {
	if header.Typeflag != tar.TypeDir {
		return errors.New("the root is no directory")
	}
	return u.attributes(header, fmt.Sprintf("/proc/self/fd/%d/.", u.root.dir.Fd()))
}

// hide removes what lower layers brought.
func (u *unpacker) hide(dir, base string) error {
	if base != opaque {
		hidden := strings.TrimPrefix(base, whiteout)
		if hidden == "" || hidden == "." || hidden == ".." {
			return errors.New("a whiteout of nothing")
		}
		return u.remove(path.Join(dir, hidden))
	}
	target, err := u.root.at(path.Join(dir, "x"))
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(path.Dir(target))
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := u.remove(path.Join(dir, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

// remove takes a path away unless this layer brought it or something in it.
func (u *unpacker) remove(name string) error {
	name = strings.TrimPrefix(name, "/")
	if u.fresh[name] {
		return nil
	}
	target, err := u.root.at(name)
	if err != nil {
		return err
	}
	return os.RemoveAll(target)
}

// makeRoom removes what stands where an entry goes; a directory stays for a directory.
func (u *unpacker) makeRoom(target string, isDir bool) error {
	var stat syscall.Stat_t
	err := syscall.Lstat(target, &stat)
	if errors.Is(err, syscall.ENOENT) {
		return nil
	}
	if err != nil {
		return err
	}
	if stat.Mode&syscall.S_IFMT != syscall.S_IFDIR {
		return os.Remove(target)
	}
	if isDir {
		return nil
	}
	return os.RemoveAll(target)
}

func (u *unpacker) create(header *tar.Header, target, name string, content io.Reader) error {
	switch header.Typeflag {
	case tar.TypeLink:
		return u.link(header.Linkname, target)
	case tar.TypeDir:
		if err := os.Mkdir(target, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
		u.dirs = append(u.dirs, directory{name, header.ModTime})
	case tar.TypeReg:
		if err := u.file(target, content); err != nil {
			return err
		}
	case tar.TypeSymlink:
		if err := os.Symlink(header.Linkname, target); err != nil {
			return err
		}
	case tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
		if err := syscall.Mknod(target, nodeMode(header), nodeNumber(header)); err != nil {
			return err
		}
	default:
		return fmt.Errorf("a kind of entry that no image has (%q)", header.Typeflag)
	}
	return u.attributes(header, target)
}

func (u *unpacker) file(target string, content io.Reader) error {
	file, err := os.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	_, err = io.CopyBuffer(struct{ io.Writer }{file}, struct{ io.Reader }{content}, u.buffer)
	return errors.Join(err, file.Close())
}

// link makes a second name of a file in the image, which must be there.
func (u *unpacker) link(to, target string) error {
	name, err := clean(to)
	if err != nil {
		return err
	}
	// The parent of the new name stays open while the other one is looked up.
	parent := u.root.parent
	u.root.parent = nil
	defer parent.Close()
	source, err := u.root.at(name)
	if err != nil {
		return err
	}
	return os.Link(source, target)
}

func (u *unpacker) attributes(header *tar.Header, target string) error {
	if err := os.Lchown(target, header.Uid, header.Gid); err != nil {
		return err
	}
	if header.Typeflag != tar.TypeSymlink {
		// After chown, which takes the setuid bit away.
		if err := syscall.Chmod(target, uint32(header.Mode&0o7777)); err != nil {
			return err
		}
	}
	for key, value := range header.PAXRecords {
		if attribute, found := strings.CutPrefix(key, "SCHILY.xattr."); found {
			if err := tree.SetAttribute(target, attribute, []byte(value)); err != nil && !errors.Is(err, syscall.ENOTSUP) {
				return fmt.Errorf("attribute %s: %w", attribute, err)
			}
		}
	}
	return tree.SetTimes(target, header.ModTime, header.ModTime)
}

func nodeMode(header *tar.Header) uint32 {
	switch header.Typeflag {
	case tar.TypeChar:
		return syscall.S_IFCHR
	case tar.TypeBlock:
		return syscall.S_IFBLK
	}
	return syscall.S_IFIFO
}

// nodeNumber packs the numbers as makedev(3) does.
func nodeNumber(header *tar.Header) int {
	major, minor := uint64(header.Devmajor), uint64(header.Devminor)
	return int(minor&0xff | major&0xfff<<8 | minor&^0xff<<12 | major&^0xfff<<32)
}
