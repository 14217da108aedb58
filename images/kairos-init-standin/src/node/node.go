// Package node knows where the parts of an installed node are, and runs the hooks of the agent's verbs.
package node

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"standin/cloudconfig"
	"standin/stage"
	"standin/sys"
)

// Images of a node, below its partitions, and their labels.
const (
	ImageDir   = "cOS"
	Active     = ImageDir + "/active.img"
	Passive    = ImageDir + "/passive.img"
	Recovery   = ImageDir + "/recovery.img"
	Transition = ImageDir + "/transition.img"

	ActiveLabel   = "COS_ACTIVE"
	PassiveLabel  = "COS_PASSIVE"
	RecoveryLabel = "COS_SYSTEM"
)

// Files of a node.
const (
	// OEM is where COS_OEM is on a running node.
	OEM = "/oem"
	// Environment is GRUB's block on COS_OEM.
	Environment = "grubenv"
	// LiveRoot is the read-only root of a live boot.
	LiveRoot = "/run/rootfsbase"
)

// Mounted is a partition at a place.
type Mounted struct {
	Point string
	undo  func() error
}

// Close brings back what was before.
func (m *Mounted) Close() error {
	if m == nil || m.undo == nil {
		return nil
	}
	undo := m.undo
	m.undo = nil
	return undo()
}

// Mount mounts a device on a directory that it makes.
func Mount(device, kind, point string) (*Mounted, error) {
	return mountWith(device, kind, point, 0)
}

func mountWith(device, kind, point string, flags uintptr) (*Mounted, error) {
	if err := os.MkdirAll(point, 0o755); err != nil {
		return nil, err
	}
	if err := syscall.Mount(device, point, kind, flags, ""); err != nil {
		return nil, fmt.Errorf("mount %s on %s: %w", device, point, err)
	}
	return &Mounted{Point: point, undo: func() error { return Unmount(point) }}, nil
}

// Unmount takes a mount away; one that is busy goes out of sight and is an error.
func Unmount(point string) error {
	if err := syscall.Unmount(point, 0); err != nil {
		_ = syscall.Unmount(point, syscall.MNT_DETACH)
		return fmt.Errorf("unmount %s: %w", point, err)
	}
	return nil
}

// Writable finds a labelled partition and makes it writable: where it is
// mounted already it is remounted, and read-only again afterwards.
func Writable(label, point string) (*Mounted, error) {
	volume, found := sys.FindVolume(label)
	if !found {
		return nil, fmt.Errorf("no partition labelled %s", label)
	}
	mounts, err := sys.Mounts()
	if err != nil {
		return nil, err
	}
	for _, mount := range mounts {
		if mount.Source == volume.Device && mount.Root == "/" {
			return remounted(mount)
		}
	}
	// What a power cut left is put in order first, as nothing did that at the start.
	if err := check(volume); err != nil {
		return nil, err
	}
	return Mount(volume.Device, volume.Type, point)
}

// check runs e2fsck, which does nothing where all is in order; codes up to 1 say
// that it is now (e2fsck(8)). What it does not dare by itself it is told to do.
func check(volume sys.Volume) error {
	if volume.Type != "ext4" {
		return nil
	}
	for _, how := range []string{"-p", "-y"} {
		err := sys.Run("e2fsck", how, volume.Device)
		var code *exec.ExitError
		if err == nil || (errors.As(err, &code) && code.ExitCode() == 1) {
			return nil
		}
	}
	return fmt.Errorf("%s (%s) is damaged", volume.Label, volume.Device)
}

// Readable finds a labelled partition where it is mounted, or mounts it read-only.
func Readable(label, point string) (*Mounted, error) {
	volume, found := sys.FindVolume(label)
	if !found {
		return nil, fmt.Errorf("no partition labelled %s", label)
	}
	mounts, err := sys.Mounts()
	if err != nil {
		return nil, err
	}
	for _, mount := range mounts {
		if mount.Source == volume.Device && mount.Root == "/" {
			return &Mounted{Point: mount.Point}, nil
		}
	}
	return mountWith(volume.Device, volume.Type, point, syscall.MS_RDONLY)
}

func remounted(mount sys.Mount) (*Mounted, error) {
	if !mount.ReadOnly() {
		return &Mounted{Point: mount.Point}, nil
	}
	if err := syscall.Mount("", mount.Point, "", syscall.MS_REMOUNT, ""); err != nil {
		return nil, fmt.Errorf("remount %s for writing: %w", mount.Point, err)
	}
	return &Mounted{Point: mount.Point, undo: func() error {
		readOnlyAgain(mount.Point)
		return nil
	}}, nil
}

// readOnlyAgain gives a loop device a few seconds to let its file go. What was
// written is on the disk by then, so a failure is told and is no error.
func readOnlyAgain(point string) {
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		err := syscall.Mount("", point, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, "")
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			fmt.Fprintf(os.Stderr, "warning: %s stays writable until the next boot: %v\n", point, err)
			return
		}
	}
}

// Hooks runs the stages that belong to a verb.
type Hooks struct {
	// Dirs are looked through besides the usual ones.
	Dirs   []string
	Out    io.Writer
	Strict bool
}

// Run runs a stage; its errors count only when the configuration says strict.
func (h Hooks) Run(name string) error {
	fmt.Fprintf(h.Out, "Running %s hook\n", name)
	runner := stage.Runner{Dirs: append(append([]string{}, cloudconfig.Dirs...), h.Dirs...), Log: h.Out}
	return h.judge(name, runner.Run(name))
}

func (h Hooks) judge(name string, err error) error {
	if err == nil || h.Strict {
		return err
	}
	fmt.Fprintf(h.Out, "stage %s ended with errors; the configuration does not say strict, so it goes on\n", name)
	return nil
}

// RunIn runs a stage inside another root, with this system's devices and /oem in place.
func (h Hooks) RunIn(root, name, oem string) error {
	fmt.Fprintf(h.Out, "Running %s hook\n", name)
	return InRoot(root, oem, func() error {
		runner := stage.Runner{Dirs: cloudconfig.Dirs, Log: h.Out, Chrooted: true}
		return h.judge(name, runner.Run(name))
	})
}

// binds are what a program in another root needs of this system.
var binds = []string{"/dev", "/proc", "/sys", "/run"}

// InRoot does something chrooted, with this system's devices and, when one is
// named, a directory as /oem in place; all of it is undone afterwards.
func InRoot(root, oem string, do func() error) (failure error) {
	places := map[string]string{}
	for _, dir := range binds {
		places[dir] = filepath.Join(root, dir)
	}
	if oem != "" {
		places[oem] = filepath.Join(root, "oem")
	}
	for from, to := range places {
		if err := bind(from, to); err != nil {
			return err
		}
		defer func() {
			// Lazily: a daemon that a hook started may still be in there.
			failure = errors.Join(failure, syscall.Unmount(to, syscall.MNT_DETACH))
		}()
	}
	return chrooted(root, do)
}

func bind(from, to string) error {
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	if err := syscall.Mount(from, to, "", syscall.MS_BIND|syscall.MS_REC, ""); err != nil {
		return fmt.Errorf("bind %s on %s: %w", from, to, err)
	}
	// Private: what is unmounted here must not vanish from where it came.
	return syscall.Mount("", to, "", syscall.MS_REC|syscall.MS_SLAVE, "")
}

func chrooted(root string, do func() error) error {
	outside, err := os.Open("/")
	if err != nil {
		return err
	}
	defer outside.Close()
	if err := syscall.Chroot(root); err != nil {
		return fmt.Errorf("chroot %s: %w", root, err)
	}
	failure := os.Chdir("/")
	if failure == nil {
		failure = do()
	}
	return errors.Join(failure, outside.Chdir(), syscall.Chroot("."))
}
