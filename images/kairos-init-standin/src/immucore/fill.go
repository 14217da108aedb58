package immucore

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"standin/sys"
)

// image knows whether the state was last filled from this same image. Images are
// built with all files dated alike, so after an upgrade a changed file of the
// same size and date is told only by its content.
type image struct {
	mark, name string
	changed    bool
}

func newImage(state, root string) *image {
	release, _ := os.ReadFile(filepath.Join(root, "etc/kairos-release"))
	found := &image{mark: filepath.Join(state, ".image"), name: string(release)}
	last, err := os.ReadFile(found.mark)
	found.changed = err != nil || string(last) != found.name
	return found
}

func (i *image) remember() error {
	if !i.changed {
		return nil
	}
	return sys.WriteFile(i.mark, []byte(i.name), 0o644)
}

// fill copies what is new or newer in a directory of the image to where it is
// kept, as `rsync -aX -u` would: what the node changed later stays, what the
// image no longer has stays too.
func fill(from, to string, image *image) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		target := filepath.Join(to, relative)
		if err := fillOne(path, target, info, image); err != nil {
			return fmt.Errorf("keeping %s: %w", path, err)
		}
		return nil
	})
}

func fillOne(path, target string, info fs.FileInfo, image *image) error {
	old, err := os.Lstat(target)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	there := err == nil
	if info.IsDir() {
		if there && old.IsDir() {
			return sameAccess(target, info, old)
		}
		return makeLike(path, target)
	}
	if there && (old.IsDir() || old.ModTime().After(info.ModTime()) || same(path, target, info, old, image.changed)) {
		return nil
	}
	return copyOne(path, target, info)
}

// same is rsync's quick check; thorough compares the content as well.
func same(path, target string, info, old fs.FileInfo, thorough bool) bool {
	if info.Mode().Type() != old.Mode().Type() || !info.ModTime().Equal(old.ModTime()) || info.Size() != old.Size() {
		return false
	}
	if !thorough {
		return true
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		one, _ := os.Readlink(path)
		two, _ := os.Readlink(target)
		return one == two
	}
	return !info.Mode().IsRegular() || info.Mode() == old.Mode() && sameContent(path, target)
}

func sameContent(path, target string) bool {
	one, err := os.Open(path)
	if err != nil {
		return false
	}
	defer one.Close()
	two, err := os.Open(target)
	if err != nil {
		return false
	}
	defer two.Close()
	left, right := make([]byte, 1<<16), make([]byte, 1<<16)
	for {
		count, failure := io.ReadFull(one, left)
		other, _ := io.ReadFull(two, right)
		if !bytes.Equal(left[:count], right[:other]) {
			return false
		}
		if failure != nil {
			return errors.Is(failure, io.EOF) || errors.Is(failure, io.ErrUnexpectedEOF)
		}
	}
}

// copyOne replaces the target whole: a copy beside it, then a rename.
func copyOne(path, target string, info fs.FileInfo) error {
	temp := filepath.Join(filepath.Dir(target), ".immucore-"+filepath.Base(target))
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := create(path, temp, info); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	if err := dress(path, temp, info); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return os.Rename(temp, target)
}

func create(path, temp string, info fs.FileInfo) error {
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		leads, err := os.Readlink(path)
		if err != nil {
			return err
		}
		return os.Symlink(leads, temp)
	case info.Mode().IsRegular():
		return copyContent(path, temp)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Errorf("%s: what is it?", path)
	}
	return syscall.Mknod(temp, stat.Mode, int(stat.Rdev))
}

func copyContent(path, temp string) error {
	from, err := os.Open(path)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.OpenFile(temp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer to.Close()
	if _, err := io.Copy(to, from); err != nil {
		return err
	}
	// No fsync: what a power cut takes away is short afterwards, and so copied again at the next boot.
	return to.Close()
}

// dress gives a copy the owner, mode, extended attributes and time of its model.
func dress(path, temp string, info fs.FileInfo) error {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Errorf("%s: no owner known", path)
	}
	if err := os.Lchown(temp, int(stat.Uid), int(stat.Gid)); err != nil {
		return err
	}
	if info.Mode()&fs.ModeSymlink == 0 {
		if err := os.Chmod(temp, info.Mode()); err != nil {
			return err
		}
		if err := copyAttributes(path, temp); err != nil {
			return err
		}
	}
	return setTime(temp, info.ModTime())
}

// setTime dates a file itself, a symbolic link too.
func setTime(path string, when time.Time) error {
	times := [2]syscall.Timespec{syscall.NsecToTimespec(when.UnixNano()), syscall.NsecToTimespec(when.UnixNano())}
	return utimensat(path, &times)
}

// makeLike makes a directory with the owner and mode of another.
func makeLike(model, dir string) error {
	info, err := os.Stat(model)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Errorf("%s: no owner known", model)
	}
	if err := os.Chown(dir, int(stat.Uid), int(stat.Gid)); err != nil {
		return err
	}
	return os.Chmod(dir, info.Mode())
}

func sameAccess(dir string, info, old fs.FileInfo) error {
	left, one := info.Sys().(*syscall.Stat_t)
	right, two := old.Sys().(*syscall.Stat_t)
	if one && two && left.Mode == right.Mode && left.Uid == right.Uid && left.Gid == right.Gid {
		return nil
	}
	if !one {
		return fmt.Errorf("%s: no owner known", dir)
	}
	if err := os.Chown(dir, int(left.Uid), int(left.Gid)); err != nil {
		return err
	}
	return os.Chmod(dir, info.Mode())
}
