package gpt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// ErrNoTable is what a disk without a sound first table gives.
var ErrNoTable = errors.New("no sound GUID partition table")

// Grown is the last partition of a disk after its growth; Start and Size are bytes.
type Grown struct {
	Number      int
	Start, Size uint64
	Changed     bool
}

type growable interface {
	device
	io.ReaderAt
}

// GrowLast lets the last partition reach to the end of a disk of size bytes, or
// to wanted bytes where that is not 0, and puts the backup table at that end. It
// never makes a partition smaller. The backup is written first: a cut leaves
// the old first table, which counts.
func GrowLast(disk growable, size, wanted uint64) (Grown, error) {
	header := make([]byte, Sector)
	if _, err := disk.ReadAt(header, Sector); err != nil {
		return Grown{}, err
	}
	little := binary.LittleEndian
	count, each := little.Uint32(header[80:]), little.Uint32(header[84:])
	if !sound(header) || each < entrySize || count == 0 || count*each > 1<<20 {
		return Grown{}, ErrNoTable
	}
	entries := make([]byte, count*each)
	if _, err := disk.ReadAt(entries, int64(little.Uint64(header[72:])*Sector)); err != nil {
		return Grown{}, err
	}
	if crc32.ChecksumIEEE(entries) != little.Uint32(header[88:]) {
		return Grown{}, ErrNoTable
	}
	number, entry := lastEntry(entries, int(each))
	if entry == nil {
		return Grown{}, fmt.Errorf("the disk has no partition")
	}
	start, end := little.Uint64(entry[32:]), little.Uint64(entry[40:])+1
	grown := Grown{Number: number, Start: start * Sector, Size: (end - start) * Sector}
	limit := (MiB + Usable(size)) / Sector
	if wanted != 0 {
		limit = min(limit, start+wanted/Sector)
	}
	if limit <= end {
		return grown, nil
	}
	little.PutUint64(entry[40:], limit-1)
	grown.Size, grown.Changed = (limit-start)*Sector, true
	return grown, rewrite(disk, size, header, entries)
}

// lastEntry is the used entry that ends last, with its number from 1.
func lastEntry(entries []byte, each int) (int, []byte) {
	number, end := 0, uint64(0)
	for index := 0; index*each < len(entries); index++ {
		entry := entries[index*each : (index+1)*each]
		if last := binary.LittleEndian.Uint64(entry[40:]); !bytes.Equal(entry[:16], make([]byte, 16)) && last > end {
			number, end = index+1, last
		}
	}
	if number == 0 {
		return 0, nil
	}
	return number, entries[(number-1)*each : number*each]
}

func sound(header []byte) bool {
	size := binary.LittleEndian.Uint32(header[12:])
	if !IsTable(header) || size < headerSize || size > Sector {
		return false
	}
	return crc32.ChecksumIEEE(sealed(header, size)) == binary.LittleEndian.Uint32(header[16:])
}

// sealed is the part of a header that its checksum is of.
func sealed(header []byte, size uint32) []byte {
	part := bytes.Clone(header[:size])
	binary.LittleEndian.PutUint32(part[16:], 0)
	return part
}

// rewrite writes both tables of a disk that became larger, and the size in its protective MBR.
func rewrite(disk growable, size uint64, header, entries []byte) error {
	little := binary.LittleEndian
	last, first := size/Sector-1, little.Uint64(header[72:])
	backup := last - uint64(len(entries)+Sector-1)/Sector
	little.PutUint64(header[48:], backup-1)
	little.PutUint32(header[88:], crc32.ChecksumIEEE(entries))
	mbr := make([]byte, Sector)
	if _, err := disk.ReadAt(mbr, 0); err != nil {
		return err
	}
	little.PutUint32(mbr[458:], uint32(min(last, 0xffffffff)))
	parts := []struct {
		lba  uint64
		data []byte
	}{
		{backup, entries},
		{last, headerAt(header, last, 1, backup)},
		{first, entries},
		{1, headerAt(header, 1, last, first)},
		{0, mbr},
	}
	for _, part := range parts {
		if _, err := disk.WriteAt(part.data, int64(part.lba*Sector)); err != nil {
			return fmt.Errorf("partition table: %w", err)
		}
	}
	return disk.Sync()
}

func headerAt(header []byte, own, other, entriesAt uint64) []byte {
	made := bytes.Clone(header)
	little := binary.LittleEndian
	little.PutUint64(made[24:], own)
	little.PutUint64(made[32:], other)
	little.PutUint64(made[72:], entriesAt)
	little.PutUint32(made[16:], crc32.ChecksumIEEE(sealed(made, little.Uint32(made[12:]))))
	return made
}
