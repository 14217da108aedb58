package tree

import (
	"errors"
	"strings"
	"syscall"
	"unsafe"
)

// copyAttributes copies extended attributes, such as file capabilities, of the path itself.
func copyAttributes(from, to string) error {
	names, err := listAttributes(from)
	if err != nil || len(names) == 0 {
		return err
	}
	for _, name := range names {
		value, err := getAttribute(from, name)
		if err != nil {
			return err
		}
		if err := SetAttribute(to, name, value); err != nil {
			return err
		}
	}
	return nil
}

func listAttributes(path string) ([]string, error) {
	buffer := make([]byte, 64<<10)
	size, err := attributeCall(syscall.SYS_LLISTXATTR, path, "", buffer)
	if errors.Is(err, syscall.ENOTSUP) {
		return nil, nil
	}
	if err != nil || size == 0 {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(string(buffer[:size]), "\x00"), "\x00"), nil
}

func getAttribute(path, name string) ([]byte, error) {
	buffer := make([]byte, 64<<10)
	size, err := attributeCall(syscall.SYS_LGETXATTR, path, name, buffer)
	return buffer[:size], err
}

// SetAttribute sets one extended attribute of the path itself.
func SetAttribute(path, name string, value []byte) error {
	_, err := attributeCall(syscall.SYS_LSETXATTR, path, name, value)
	return err
}

// attributeCall makes one of the l*xattr calls; a list has no name.
func attributeCall(number uintptr, path, name string, buffer []byte) (int, error) {
	pathPointer, err := syscall.BytePtrFromString(path)
	if err != nil {
		return 0, err
	}
	namePointer, err := syscall.BytePtrFromString(name)
	if err != nil {
		return 0, err
	}
	var data unsafe.Pointer
	if len(buffer) > 0 {
		data = unsafe.Pointer(&buffer[0])
	}
	var size uintptr
	var code syscall.Errno
	if number == syscall.SYS_LLISTXATTR {
		size, _, code = syscall.Syscall(number, uintptr(unsafe.Pointer(pathPointer)), uintptr(data), uintptr(len(buffer)))
	} else {
		size, _, code = syscall.Syscall6(number, uintptr(unsafe.Pointer(pathPointer)), uintptr(unsafe.Pointer(namePointer)),
			uintptr(data), uintptr(len(buffer)), 0, 0)
	}
	if code != 0 {
		return 0, code
	}
	return int(size), nil
}
