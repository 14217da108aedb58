package immucore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
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

// mountChecked mounts a volume writable. The kernel replays its journal; one that
// the kernel marked as damaged, or that was open and has no journal, is repaired
// first, as far as that is safe.
func (b *booter) mountChecked(volume sys.Volume, target string) error {
	if volume.Type != "ext4" {
		return mountOn(volume.Device, target, volume.Type, 0, "")
	}
	state, err := extStateOf(volume.Device)
	if err != nil {
		return err
	}
	if state.errors || (!state.clean && !state.journal) {
		b.warn("%s (%s) was not left in order; checking it", volume.Label, volume.Device)
		if err := b.check(volume.Device); err != nil {
			return err
		}
	}
	failure := mountOn(volume.Device, target, volume.Type, 0, "")
	if failure == nil {
		return nil
	}
	b.warn("%v; checking it", failure)
	if err := b.check(volume.Device); err != nil {
		return errors.Join(failure, err)
	}
	return mountOn(volume.Device, target, volume.Type, 0, "")
}

// check repairs what e2fsck calls safe; exit codes 0 and 1 mean in order now (e2fsck(8)).
func (b *booter) check(device string) error {
	command := exec.Command("e2fsck", "-f", "-p", device)
	command.Stdout, command.Stderr = b.log, b.log
	err := command.Run()
	var code *exec.ExitError
	if errors.As(err, &code) && code.ExitCode() == 1 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("e2fsck -p %s: %w; it needs a person: e2fsck -f %s in the recovery system", device, err, device)
	}
	return nil
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
