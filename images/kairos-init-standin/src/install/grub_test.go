package install

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func put(t *testing.T, root string, names ...string) {
	t.Helper()
	for _, name := range names {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFilesOfTheEFIPartition(t *testing.T) {
	root, efi := t.TempDir(), t.TempDir()
	put(t, root, shim[0], grubEFI[0])
	if err := copyEFI(root, efi); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"EFI/BOOT/BOOTX64.EFI": shim[0],
		"EFI/BOOT/grubx64.efi": grubEFI[0],
		"EFI/BOOT/grub.cfg":    efiMenu,
		"EFI/debian/grub.cfg":  efiMenu, // where Debian's signed GRUB looks
	} {
		if found, err := os.ReadFile(filepath.Join(efi, name)); err != nil || string(found) != want {
			t.Errorf("%s: %q, %v", name, found, err)
		}
	}
	if !strings.Contains(efiMenu, "\nconfigfile ($root)/grub2/grub.cfg\n") {
		t.Errorf("the menu that copyMenu writes under UEFI is not what is loaded: %s", efiMenu)
	}
}

func TestAnImageWithoutShimIsRefusedForUEFI(t *testing.T) {
	root := t.TempDir()
	put(t, root, grubEFI[0])
	if err := copyEFI(root, t.TempDir()); err == nil || !strings.Contains(err.Error(), shim[0]) {
		t.Errorf("copyEFI without shim: %v", err)
	}
}
