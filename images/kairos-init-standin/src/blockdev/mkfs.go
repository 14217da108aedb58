package blockdev

import (
	"standin/brand"
	"standin/sys"
)

// grubReads are the features of ext4 left out where GRUB has to read. The
// journal is among them: GRUB does not replay it, so with one GRUB and the
// kernel could see two different states after a power cut.
const grubReads = "^has_journal,^64bit,^metadata_csum,^metadata_csum_seed,^orphan_file,^resize_inode"

// FormatForGRUB makes an ext4 file system that GRUB reads as the kernel does.
func FormatForGRUB(device, label string) error {
	return sys.Run("mke2fs", "-q", "-F", "-t", "ext4", "-m", "0", "-N", "4096", "-O", grubReads, "-L", label, device)
}

// Format makes a journalled ext4 file system.
func Format(device, label string) error {
	return sys.Run("mke2fs", "-q", "-F", "-t", "ext4", "-m", "0", "-O", "^64bit,^orphan_file", "-L", label, device)
}

// FormatESP makes the FAT file system that UEFI reads.
func FormatESP(device, label string) error {
	return sys.Run("mkfs.vfat", "-F", "32", "-s", "1", "-n", label, device)
}

// CheckKind refuses file systems other than ext4.
func CheckKind(partition, kind string) error {
	if kind == "" || kind == "ext4" {
		return nil
	}
	return brand.NotYet("install.partitions.%s.fs %s", partition, kind)
}
