package kinit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"standin/sys"
)

const initrdPath = "/boot/initrd"

// kernelVersion names the one kernel of the image; with several the highest is taken.
func kernelVersion(modules string) (string, error) {
	entries, err := os.ReadDir(modules)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	var versions []string
	for _, entry := range entries {
		if sys.Exists(filepath.Join(modules, entry.Name(), "modules.dep")) {
			versions = append(versions, entry.Name())
		}
	}
	if len(versions) == 0 {
		return "", fmt.Errorf("no kernel below %s; was stage install run?", modules)
	}
	sort.Slice(versions, func(a, b int) bool { return natural(versions[a]) < natural(versions[b]) })
	return versions[len(versions)-1], nil
}

// natural makes a key in which numbers sort by value.
func natural(version string) string {
	var key, digits strings.Builder
	flush := func() {
		if digits.Len() > 0 {
			fmt.Fprintf(&key, "%012s", digits.String())
			digits.Reset()
		}
	}
	for _, char := range version {
		if char >= '0' && char <= '9' {
			digits.WriteRune(char)
			continue
		}
		flush()
		key.WriteRune(char)
	}
	flush()
	return key.String()
}

func linkKernel(*Build) error {
	version, err := kernelVersion("/usr/lib/modules")
	if err != nil {
		return err
	}
	image := "/boot/vmlinuz-" + version
	if !sys.Exists(image) {
		return fmt.Errorf("modules of kernel %s are there, %s is not", version, image)
	}
	return sys.Symlink(image, "/boot/vmlinuz")
}

func initramfsConfigs(*Build) error { return copyTree("initramfsConfigs") }

// makeInitrd removes every other initrd first, as Kairos does.
func makeInitrd(*Build) error {
	version, err := kernelVersion("/usr/lib/modules")
	if err != nil {
		return err
	}
	for _, pattern := range []string{"/boot/initrd*", "/boot/initramfs*"} {
		old, _ := filepath.Glob(pattern)
		for _, path := range old {
			if err := os.Remove(path); err != nil {
				return err
			}
		}
	}
	// SOURCE_DATE_EPOCH in the environment and --reproducible fix the times inside.
	if err := sys.Run("dracut", "--force", "--reproducible", "--no-hostonly", "--kver", version, initrdPath); err != nil {
		return err
	}
	return os.Chmod(initrdPath, 0o644)
}
