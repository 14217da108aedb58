package immucore

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"standin/bootmode"
	"standin/brand"
	"standin/cloudconfig"
	"standin/loop"
	"standin/stage"
	"standin/sys"
)

const (
	stateDir   = "/run/initramfs/cos-state"
	overlayDir = "/run/overlay"
	oemDir     = "/oem"
)

// installed is what the command line of an installed node asks for.
type installed struct {
	mode     bootmode.Mode
	label    string // of the file system in the image
	volume   string // label of the partition that holds the image
	image    string
	oem      string
	oemWait  time.Duration
	rootWait time.Duration
	overlay  string // wins over the layout's when set
	mounts   []volumeMount
	limit    time.Duration // for all that immucore does
	writable bool
	init     string
}

// volumeMount is a labelled volume and where it goes in the new root.
type volumeMount struct{ label, dir string }

// parseInstalled reads the line that GRUB makes from bootargs.cfg.
func parseInstalled(line string) (installed, bool) {
	boot := installed{
		mode: bootmode.FromCommandLine(line), volume: "COS_STATE", oem: "COS_OEM", init: "/sbin/init",
		oemWait: seconds(line, "oemtimeout", 10*time.Second), rootWait: seconds(line, "sysrootwait", 60*time.Second),
		limit: seconds(line, "deadline", 5*time.Minute),
	}
	root, _ := bootmode.Argument(line, "root")
	boot.label, _ = strings.CutPrefix(root, "LABEL=")
	boot.image, _ = bootmode.Argument(line, "cos-img/filename")
	switch boot.mode {
	case bootmode.Active, bootmode.Passive:
	case bootmode.Recovery, bootmode.AutoReset:
		boot.volume = "COS_RECOVERY"
	case bootmode.Live, bootmode.Unknown:
		return installed{}, false
	}
	for _, word := range []string{"kairos.ram", "rd.cos.disable", "rd.immucore.disable", "rd.immucore.uki", "rd.immucore.dracut"} {
		if strings.Contains(line, word) {
			return installed{}, false
		}
	}
	if label, set := either(line, "oemlabel"); set {
		boot.oem = label
	}
	if overlay, set := either(line, "overlay"); set {
		boot.overlay = overlay
	}
	if init, set := bootmode.Argument(line, "init"); set {
		boot.init = init
	}
	boot.mounts = mountWords(line)
	boot.writable = bootmode.HasWord(line, "rd.immucore.debugrw")
	return boot, strings.HasPrefix(root, "LABEL=") && boot.label != "" && filepath.IsAbs(boot.image)
}

// either takes the newer spelling of an argument or the older one.
func either(line, name string) (string, bool) {
	if value, set := bootmode.Argument(line, "rd.immucore."+name); set {
		return value, true
	}
	return bootmode.Argument(line, "rd.cos."+name)
}

func seconds(line, name string, otherwise time.Duration) time.Duration {
	text, _ := either(line, name)
	if number, err := strconv.Atoi(text); err == nil && number > 0 {
		return time.Duration(number) * time.Second
	}
	return otherwise
}

// mountWords reads rd.immucore.mount=LABEL:<label>:<dir>, which may come often.
func mountWords(line string) []volumeMount {
	var found []volumeMount
	for _, word := range strings.Fields(line) {
		for _, prefix := range []string{"rd.immucore.mount=", "rd.cos.mount="} {
			if value, ok := strings.CutPrefix(word, prefix); ok {
				found = append(found, parseVolumes(value)...)
			}
		}
	}
	return found
}

// parseVolumes reads LABEL=<label>:<dir> and LABEL:<label>:<dir>, with blanks between.
func parseVolumes(text string) []volumeMount {
	var found []volumeMount
	for _, word := range strings.Fields(text) {
		rest, ok := strings.CutPrefix(strings.Replace(word, "LABEL:", "LABEL=", 1), "LABEL=")
		label, dir, whole := strings.Cut(rest, ":")
		if ok && whole && label != "" && filepath.IsAbs(dir) {
			found = append(found, volumeMount{label: label, dir: dir})
		}
	}
	return found
}

// persistent tells whether this boot has the node's own state.
func (b installed) persistent() bool {
	return b.mode == bootmode.Active || b.mode == bootmode.Passive
}

// installedBoot mounts the node and becomes its init; it comes back only when it
// failed and the command line does not ask for a reboot.
func installedBoot(boot installed, args []string) error {
	b := &booter{installed: boot, log: openLog()}
	limit := time.AfterFunc(boot.limit, func() { b.giveUp(fmt.Errorf("the initrd was not done after %s", boot.limit)) })
	defer limit.Stop()
	if err := b.mountAll(); err != nil {
		return b.giveUp(err)
	}
	if err := b.stages(); err != nil {
		return b.giveUp(err)
	}
	b.forgetFailure()
	b.armWatchdog()
	b.say("giving control to %s", boot.init)
	return b.giveUp(switchRoot(append([]string{boot.init}, initArgs(args)[1:]...)))
}

// booter is one boot under way.
type booter struct {
	installed
	log     io.Writer
	modules *modules
	layout  layout
	fstab   []string
	oemOn   bool
}

func openLog() io.Writer {
	if err := os.MkdirAll(logDir, 0o755); err != nil {
		return io.Discard
	}
	log, err := os.OpenFile(filepath.Join(logDir, "immucore.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return io.Discard
	}
	return log
}

// say writes to the log with the seconds since the kernel started.
func (b *booter) say(format string, args ...any) {
	fmt.Fprintf(b.log, "[%7.2f] "+format+"\n", append([]any{uptime()}, args...)...)
}

func uptime() float64 {
	data, _ := os.ReadFile("/proc/uptime")
	text, _, _ := strings.Cut(string(data), " ")
	number, _ := strconv.ParseFloat(text, 64)
	return number
}

func (b *booter) mountAll() error {
	b.say("%s %s: boot mode %s, %s on %s", brand.Name, brand.Version, b.mode, b.image, b.volume)
	if err := WriteSentinel(sentinels, b.mode); err != nil {
		return err
	}
	var err error
	if b.modules, err = openModules(); err != nil {
		return err
	}
	if err := b.modules.load("virtio_blk", "loop", "overlay"); err != nil {
		return err
	}
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"partition of the images", b.mountState}, {"image", b.mountImage}, {"configs", b.mountOEM}, {"stage rootfs", b.rootfsStage},
		{"layout", b.readLayout}, {"overlays", b.mountOverlays}, {"volumes", b.mountVolumes}, {"persistent paths", b.bindState}, {"fstab", b.writeFstab},
	} {
		b.say("%s", step.name)
		if err := step.do(); err != nil {
			return err
		}
	}
	return nil
}

// mountState mounts the partition with the images, read-only.
func (b *booter) mountState() error {
	volume, err := b.find(b.volume, b.rootWait)
	if err != nil {
		return err
	}
	if err := b.inOrder(volume, wholly); err != nil {
		return err
	}
	dirty := journalPending(volume.Device)
	if err := mountOn(byLabel(volume), stateDir, volume.Type, syscall.MS_RDONLY, ""); err != nil {
		return err
	}
	if dirty {
		// GRUB reads no journal: it may have taken kernel and initrd out of another image than the one that has the name now.
		return restartError{fmt.Errorf("the journal of %s has been replayed; starting over, so that GRUB reads it too", b.volume)}
	}
	b.say("%s is %s", b.volume, volume.Device)
	return nil
}

// find loads other drivers, as udev does, only when the label is not on a virtio disk.
func (b *booter) find(label string, wait time.Duration) (sys.Volume, error) {
	if volume, found := sys.FindVolume(label); found {
		return volume, nil
	}
	volume, failures := b.modules.plugged(label, wait)
	if failures != nil {
		b.say("drivers: %v", failures)
	}
	if volume.Device == "" {
		return volume, fmt.Errorf("no volume labelled %s after %s", label, wait)
	}
	return volume, nil
}

// mountImage loop-mounts the image; its own label must be the one that the command line names.
func (b *booter) mountImage() error {
	path := filepath.Join(stateDir, b.image)
	volume, err := sys.ProbeVolume(path)
	if err != nil {
		return err
	}
	if volume.Label != b.label {
		return fmt.Errorf("%s on %s is labelled %q and not %s", b.image, b.volume, volume.Label, b.label)
	}
	device, err := loop.Attach(path, !b.writable)
	if err != nil {
		return err
	}
	defer device.Close()
	flags := uintptr(syscall.MS_RDONLY)
	if b.writable {
		flags = 0
	}
	if err := mountOn(device.Name(), newRoot, "ext2", flags, ""); err != nil {
		return err
	}
	b.fstab = append(b.fstab, device.Name()+" / ext2 ro 0 0")
	if !sys.Exists(filepath.Join(newRoot, "usr/lib/modules", kernelRelease())) {
		return fmt.Errorf("%s holds no modules of the running kernel %s", b.image, kernelRelease())
	}
	return nil
}

// mountOEM goes on without: a node whose OEM partition is gone should come up and say so.
func (b *booter) mountOEM() error {
	target := filepath.Join(newRoot, oemDir)
	if !sys.Exists(target) {
		return fmt.Errorf("the image has no %s and is read-only; whoever wrote it left out what Kairos makes in every image", oemDir)
	}
	volume, err := b.find(b.oem, b.oemWait)
	if err == nil {
		err = b.mountChecked(volume, target, wholly)
	}
	if err != nil {
		b.warn("going on without %s: %v", b.oem, err)
		return mountOn("tmpfs", target, "tmpfs", syscall.MS_NOSUID|syscall.MS_NODEV, "mode=0770,size=16m")
	}
	b.oemOn = true
	b.fstab = append(b.fstab, "LABEL="+b.oem+" /oem "+volume.Type+" rw 0 0")
	return oemAccess(target)
}

// oemAccess keeps others from the configs, as Kairos does: root and group admin only.
func oemAccess(dir string) error {
	const adminGID = 900
	if err := os.Chown(dir, 0, adminGID); err != nil {
		return err
	}
	return os.Chmod(dir, 0o770)
}

// rootfsStage runs before anything writable is there; the steps see the initrd and /oem.
func (b *booter) rootfsStage() error {
	if err := b.userDataModules(); err != nil {
		b.say("%v", err)
	}
	if err := bind(filepath.Join(newRoot, oemDir), oemDir); err != nil {
		return err
	}
	defer func() { _ = syscall.Unmount(oemDir, syscall.MNT_DETACH) }()
	runner := stage.Runner{Root: newRoot, Dirs: cloudconfig.Dirs, Log: b.log, Chrooted: true}
	if err := runner.Run("rootfs"); err != nil {
		b.say("stage rootfs: %v", err)
	}
	return nil
}

// userDataModules loads what a cidata disk may be made of, when one will be read.
func (b *booter) userDataModules() error {
	if sys.Exists(filepath.Join(newRoot, oemDir, "95_userdata")) {
		return nil
	}
	if volume, found := sys.FindVolume("cidata"); found && volume.Type == "vfat" {
		return b.modules.load("vfat", "nls_cp437", "nls_ascii")
	}
	return b.modules.load("isofs")
}

// stages runs initramfs in the new root.
func (b *booter) stages() error {
	for _, dir := range []string{"/dev", "/proc", "/sys", "/run"} {
		target := filepath.Join(newRoot, dir)
		if err := bind(dir, target); err != nil {
			return err
		}
		defer func() { _ = syscall.Unmount(target, syscall.MNT_DETACH) }()
	}
	b.say("stage initramfs")
	return inRoot(newRoot, func() error {
		if b.layout.persistent {
			if err := keepIdentity("/", "/usr/local/etc"); err != nil {
				b.warn("identity: %v", err)
			}
		}
		return initramfs(b.log)
	})
}
