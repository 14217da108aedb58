package sys

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// Volume is what the first sectors of a block device say of it.
type Volume struct {
	Device string
	Type   string
	Label  string
}

// FindVolume looks through all block devices for a label, in any case of
// letters: udev is not asked, for in the initrd it may not have got there yet.
func FindVolume(label string) (Volume, bool) {
	devices, _ := filepath.Glob("/sys/class/block/*")
	sort.Strings(devices)
	for _, device := range devices {
		name := filepath.Base(device)
		if strings.HasPrefix(name, "loop") || strings.HasPrefix(name, "ram") {
			continue
		}
		volume, err := ProbeVolume(filepath.Join("/dev", name))
		if err == nil && strings.EqualFold(volume.Label, label) {
			return volume, true
		}
	}
	return Volume{}, false
}

// ProbeVolume reads the type and label of an ISO 9660, FAT or ext volume.
func ProbeVolume(path string) (Volume, error) {
	file, err := os.Open(path)
	if err != nil {
		return Volume{}, err
	}
	defer file.Close()
	volume := identify(file)
	volume.Device = path
	return volume, nil
}

func identify(device io.ReaderAt) Volume {
	if iso := readAt(device, 0x8000, 80); bytes.Equal(iso[1:6], []byte("CD001")) {
		return Volume{Type: "iso9660", Label: clean(iso[40:72])}
	}
	if super := readAt(device, 0x400, 264); binary.LittleEndian.Uint16(super[56:]) == 0xEF53 {
		return Volume{Type: "ext4", Label: clean(super[120:136])}
	}
	boot := readAt(device, 0, 96)
	if bytes.Equal(boot[82:87], []byte("FAT32")) {
		return Volume{Type: "vfat", Label: clean(boot[71:82])}
	}
	if bytes.HasPrefix(boot[54:62], []byte("FAT1")) {
		return Volume{Type: "vfat", Label: clean(boot[43:54])}
	}
	return Volume{}
}

// readAt gives zeros for what lies behind the end of the device.
func readAt(device io.ReaderAt, offset int64, size int) []byte {
	data := make([]byte, size)
	_, _ = device.ReadAt(data, offset)
	return data
}

func clean(field []byte) string {
	text, _, _ := strings.Cut(string(field), "\x00")
	return strings.TrimSpace(text)
}
