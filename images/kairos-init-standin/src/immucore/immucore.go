// Package immucore is the part of the stand-in that runs in the initrd, after
// dracut has mounted the root and before it gives control to it.
package immucore

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"standin/assess"
	"standin/bootmode"
	"standin/brand"
	"standin/cloudconfig"
	"standin/stage"
	"standin/sys"
)

const (
	sentinels = "/run/cos"
	logDir    = "/run/immucore"
	// Done marks that stages rootfs and initramfs ran; kairos-agent looks for it.
	Done = logDir + "/initramfs.done"
)

// Main runs the initrd part against the root given (default /sysroot).
func Main(args []string) int {
	if len(args) > 0 && (args[0] == "version" || args[0] == "--version") {
		fmt.Printf("immucore %s (%s: %s)\n", brand.Version, brand.Name, brand.Warning)
		return 0
	}
	if len(args) > 0 && args[0] == "assessment" {
		return status(assess.Main(args[1:]))
	}
	root := "/sysroot"
	if len(args) > 0 {
		root = args[0]
	}
	return status(run(root))
}

func status(err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintf(os.Stderr, "immucore (%s): %v\n", brand.Name, err)
	return 1
}

func run(root string) error {
	if err := os.MkdirAll(logDir, 0o755); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(logDir, "immucore.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	mode := bootmode.FromCommandLine(bootmode.CommandLine())
	fmt.Fprintf(log, "%s %s: boot mode %s\n", brand.Name, brand.Version, mode)
	if err := WriteSentinel(sentinels, mode); err != nil {
		return err
	}
	if mode != bootmode.Live {
		return brand.NotYet("boot mode %s with dracut's own init", mode)
	}
	return stages(root, log)
}

// WriteSentinel marks the boot mode below a directory with a file that holds 1.
func WriteSentinel(dir string, mode bootmode.Mode) error {
	name := mode.Sentinel()
	if name == "" {
		return nil
	}
	if bootmode.HasWord(bootmode.CommandLine(), "upgrade_failure") {
		if err := sys.WriteFile(filepath.Join(dir, "upgrade_failure"), []byte("1"), 0o644); err != nil {
			return err
		}
	}
	return sys.WriteFile(filepath.Join(dir, name), []byte("1"), 0o644)
}

// stages runs rootfs here, with the new root's /oem in place, and initramfs in it.
func stages(root string, log io.Writer) error {
	if !sys.Exists(filepath.Join(root, "oem")) {
		return errors.New("the medium's root has no /oem")
	}
	if err := bind(filepath.Join(root, "oem"), "/oem"); err != nil {
		return err
	}
	defer func() { _ = syscall.Unmount("/oem", syscall.MNT_DETACH) }()
	rootfs := stage.Runner{Root: root, Dirs: cloudconfig.Dirs, Log: log, Chrooted: true}
	if err := rootfs.Run("rootfs"); err != nil {
		fmt.Fprintf(log, "stage rootfs: %v\n", err)
	}
	for _, dir := range []string{"/dev", "/proc", "/sys", "/run"} {
		target := filepath.Join(root, dir)
		if err := bind(dir, target); err != nil {
			return err
		}
		defer func() { _ = syscall.Unmount(target, syscall.MNT_DETACH) }()
	}
	return inRoot(root, func() error { return initramfs(log) })
}

func bind(from, to string) error {
	for _, dir := range []string{from, to} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	if err := syscall.Mount(from, to, "", syscall.MS_BIND|syscall.MS_REC, ""); err != nil {
		return fmt.Errorf("bind %s on %s: %w", from, to, err)
	}
	return nil
}

// inRoot does something chrooted and comes back.
func inRoot(root string, do func() error) error {
	outside, err := os.Open("/")
	if err != nil {
		return err
	}
	defer outside.Close()
	if err := syscall.Chroot(root); err != nil {
		return fmt.Errorf("chroot %s: %w", root, err)
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	failure := do()
	if err := outside.Chdir(); err != nil {
		return err
	}
	if err := syscall.Chroot("."); err != nil {
		return err
	}
	return failure
}

func initramfs(log io.Writer) error {
	if err := EnsureMachineID("/etc/machine-id"); err != nil {
		return err
	}
	runner := stage.Runner{Dirs: cloudconfig.Dirs, Log: log, Chrooted: true}
	if err := runner.Run("initramfs"); err != nil {
		fmt.Fprintf(log, "stage initramfs: %v\n", err)
	}
	return sys.WriteFile(Done, nil, 0o644)
}
