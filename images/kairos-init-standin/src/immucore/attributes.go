package immucore

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"unsafe"
)

// copyAttributes takes over extended attributes: capabilities, access lists, the user's own.
func copyAttributes(from, to string) error {
	size, err := syscall.Listxattr(from, nil)
	if errors.Is(err, syscall.ENOTSUP) || (err == nil && size == 0) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("attributes of %s: %w", from, err)
	}
	names := make([]byte, size)
	if size, err = syscall.Listxattr(from, names); err != nil {
		return fmt.Errorf("attributes of %s: %w", from, err)
	}
	for _, name := range strings.Split(strings.Trim(string(names[:size]), "\x00"), "\x00") {
		// The overlay's own marks mean nothing elsewhere.
		if strings.HasPrefix(name, "trusted.overlay.") {
			continue
		}
		if err := copyAttribute(from, to, name); err != nil {
			return fmt.Errorf("attribute %s of %s: %w", name, from, err)
		}
	}
	return nil
}

func copyAttribute(from, to, name string) error {
	size, err := syscall.Getxattr(from, name, nil)
	if err != nil {
		return err
	}
	value := make([]byte, size)
	if size, err = syscall.Getxattr(from, name, value); err != nil {
		return err
	}
	return syscall.Setxattr(to, name, value[:size], 0)
}

const (
	atWorkingDir = -100
	atNoFollow   = 0x100
)

func utimensat(path string, times *[2]syscall.Timespec) error {
	name, err := syscall.BytePtrFromString(path)
	if err != nil {
		return err
	}
	directory := atWorkingDir
	_, _, code := syscall.Syscall6(syscall.SYS_UTIMENSAT, uintptr(directory), uintptr(unsafe.Pointer(name)),
		uintptr(unsafe.Pointer(times)), atNoFollow, 0, 0)
	if code != 0 {
		return fmt.Errorf("time of %s: %w", path, code)
	}
	return nil
}
