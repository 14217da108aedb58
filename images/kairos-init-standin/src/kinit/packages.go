package kinit

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"standin/sys"
)

// nodePackages is the lean list: what the boot, the harness's tests and the
// later installer need. Kairos installs about a hundred.
var nodePackages = strings.Fields("systemd systemd-sysv systemd-timesyncd dbus udev kmod " +
	"dracut dracut-live dracut-network iproute2 openssh-server sudo less zstd rsync cpio " +
	"dosfstools e2fsprogs fdisk ca-certificates " +
	"grub-common grub2-common grub-pc-bin grub-efi-amd64-bin grub-efi-amd64-signed shim-signed")

var kernelPackages = []string{"linux-image-cloud-amd64"}

func installPackages(*Build) error { return aptInstall(nodePackages) }

func installKernel(*Build) error { return aptInstall(kernelPackages) }

// aptInstall installs what is missing and asks no mirror when nothing is.
func aptInstall(wanted []string) error {
	missing := missingPackages(wanted)
	if len(missing) == 0 {
		return nil
	}
	fmt.Fprintf(os.Stderr, "installing %s\n", strings.Join(missing, " "))
	restore, err := forbidDaemons()
	if err != nil {
		return err
	}
	defer restore()
	// INITRD=No: the step initrd makes the one initrd, so the kernel's package must not.
	env := []string{"DEBIAN_FRONTEND=noninteractive", "INITRD=No"}
	if err := sys.RunWith(env, os.Stderr, "apt-get", "-qq", "update"); err != nil {
		return err
	}
	args := append(strings.Fields("-qq -y --no-install-recommends -o Dpkg::Options::=--force-unsafe-io "+
		"-o Dpkg::Options::=--force-confold -o Dpkg::Use-Pty=0 install"), missing...)
	return sys.RunWith(env, os.Stderr, "apt-get", args...)
}

func missingPackages(wanted []string) []string {
	installed, err := sys.Output("dpkg-query", "-W", "-f", "${db:Status-Abbrev}${Package}\n")
	if err != nil {
		return wanted
	}
	have := map[string]bool{}
	for _, line := range strings.Split(installed, "\n") {
		if name, found := strings.CutPrefix(line, "ii "); found {
			have[name] = true
		}
	}
	var missing []string
	for _, name := range wanted {
		if !have[name] {
			missing = append(missing, name)
		}
	}
	return missing
}

const policy = "/usr/sbin/policy-rc.d"

// forbidDaemons keeps package scripts from starting anything in the build
// (exit code 101, policy-rc.d(8)); one that is there already is left alone.
func forbidDaemons() (restore func(), err error) {
	if sys.Exists(policy) {
		return func() {}, nil
	}
	if err := sys.WriteFile(policy, []byte("#!/bin/sh\nexit 101\n"), 0o755); err != nil {
		return nil, err
	}
	return func() {
		if err := os.Remove(policy); err != nil && !errors.Is(err, os.ErrNotExist) {
			fmt.Fprintln(os.Stderr, err)
		}
	}, nil
}
