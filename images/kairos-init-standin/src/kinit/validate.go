package kinit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"standin/release"
	"standin/sys"
)

// Validate checks a finished image as `kairos-init validate` does, as far as
// the stand-in's subset goes. All faults are joined into one error.
func Validate(root string) error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	for _, name := range []string{"immucore", "kairos-agent", "sudo", "less"} {
		if !sys.Exists(filepath.Join(root, "usr/bin", name)) {
			fault("binary %s is missing", name)
		}
	}
	faults = append(faults, validateBoot(root)...)
	keys := release.Read(filepath.Join(root, release.Path))
	for name := range releaseKeys(Options{Version: "v0.0.0", Model: "generic"}, Distro{ID: "debian", Version: "13"}) {
		if keys[name] == "" {
			fault("%s has no %s", release.Path, name)
		}
	}
	if hostKeys, _ := filepath.Glob(filepath.Join(root, "etc/ssh/ssh_host_*_key")); len(hostKeys) > 0 {
		fault("host keys in the image: %s", strings.Join(hostKeys, ", "))
	}
	return errors.Join(faults...)
}

func validateBoot(root string) []error {
	var faults []error
	target, err := os.Readlink(filepath.Join(root, "boot/vmlinuz"))
	if err != nil || filepath.Dir(target) != "/boot" || !sys.Exists(filepath.Join(root, target)) {
		faults = append(faults, fmt.Errorf("/boot/vmlinuz does not lead to a kernel in /boot (%s)", target))
	}
	if info, err := os.Lstat(filepath.Join(root, initrdPath)); err != nil || !info.Mode().IsRegular() {
		faults = append(faults, errors.New("/boot/initrd is not a regular file"))
	}
	kernels, _ := os.ReadDir(filepath.Join(root, "usr/lib/modules"))
	if len(kernels) != 1 {
		faults = append(faults, fmt.Errorf("%d kernels in /usr/lib/modules; exactly one is wanted", len(kernels)))
	}
	return faults
}
