package immucore

import (
	"fmt"
	"os"
	"syscall"
	"unsafe"
)

// From linux/loop.h.
const (
	loopGetFree   = 0x4C82
	loopConfigure = 0x4C0A
	loopReadOnly  = 1
	loopAutoClear = 4
)

// loopConfig is struct loop_config: the file, the block size, struct loop_info64 and eight reserved words.
type loopConfig struct {
	fd, blockSize uint32
	numbers       [5]uint64
	number        uint32
	encryptType   uint32
	encryptSize   uint32
	flags         uint32
	names         [64 + 64 + 32]byte
	init          [2]uint64
	reserved      [8]uint64
}

// attachLoop gives a file a loop device. It is detached when its last user is
// gone, so release it only after mounting.
func attachLoop(path string, readOnly bool) (device string, release func(), err error) {
	access, flags := os.O_RDONLY, uint32(loopAutoClear|loopReadOnly)
	if !readOnly {
		access, flags = os.O_RDWR, loopAutoClear
	}
	image, err := os.OpenFile(path, access, 0)
	if err != nil {
		return "", nil, err
	}
	defer image.Close()
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return "", nil, err
	}
	defer control.Close()
	number, _, code := syscall.Syscall(syscall.SYS_IOCTL, control.Fd(), loopGetFree, 0)
	if code != 0 {
		return "", nil, fmt.Errorf("free loop device: %w", code)
	}
	device = fmt.Sprintf("/dev/loop%d", number)
	loop, err := os.OpenFile(device, access, 0)
	if err != nil {
		return "", nil, err
	}
	config := loopConfig{fd: uint32(image.Fd()), flags: flags}
	copy(config.names[:63], path)
	_, _, code = syscall.Syscall(syscall.SYS_IOCTL, loop.Fd(), loopConfigure, uintptr(unsafe.Pointer(&config)))
	if code != 0 {
		loop.Close()
		return "", nil, fmt.Errorf("%s on %s: %w", device, path, code)
	}
	return device, func() { loop.Close() }, nil
}
