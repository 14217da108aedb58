package immucore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"standin/bootmode"
	"standin/brand"
	"standin/loop"
	"standin/sys"
)

const (
	dracutInit = "/init.dracut"
	newRoot    = "/sysroot"
	liveDir    = "/run/initramfs/live"
	rootBase   = "/run/rootfsbase"
	searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	// labelWait is how long a slow bus may take to show the live medium.
	labelWait = 15 * time.Second
)

// Init is the initrd's first process. It boots an installed node, which dracut
// cannot; and the plain live boot, in a tenth of the time of dracut's shell and
// udev under emulation, with the same mounts in the same places. For all else,
// and when a live boot fails, it makes way for dracut's own init.
func Init(args []string) int {
	// The kernel gives its first process no PATH, and stages start programs by name.
	_ = os.Setenv("PATH", searchPath)
	if err := mountKernel(); err == nil {
		line := bootmode.CommandLine()
		if boot, ok := parseInstalled(line); ok {
			// Coming back ends the kernel's first process: it panics, and reboots for the word panic=5.
			return status(installedBoot(boot, args))
		}
		if medium, ok := parseLive(line); ok {
			failure := liveBoot(medium, args)
			fmt.Fprintf(os.Stderr, "immucore (%s): %v; leaving it to dracut\n", brand.Name, failure)
		}
	}
	err := syscall.Exec(dracutInit, append([]string{"/init"}, args...), os.Environ())
	fmt.Fprintf(os.Stderr, "immucore (%s): %s: %v\n", brand.Name, dracutInit, err)
	return 1
}

// medium is where the live image lies.
type medium struct{ label, path string }

// parseLive reads the live line; what asks for more than the plain live boot
// (dracut's debugging, images in RAM, other overlays) is dracut's.
func parseLive(line string) (medium, bool) {
	found := medium{path: "LiveOS/squashfs.img"}
	dir, image, overlay := "LiveOS", "squashfs.img", false
	for _, word := range strings.Fields(line) {
		name, value, _ := strings.Cut(word, "=")
		switch name {
		case "root":
			for _, kind := range []string{"live:CDLABEL=", "live:LABEL="} {
				if label, ok := strings.CutPrefix(value, kind); ok {
					found.label = label
				}
			}
		case "rd.live.dir":
			dir = value
		case "rd.live.squashimg":
			image = value
		case "rd.live.overlay.overlayfs":
			overlay = value != "0"
		case "rd.break", "rd.shell", "rd.debug", "rd.live.ram", "rd.live.overlay", "rd.live.check", "rd.immucore.dracut", "init":
			return medium{}, false
		}
	}
	found.path = filepath.Join(dir, image)
	return found, found.label != "" && overlay
}

func mountKernel() error {
	for _, mount := range []struct {
		kind, target, data string
		flags              uintptr
	}{
		{"proc", "/proc", "", syscall.MS_NOSUID | syscall.MS_NOEXEC | syscall.MS_NODEV},
		{"sysfs", "/sys", "", syscall.MS_NOSUID | syscall.MS_NOEXEC | syscall.MS_NODEV},
		{"devtmpfs", "/dev", "mode=0755", syscall.MS_NOSUID},
		{"tmpfs", "/run", "mode=0755", syscall.MS_NOSUID | syscall.MS_NODEV},
	} {
		if err := os.MkdirAll(mount.target, 0o755); err != nil {
			return err
		}
		err := syscall.Mount(mount.kind, mount.target, mount.kind, mount.flags, mount.data)
		if err != nil && !errors.Is(err, syscall.EBUSY) {
			return fmt.Errorf("mount %s: %w", mount.target, err)
		}
	}
	return nil
}

// liveBoot only comes back when it failed.
func liveBoot(wanted medium, args []string) error {
	modules, err := openModules()
	if err != nil {
		return err
	}
	volume, err := findMedium(modules, wanted.label)
	if err != nil {
		return err
	}
	if err := mountLive(modules, volume, wanted.path); err != nil {
		return err
	}
	// The user data volume may be of either kind.
	_ = modules.load("vfat", "nls_cp437", "nls_ascii")
	if err := run(newRoot); err != nil {
		return err
	}
	return switchRoot(initArgs(args))
}

// findMedium tries virtio disks first: probing SATA ports costs seconds. All other drivers are loaded as udev does it.
func findMedium(modules *modules, label string) (sys.Volume, error) {
	if err := modules.load("virtio_blk"); err != nil {
		return sys.Volume{}, err
	}
	if volume, found := sys.FindVolume(label); found {
		return volume, nil
	}
	volume, failures := modules.plugged(label, labelWait)
	if volume.Device == "" {
		return volume, errors.Join(fmt.Errorf("no volume labelled %s after %s", label, labelWait), failures)
	}
	return volume, nil
}

// plugged loads drivers until a volume of this label is there, which has no device when the time is over; besides, what
// could not be loaded.
func (m *modules) plugged(label string, wait time.Duration) (sys.Volume, error) {
	var failures error
	for deadline := time.Now().Add(wait); ; time.Sleep(100 * time.Millisecond) {
		failures = errors.Join(failures, m.coldplug(sysfs))
		if volume, found := sys.FindVolume(label); found || time.Now().After(deadline) {
			return volume, failures
		}
	}
}

// mountLive leaves the mounts that dracut's dmsquash-live would.
func mountLive(modules *modules, volume sys.Volume, image string) error {
	if err := modules.load("isofs", "loop", "squashfs", "overlay"); err != nil {
		return err
	}
	for _, dir := range []string{liveDir, rootBase, "/run/overlayfs", "/run/ovlwork", newRoot} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	if err := syscall.Mount(volume.Device, liveDir, volume.Type, syscall.MS_RDONLY, ""); err != nil {
		return fmt.Errorf("mount %s: %w", volume.Device, err)
	}
	device, err := loop.Attach(filepath.Join(liveDir, image), true)
	if err != nil {
		return err
	}
	defer device.Close()
	if err := syscall.Mount(device.Name(), rootBase, "squashfs", syscall.MS_RDONLY, ""); err != nil {
		return fmt.Errorf("mount %s: %w", device.Name(), err)
	}
	return syscall.Mount("LiveOS_rootfs", newRoot, "overlay", 0, "lowerdir="+rootBase+",upperdir=/run/overlayfs,workdir=/run/ovlwork")
}

// initArgs keeps the words that systemd knows; the kernel hands us every word it does not.
func initArgs(args []string) []string {
	kept := []string{"/sbin/init"}
	for _, word := range args {
		switch word {
		case "s", "S", "single", "emergency", "auto", "1", "2", "3", "4", "5":
			kept = append(kept, word)
		}
	}
	return kept
}

// switchRoot empties the initrd, moves the kernel's mounts and becomes init.
func switchRoot(args []string) error {
	for _, dir := range []string{"/dev", "/proc", "/sys", "/run"} {
		target := filepath.Join(newRoot, dir)
		if err := os.MkdirAll(target, 0o755); err != nil {
			return err
		}
		if err := syscall.Mount(dir, target, "", syscall.MS_MOVE, ""); err != nil {
			return fmt.Errorf("move %s: %w", dir, err)
		}
	}
	freeInitrd()
	if err := os.Chdir(newRoot); err != nil {
		return err
	}
	if err := syscall.Mount(".", "/", "", syscall.MS_MOVE, ""); err != nil {
		return fmt.Errorf("move the root: %w", err)
	}
	if err := syscall.Chroot("."); err != nil {
		return err
	}
	return syscall.Exec(args[0], args, os.Environ())
}

// freeInitrd gives its memory back; only what lies on the initrd's own file
// system is removed, so that a mount left behind loses nothing.
func freeInitrd() {
	var own syscall.Stat_t
	if syscall.Stat("/", &own) != nil {
		return
	}
	removeOn("/", own.Dev)
}

func removeOn(dir string, device uint64) {
	entries, _ := os.ReadDir(dir)
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		var stat syscall.Stat_t
		if syscall.Lstat(path, &stat) != nil || stat.Dev != device {
			continue
		}
		if entry.IsDir() {
			removeOn(path, device)
		}
		// A directory that holds a mount stays, for it is not empty.
		if path != newRoot {
			_ = os.Remove(path)
		}
	}
}
