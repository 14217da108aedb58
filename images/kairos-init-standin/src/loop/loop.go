// Package loop gives image files block devices.
package loop

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
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

// Attach gives a file a loop device, which goes away with its last user: the
// mount on it, once the returned file is closed.
func Attach(path string, readOnly bool) (*os.File, error) {
	mode, flags := os.O_RDWR, uint32(loopAutoClear)
	if readOnly {
		mode, flags = os.O_RDONLY, loopAutoClear|loopReadOnly
	}
	image, err := os.OpenFile(path, mode, 0)
	if err != nil {
		return nil, err
	}
	defer image.Close()
	for tries := 0; ; tries++ {
		device, err := tryAttach(image, mode, flags)
		// Another program may take the free device first.
		if !errors.Is(err, syscall.EBUSY) || tries == 20 {
			return device, err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func tryAttach(image *os.File, mode int, flags uint32) (*os.File, error) {
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer control.Close()
	number, _, code := syscall.Syscall(syscall.SYS_IOCTL, control.Fd(), loopGetFree, 0)
	if code != 0 {
		return nil, fmt.Errorf("free loop device: %w", code)
	}
	device, err := os.OpenFile(fmt.Sprintf("/dev/loop%d", number), mode, 0)
	if err != nil {
		return nil, err
	}
	config := loopConfig{fd: uint32(image.Fd()), flags: flags}
	copy(config.names[:63], image.Name())
	_, _, code = syscall.Syscall(syscall.SYS_IOCTL, device.Fd(), loopConfigure, uintptr(unsafe.Pointer(&config)))
	if code != 0 {
		device.Close()
		return nil, fmt.Errorf("%s on %s: %w", device.Name(), image.Name(), code)
	}
	return device, nil
}
