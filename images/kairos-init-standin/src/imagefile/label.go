package imagefile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"strings"
)

// Where things are in an ext2/3/4 superblock (linux/fs/ext4/ext4.h).
const (
	superblockAt   = 1024
	superblockSize = 1024
	magicAt        = 0x38
	magic          = 0xef53
	readOnlyAt     = 0x64
	metadataSum    = 0x400
	labelAt        = 0x78
	labelSize      = 16
	checksumAt     = 0x3fc
)

// SetLabel writes the label of an ext file system that may be mounted: one
// sector, so that a power cut leaves the old label or the new.
func SetLabel(path, label string) error {
	if len(label) > labelSize {
		return fmt.Errorf("label %q is longer than %d bytes", label, labelSize)
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	super, err := readSuperblock(file)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	field := super[labelAt : labelAt+labelSize]
	clear(field)
	copy(field, label)
	if binary.LittleEndian.Uint32(super[readOnlyAt:])&metadataSum != 0 {
		sum := ^crc32.Checksum(super[:checksumAt], crc32.MakeTable(crc32.Castagnoli))
		binary.LittleEndian.PutUint32(super[checksumAt:], sum)
	}
	_, err = file.WriteAt(super, superblockAt)
	return errors.Join(err, file.Sync())
}

// Label reads the label of an ext file system.
func Label(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	super, err := readSuperblock(file)
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	text, _, _ := bytes.Cut(super[labelAt:labelAt+labelSize], []byte{0})
	return strings.TrimSpace(string(text)), nil
}

func readSuperblock(file *os.File) ([]byte, error) {
	super := make([]byte, superblockSize)
	if _, err := file.ReadAt(super, superblockAt); err != nil {
		return nil, errors.New("too short for an ext2, ext3 or ext4 image")
	}
	if binary.LittleEndian.Uint16(super[magicAt:]) != magic {
		return nil, errors.New("not an ext2, ext3 or ext4 image")
	}
	return super, nil
}
