// Package install puts the node on a disk.
package install

import (
	"cmp"
	"fmt"
	"strings"

	"standin/blockdev"
	"standin/gpt"
	"standin/nodeconfig"
)

// Labels of the partitions' file systems.
const (
	GRUBLabel       = "COS_GRUB"
	OEMLabel        = "COS_OEM"
	RecoveryLabel   = "COS_RECOVERY"
	StateLabel      = "COS_STATE"
	PersistentLabel = "COS_PERSISTENT"
)

// Sizes in MiB, as Kairos chooses them.
const (
	biosSize        = 1
	efiSize         = 64
	oemSize         = 64
	imageMargin     = 100
	recoveryMargin  = 200
	stateMargin     = 1000
	persistentLeast = 256
)

// Sizes of a node's images and partitions, in MiB.
type Sizes struct {
	Image, RecoveryImage       int
	Boot, OEM, Recovery, State int
	// Persistent 0 is all the rest.
	Persistent int
}

// plan sizes everything from the size of the source in MiB and what the
// configuration asks for instead.
func plan(source int, efi bool, install nodeconfig.Install) Sizes {
	sizes := Sizes{Image: cmp.Or(install.System.Size, source+imageMargin), Boot: biosSize}
	sizes.RecoveryImage = cmp.Or(install.RecoverySystem.Size, sizes.Image)
	if efi {
		sizes.Boot = cmp.Or(install.Partitions["efi"].Size, efiSize)
	}
	sizes.OEM = cmp.Or(install.Partitions["oem"].Size, oemSize)
	sizes.Recovery = cmp.Or(install.Partitions["recovery"].Size, 2*sizes.RecoveryImage+recoveryMargin)
	sizes.State = cmp.Or(install.Partitions["state"].Size, 3*sizes.Image+stateMargin)
	sizes.Persistent = install.Partitions["persistent"].Size
	return sizes
}

// fixed is what all but a persistent partition without a size takes.
func (s Sizes) fixed() int { return s.Boot + s.OEM + s.Recovery + s.State + s.Persistent }

// PartitionName is the name in the partition table of a label's partition.
func PartitionName(label string) string {
	return strings.ToLower(strings.TrimPrefix(label, "COS_"))
}

// part is one partition of the layout.
type part struct {
	name, label string
	kind        gpt.GUID
	size        int
}

// table lays the partitions out one after the other from the first MiB on, or
// says that they do not fit.
func (s Sizes) table(disk blockdev.Disk, efi bool) (gpt.Table, error) {
	room := int(gpt.Usable(disk.Size) / gpt.MiB)
	needed := s.fixed()
	persistent := s.Persistent
	if persistent == 0 {
		persistent = room - needed
		needed += persistentLeast
	}
	if needed > room {
		return gpt.Table{}, fmt.Errorf("the requested partitions size (%dMiB) does not fit in the target disk %s (%dMiB)", needed, disk.Path, room)
	}
	first := part{"bios", "bios", gpt.BIOSBoot, s.Boot}
	if efi {
		first = part{"efi", GRUBLabel, gpt.EFISystem, s.Boot}
	}
	table := gpt.Table{ID: gpt.NameGUID("KAIROS_DISK"), Size: disk.Size}
	start := uint64(gpt.MiB)
	for _, part := range []part{
		first,
		{"oem", OEMLabel, gpt.Linux, s.OEM},
		{"recovery", RecoveryLabel, gpt.Linux, s.Recovery},
		{"state", StateLabel, gpt.Linux, s.State},
		{"persistent", PersistentLabel, gpt.Linux, persistent},
	} {
		size := uint64(part.size) * gpt.MiB
		table.Partitions = append(table.Partitions, gpt.Partition{
			Type: part.kind, ID: gpt.NameGUID(part.label), Name: part.name, Start: start, Size: size,
		})
		start += size
	}
	return table, nil
}

// Numbers of the partitions.
const (
	bootNumber = iota + 1
	oemNumber
	recoveryNumber
	stateNumber
	persistentNumber
)

func format(disk blockdev.Disk, efi bool, partitions map[string]nodeconfig.Size) error {
	for name, wanted := range partitions {
		if name == "efi" || name == "bios" {
			continue
		}
		if err := blockdev.CheckKind(name, wanted.FS); err != nil {
			return err
		}
	}
	if efi {
		if err := blockdev.FormatESP(disk.Partition(bootNumber), GRUBLabel); err != nil {
			return err
		}
	}
	for _, part := range []struct {
		number int
		label  string
	}{{oemNumber, OEMLabel}, {recoveryNumber, RecoveryLabel}, {stateNumber, StateLabel}} {
		if err := blockdev.FormatForGRUB(disk.Partition(part.number), part.label); err != nil {
			return err
		}
	}
	return blockdev.Format(disk.Partition(persistentNumber), PersistentLabel)
}
