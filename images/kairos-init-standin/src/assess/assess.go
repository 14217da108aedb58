// Package assess keeps the boot assessment of an installed node: an environment
// block on COS_STATE that GRUB reads and writes too.
package assess

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"standin/grubenv"
	"standin/sys"
)

// Names at the top of COS_STATE; GRUB and Kairos's own tests know them.
const (
	File      = "boot_assessment"
	enable    = "enable_boot_assessment"
	always    = "enable_boot_assessment_always"
	tentative = "boot_assessment_tentative"
)

const stateLabel = "COS_STATE"

// Main runs one of the words that the cloud-configs of /system/oem use.
func Main(args []string) error {
	if len(args) != 1 {
		return errors.New("assessment: one of trial, good, failed")
	}
	work := map[string]func(string) error{"trial": Trial, "good": Good, "failed": Failed}[args[0]]
	if work == nil {
		return fmt.Errorf("assessment: %q is none of trial, good, failed", args[0])
	}
	return withState(work)
}

// OnTrial tells from the block's values whether GRUB counts the tries.
func OnTrial(values map[string]string) bool {
	return values[enable] == "yes" || values[always] == "yes"
}

// Trial begins a trial: a mark of an earlier image's failure must not count against this one.
func Trial(state string) error {
	return grubenv.Set(filepath.Join(state, File), map[string]string{enable: "yes", tentative: ""})
}

// Good ends a trial.
func Good(state string) error {
	return grubenv.Set(filepath.Join(state, File), map[string]string{enable: "", tentative: ""})
}

// Failed makes GRUB start the passive image from now on, until the next upgrade
// or until somebody chooses the active one and it comes up.
func Failed(state string) error {
	return grubenv.Set(filepath.Join(state, File), map[string]string{enable: "yes", tentative: "yes"})
}

// withState finds COS_STATE mounted writable, makes it so for a moment, or mounts it.
func withState(work func(string) error) error {
	volume, found := sys.FindVolume(stateLabel)
	if !found {
		return fmt.Errorf("no volume labelled %s", stateLabel)
	}
	mounts, err := sys.Mounts()
	if err != nil {
		return err
	}
	readOnly := ""
	for _, mount := range mounts {
		if mount.Source != volume.Device || mount.Root != "/" {
			continue
		}
		if !mount.ReadOnly() {
			return work(mount.Point)
		}
		readOnly = mount.Point
	}
	if readOnly != "" {
		return remounted(readOnly, work)
	}
	return mounted(volume, work)
}

// remounted is writable for a moment; becoming read-only again writes the journal
// back, so that GRUB, which reads no journal, sees what was done.
func remounted(point string, work func(string) error) error {
	if err := syscall.Mount("", point, "", syscall.MS_REMOUNT, ""); err != nil {
		return fmt.Errorf("remount %s writable: %w", point, err)
	}
	failure := work(point)
	if err := syscall.Mount("", point, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		return errors.Join(failure, fmt.Errorf("remount %s read-only: %w", point, err))
	}
	return failure
}

func mounted(volume sys.Volume, work func(string) error) error {
	point, err := os.MkdirTemp("/run", "cos-state-")
	if err != nil {
		return err
	}
	defer os.Remove(point)
	if err := syscall.Mount(volume.Device, point, volume.Type, 0, ""); err != nil {
		return fmt.Errorf("mount %s: %w", volume.Device, err)
	}
	return errors.Join(work(point), syscall.Unmount(point, 0))
}
