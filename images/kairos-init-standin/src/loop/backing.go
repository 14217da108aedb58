package loop

import (
	"os"
	"syscall"
	"unsafe"
)

// loopStatus is LOOP_GET_STATUS64 of linux/loop.h.
const loopStatus = 0x4C05

// loopInfo is struct loop_info64; its first two words say which file is behind.
type loopInfo struct {
	device, inode uint64
	rest          [232 - 16]byte
}

// Backs tells whether a file is what a loop device shows, by whatever name it
// was attached: an image that runs may have been renamed since.
func Backs(path, device string) bool {
	var file syscall.Stat_t
	if syscall.Stat(path, &file) != nil {
		return false
	}
	loop, err := os.Open(device)
	if err != nil {
		return false
	}
	defer loop.Close()
	var info loopInfo
	_, _, code := syscall.Syscall(syscall.SYS_IOCTL, loop.Fd(), loopStatus, uintptr(unsafe.Pointer(&info)))
	return code == 0 && info.inode == file.Ino && info.device == file.Dev
}
