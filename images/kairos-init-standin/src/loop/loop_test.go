package loop

import (
	"testing"
	"unsafe"
)

func TestLoopConfigHasTheKernelsSize(t *testing.T) {
	if size := unsafe.Sizeof(loopConfig{}); size != 304 {
		t.Errorf("struct loop_config is 304 bytes, ours %d", size)
	}
}

func TestLoopInfoHasTheKernelsSize(t *testing.T) {
	if size := unsafe.Sizeof(loopInfo{}); size != 232 {
		t.Errorf("struct loop_info64 is 232 bytes, ours %d", size)
	}
	if Backs("/etc/passwd", "/dev/null") || Backs("/nowhere", "/dev/null") {
		t.Error("a file is behind a device that is no loop")
	}
}
