package kinit

import (
	"os"
	"path/filepath"
	"strings"

	"standin/sys"
)

const (
	vendorUnits = "/usr/lib/systemd/system"
	unitDir     = "/etc/systemd/system"
)

// needless units cost seconds of a boot and serve no immutable node: package
// and disk housekeeping, first-boot questions, hardware a server has not got.
var needless = strings.Fields("systemd-firstboot.service systemd-machine-id-commit.service " +
	"apt-daily.timer apt-daily.service apt-daily-upgrade.timer apt-daily-upgrade.service dpkg-db-backup.timer dpkg-db-backup.service " +
	"man-db.timer man-db.service e2scrub_all.timer e2scrub_all.service e2scrub_reap.service fstrim.timer fstrim.service " +
	"grub-common.service grub-initrd-fallback.service sshd-keygen.service systemd-update-done.service systemd-update-utmp.service systemd-rfkill.socket systemd-rfkill.service " +
	"systemd-pstore.service systemd-tpm2-setup.service systemd-tpm2-setup-early.service systemd-hibernate-clear.service " +
	"systemd-boot-random-seed.service systemd-journal-catalog-update.service systemd-hwdb-update.service ldconfig.service " +
	"systemd-hibernate-resume.service systemd-bless-boot.service proc-sys-fs-binfmt_misc.automount systemd-binfmt.service " +
	"sys-kernel-debug.mount sys-kernel-tracing.mount modprobe@drm.service")

// needlessGenerators look for hardware and set-ups that a node has not got;
// each is a process before the first unit starts.
var needlessGenerators = strings.Fields("ssh gpt-auto hibernate-resume tpm2 rc-local sysv system-update cryptsetup " +
	"veritysetup integritysetup import")

var wanted = strings.Fields("ssh.service systemd-timesyncd.service cos-setup-fs.service cos-setup-boot.service " +
	"cos-setup-network.service cos-setup-reconcile.timer kairos-agent.service serial-getty@ttyS0.service getty@tty1.service")

func services(*Build) error {
	if err := copyTree("services"); err != nil {
		return err
	}
	for _, unit := range needless {
		if err := sys.Symlink("/dev/null", filepath.Join(unitDir, unit)); err != nil {
			return err
		}
	}
	for _, name := range needlessGenerators {
		if err := sys.Symlink("/dev/null", "/etc/systemd/system-generators/systemd-"+name+"-generator"); err != nil {
			return err
		}
	}
	if err := sys.Symlink(filepath.Join(vendorUnits, "multi-user.target"), filepath.Join(unitDir, "default.target")); err != nil {
		return err
	}
	return sys.Run("systemctl", append([]string{"--quiet", "enable"}, present(append(wanted, networkUnits()...))...)...)
}

// networkUnits gives the interfaces to one manager: NetworkManager when the
// image has it, else systemd-networkd.
func networkUnits() []string {
	if sys.Exists(filepath.Join(vendorUnits, "NetworkManager.service")) {
		return []string{"NetworkManager.service"}
	}
	return []string{"systemd-networkd.service"}
}

func present(units []string) []string {
	var found []string
	for _, unit := range units {
		file := unit
		if name, rest, templated := strings.Cut(unit, "@"); templated {
			file = name + "@" + rest[strings.LastIndex(rest, "."):]
		}
		for _, dir := range []string{vendorUnits, unitDir} {
			if sys.Exists(filepath.Join(dir, file)) {
				found = append(found, unit)
				break
			}
		}
	}
	return found
}

func sshHardening(*Build) error { return copyTree("sshHardening") }

// workarounds: sudo without its setuid bit is what some builders leave, and
// Debian's name of grub2-editenv differs from what cloud-configs call.
func workarounds(*Build) error {
	if err := sys.Symlink("grub-editenv", "/usr/bin/grub2-editenv"); err != nil {
		return err
	}
	return os.Chmod("/usr/bin/sudo", 0o755|os.ModeSetuid)
}
