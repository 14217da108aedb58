// Package gpt writes a GUID partition table (UEFI specification, chapter 5).
package gpt

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"unicode/utf16"
)

const (
	// Sector is the logical sector in bytes; disks with others are refused before.
	Sector = 512
	// MiB is the unit in which partitions are laid out.
	MiB = 1 << 20

	entryCount   = 128
	entrySize    = 128
	entrySectors = entryCount * entrySize / Sector
	headerSize   = 92
)

// Partition types.
var (
	BIOSBoot  = MustGUID("21686148-6449-6e6f-744e-656564454649")
	EFISystem = MustGUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
	Linux     = MustGUID("0fc63daf-8483-4772-8e79-3d69d8477de4")
)

// Partition is one entry; Start and Size are bytes, both multiples of a sector.
type Partition struct {
	Type  GUID
	ID    GUID
	Name  string
	Start uint64
	Size  uint64
}

// Table is a whole table of a disk of Size bytes.
type Table struct {
	ID         GUID
	Size       uint64
	Partitions []Partition
}

// device is what a table is written to.
type device interface {
	io.WriterAt
	Sync() error
}

// Usable is how many bytes from the first MiB on a disk has for partitions.
func Usable(size uint64) uint64 {
	if size < 3*MiB {
		return 0
	}
	// The backup table takes the last 33 sectors; whole MiBs keep everything aligned.
	return (size-MiB)/MiB*MiB - MiB
}

// Write writes the backup table, then the first one, then the protective MBR:
// a disk whose write was cut short has no table rather than half of one.
func (t Table) Write(disk device) error {
	entries, err := t.entries()
	if err != nil {
		return err
	}
	last := t.Size/Sector - 1
	parts := []struct {
		lba  uint64
		data []byte
	}{
		{last - entrySectors, entries},
		{last, t.header(last, 1, last-entrySectors, entries)},
		{2, entries},
		{1, t.header(1, last, 2, entries)},
		{0, t.protective()},
	}
	for _, part := range parts {
		if _, err := disk.WriteAt(part.data, int64(part.lba*Sector)); err != nil {
			return fmt.Errorf("partition table: %w", err)
		}
	}
	return disk.Sync()
}

func (t Table) entries() ([]byte, error) {
	if len(t.Partitions) > entryCount {
		return nil, fmt.Errorf("%d partitions are more than %d", len(t.Partitions), entryCount)
	}
	data := make([]byte, entryCount*entrySize)
	end := uint64(MiB)
	for index, part := range t.Partitions {
		if part.Start < end || part.Start%Sector != 0 || part.Size == 0 || part.Size%Sector != 0 || part.Start+part.Size > MiB+Usable(t.Size) {
			return nil, fmt.Errorf("partition %s does not fit where it is put", part.Name)
		}
		end = part.Start + part.Size
		entry := data[index*entrySize:]
		copy(entry, part.Type[:])
		copy(entry[16:], part.ID[:])
		binary.LittleEndian.PutUint64(entry[32:], part.Start/Sector)
		binary.LittleEndian.PutUint64(entry[40:], end/Sector-1)
		for place, unit := range utf16.Encode([]rune(part.Name)) {
			binary.LittleEndian.PutUint16(entry[56+2*place:], unit)
		}
	}
	return data, nil
}

func (t Table) header(own, other, entriesAt uint64, entries []byte) []byte {
	header := make([]byte, Sector)
	copy(header, "EFI PART\x00\x00\x01\x00")
	little := binary.LittleEndian
	little.PutUint32(header[12:], headerSize)
	little.PutUint64(header[24:], own)
	little.PutUint64(header[32:], other)
	little.PutUint64(header[40:], 2+entrySectors)
	little.PutUint64(header[48:], t.Size/Sector-2-entrySectors)
	copy(header[56:], t.ID[:])
	little.PutUint64(header[72:], entriesAt)
	little.PutUint32(header[80:], entryCount)
	little.PutUint32(header[84:], entrySize)
	little.PutUint32(header[88:], crc32.ChecksumIEEE(entries))
	little.PutUint32(header[16:], crc32.ChecksumIEEE(header[:headerSize]))
	return header
}

// protective leaves the first 440 bytes empty for a boot loader.
func (t Table) protective() []byte {
	mbr := make([]byte, Sector)
	sectors := min(t.Size/Sector-1, 0xffffffff)
	copy(mbr[446:], []byte{0, 0, 2, 0, 0xee, 0xff, 0xff, 0xff, 1, 0, 0, 0})
	binary.LittleEndian.PutUint32(mbr[458:], uint32(sectors))
	mbr[510], mbr[511] = 0x55, 0xaa
	return mbr
}

// IsTable tells whether a disk's second sector starts a table.
func IsTable(sector []byte) bool { return bytes.HasPrefix(sector, []byte("EFI PART")) }
