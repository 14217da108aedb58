// Package layer unpacks the layers of an image into a directory, and never
// outside of it, whatever the layer says.
package layer

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
	"syscall"
	"unsafe"
)

// From linux/openat2.h; the kernel resolves every link below the root then.
const (
	sysOpenat2     = 437
	resolveInRoot  = 0x10
	noMagicLinks   = 0x02
	openPath       = 0x200000
	openHowSize    = 24
	parentsPerPath = 100
)

type openHow struct{ flags, mode, resolve uint64 }

// root is the directory that everything stays in, with the last parent kept
// open: a layer goes directory by directory.
type root struct {
	dir    *os.File
	last   string
	parent *os.File
}

func openRoot(path string) (*root, error) {
	dir, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	return &root{dir: dir}, nil
}

func (r *root) Close() error {
	r.forget()
	return r.dir.Close()
}

// forget drops the kept parent, which another entry may have replaced.
func (r *root) forget() {
	if r.parent != nil {
		r.parent.Close()
		r.parent = nil
	}
}

func open(dir *os.File, name string, flags uint64) (*os.File, error) {
	pointer, err := syscall.BytePtrFromString(name)
	if err != nil {
		return nil, err
	}
	how := openHow{flags: flags | syscall.O_CLOEXEC, resolve: resolveInRoot | noMagicLinks}
	fd, _, code := syscall.Syscall6(sysOpenat2, dir.Fd(), uintptr(unsafe.Pointer(pointer)), uintptr(unsafe.Pointer(&how)), openHowSize, 0, 0)
	if code != 0 {
		return nil, code
	}
	return os.NewFile(fd, name), nil
}

// at gives a path whose last part is name itself, in its real directory; that
// directory is made when it is not there. The path is good until the next call.
func (r *root) at(name string) (string, error) {
	dir, base := path.Split(name)
	dir = path.Clean("/" + dir)
	if r.parent == nil || dir != r.last {
		r.forget()
		parent, err := r.open(dir)
		if err != nil {
			return "", err
		}
		r.parent, r.last = parent, dir
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", r.parent.Fd(), base), nil
}

// open opens a directory below the root, and makes it first if it must.
func (r *root) open(dir string) (*os.File, error) {
	if strings.Count(dir, "/") > parentsPerPath {
		return nil, errors.New("too deep")
	}
	found, err := open(r.dir, "."+dir, openPath|syscall.O_DIRECTORY)
	if !errors.Is(err, syscall.ENOENT) || dir == "/" {
		return found, err
	}
	parent, err := r.open(path.Dir(dir))
	if err != nil {
		return nil, err
	}
	defer parent.Close()
	if err := os.Mkdir(fmt.Sprintf("/proc/self/fd/%d/%s", parent.Fd(), path.Base(dir)), 0o755); err != nil {
		return nil, err
	}
	return open(r.dir, "."+dir, openPath|syscall.O_DIRECTORY)
}

// clean refuses names that lead upwards and makes the rest relative to the root.
func clean(name string) (string, error) {
	for _, part := range strings.Split(name, "/") {
		if part == ".." {
			return "", fmt.Errorf("the layer has an entry %.200q that leads out of the image", name)
		}
	}
	if strings.ContainsRune(name, 0) {
		return "", fmt.Errorf("the layer has an entry %.200q with a zero byte", name)
	}
	return strings.TrimPrefix(path.Clean("/"+name), "/"), nil
}
