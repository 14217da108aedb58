package immucore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"standin/sys"
)

// Of the ext2/3/4 superblock (linux/Documentation/filesystems/ext4).
const (
	superAt         = 0x400
	superState      = 58
	superIncompat   = 96
	stateClean      = 1
	stateErrors     = 2
	incompatRecover = 4
)

// extState says what an ext file system's superblock tells of its last use.
type extState struct{ journal, errors, clean bool }

func readExt(super []byte) extState {
	state := binary.LittleEndian.Uint16(super[superState:])
	incompat := binary.LittleEndian.Uint32(super[superIncompat:])
	return extState{journal: incompat&incompatRecover != 0, errors: state&stateErrors != 0, clean: state&stateClean != 0}
}

func extStateOf(device string) (extState, error) {
	file, err := os.Open(device)
	if err != nil {
		return extState{}, err
	}
	defer file.Close()
	super := make([]byte, 264)
	if _, err := file.ReadAt(super, superAt); err != nil {
		return extState{}, fmt.Errorf("%s: %w", device, err)
	}
	return readExt(super), nil
}

// journalPending tells whether mounting will replay a journal.
func journalPending(device string) bool {
	state, err := extStateOf(device)
	return err == nil && state.journal
}

// inOrder repairs a volume that the kernel marked as damaged, or that was open at
// a power cut and has no journal. The kernel replays a journal by itself.
func (b *booter) inOrder(volume sys.Volume, repair repair) error {
	state, err := extStateOf(volume.Device)
	if err != nil || volume.Type != "ext4" {
		return err
	}
	if !state.errors && (state.clean || state.journal) {
		return nil
	}
	b.say("%s (%s) was not left in order; checking it", volume.Label, volume.Device)
	return b.check(volume.Device, repair)
}

// mountChecked mounts a volume writable; one that does not mount is checked and tried again.
func (b *booter) mountChecked(volume sys.Volume, target string, repair repair) error {
	if err := b.inOrder(volume, repair); err != nil {
		return err
	}
	source := byLabel(volume)
	failure := mountOn(source, target, volume.Type, 0, "")
	if failure == nil || volume.Type != "ext4" {
		return failure
	}
	b.warn("%v; checking it", failure)
	if err := b.check(volume.Device, repair); err != nil {
		return errors.Join(failure, err)
	}
	return mountOn(source, target, volume.Type, 0, "")
}

// byLabel is the name that udev will give a volume, made before udev runs: Kairos mounts by it, and the kernel tells it.
func byLabel(volume sys.Volume) string {
	dir := "/dev/disk/by-label"
	link := filepath.Join(dir, volume.Label)
	if sys.Exists(link) {
		return link
	}
	if os.MkdirAll(dir, 0o755) != nil || os.Symlink(filepath.Join("../..", filepath.Base(volume.Device)), link) != nil {
		return volume.Device
	}
	return link
}

// repair says how far a check may go.
type repair bool

const (
	// safely makes only repairs that lose nothing: for what cannot be had again.
	safely repair = false
	// wholly answers yes to everything when that is not enough: for images and configs, without which nobody gets in.
	wholly repair = true
)

// check runs e2fsck; exit codes 0 and 1 mean in order now (e2fsck(8)).
func (b *booter) check(device string, repair repair) error {
	err := b.e2fsck("-f", "-p", device)
	if err != nil && repair == wholly {
		b.warn("%s is damaged; repairing it whatever it costs", device)
		err = b.e2fsck("-f", "-y", device)
	}
	if err != nil {
		return fmt.Errorf("%s is damaged: %w; it needs a person: e2fsck -f %s in the recovery system", device, err, device)
	}
	return nil
}

func (b *booter) e2fsck(args ...string) error {
	command := exec.Command("e2fsck", args...)
	command.Stdout, command.Stderr = b.log, b.log
	err := command.Run()
	var code *exec.ExitError
	if errors.As(err, &code) && code.ExitCode() == 1 {
		return nil
	}
	return err
}

func mountOn(source, target, kind string, flags uintptr, data string) error {
	if err := os.MkdirAll(target, 0o755); err != nil {
		return err
	}
	if err := syscall.Mount(source, target, kind, flags, data); err != nil {
		return fmt.Errorf("mount %s on %s: %w", source, target, err)
	}
	return nil
}
