package install

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"standin/durable"
	"standin/node"
	"standin/sys"
)

// efiDir is there when the firmware that started this system is UEFI.
const efiDir = "/sys/firmware/efi"

// menu is the boot menu that an image brings for the disk it is installed on.
const menu = "etc/cos/grub.cfg"

// bootFiles are in an image, in the order in which they are looked for.
var (
	shim    = []string{"usr/lib/shim/shimx64.efi.signed", "usr/lib/shim/shimx64.efi"}
	grubEFI = []string{"usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed", "usr/lib/grub/x86_64-efi/monolithic/grubx64.efi"}
	manager = []string{"usr/lib/shim/mmx64.efi.signed", "usr/lib/shim/mmx64.efi"}
)

// installGRUB puts the boot loader of an image, mounted at root, on the disk.
func (i *Installation) installGRUB(root string) error {
	if i.efi {
		return errors.Join(copyEFI(root, i.mount("efi")), copyMenu(root, filepath.Join(i.mount("state"), "grub2")))
	}
	if err := runGRUBInstall(root, i.mount("state"), i.disk.Path); err != nil {
		return err
	}
	return copyMenu(root, filepath.Join(i.mount("state"), "grub"))
}

// runGRUBInstall starts the image's own program, for GRUB's modules must fit its core.
func runGRUBInstall(root, state, disk string) error {
	return node.InRoot(root, "", func() error {
		return sys.Run("grub-install", "--target=i386-pc", "--boot-directory="+state, "--no-floppy",
			"--modules=part_gpt ext2 loopback search search_label search_fs_file loadenv", disk)
	})
}

func copyMenu(root, dir string) error {
	return copyFile(filepath.Join(root, menu), filepath.Join(dir, "grub.cfg"))
}

// efiMenu leads from the EFI partition to the menu.
const efiMenu = "search --no-floppy --label --set=root COS_STATE\nset prefix=($root)/grub2\nconfigfile ($root)/grub2/grub.cfg\n"

// copyEFI uses the fallback name only; no entry is made in the firmware's memory.
func copyEFI(root, efi string) error {
	dir := filepath.Join(efi, "EFI/BOOT")
	for _, file := range []struct {
		names []string
		name  string
		must  bool
	}{{shim, "BOOTX64.EFI", true}, {grubEFI, "grubx64.efi", true}, {manager, "mmx64.efi", false}} {
		from, found := first(root, file.names)
		if !found && file.must {
			return fmt.Errorf("the image has no %s, so it cannot be installed for UEFI; the packages shim-signed and grub-efi-amd64-signed bring it", file.names[0])
		}
		if !found {
			continue
		}
		if err := copyFile(from, filepath.Join(dir, file.name)); err != nil {
			return err
		}
	}
	// The signed GRUB looks in its distribution's directory, others in their own.
	for _, place := range []string{"EFI/BOOT", "EFI/debian"} {
		if err := durable.Write(filepath.Join(efi, place, "grub.cfg"), []byte(efiMenu), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func first(root string, names []string) (string, bool) {
	for _, name := range names {
		if path := filepath.Join(root, name); sys.Exists(path) {
			return path, true
		}
	}
	return "", false
}

func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return durable.Write(to, data, 0o644)
}

// isEFI tells by which firmware this system was started.
func isEFI() bool {
	var stat syscall.Stat_t
	return syscall.Stat(efiDir, &stat) == nil
}
