// Package upgrade puts a new image on an installed node, so that at every
// moment the node boots the old image or the new one.
package upgrade

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"standin/assess"
	"standin/bootmode"
	"standin/durable"
	"standin/imagefile"
	"standin/install"
	"standin/loop"
	"standin/node"
	"standin/nodeconfig"
	"standin/source"
	"standin/sys"
)

// leastSize of a new image in MiB; it is sparse, so this costs nothing.
const leastSize = 3072

// imageMargin is what an image has besides its files, in MiB.
const imageMargin = 100

// mountPoint is for partitions that are not mounted.
const mountPoint = "/run/cos/upgrade"

// Wish is what to upgrade to.
type Wish struct {
	Config   nodeconfig.Config
	Mode     bootmode.Mode
	Recovery bool
	Source   source.Source
	Content  source.Content
	Out      io.Writer
}

// target is what is different between the two systems of a node.
type target struct {
	partition, label, name string
	size                   int
}

func (w Wish) target() target {
	if w.Recovery {
		return target{install.RecoveryLabel, node.RecoveryLabel, node.Recovery, w.Config.Upgrade.RecoverySystem.Size}
	}
	return target{install.StateLabel, node.ActiveLabel, node.Active, w.Config.Upgrade.System.Size}
}

// Run upgrades; after a failure the node's images are what they were.
func Run(wish Wish) (failure error) {
	to := wish.target()
	mounted, err := node.Writable(to.partition, mountPoint)
	if err != nil {
		return err
	}
	defer func() { failure = errors.Join(failure, mounted.Close()) }()
	hooks := node.Hooks{Out: wish.Out, Strict: wish.Config.Strict}
	if err := clear(mounted.Point); err != nil {
		return err
	}
	if err := hooks.Run("before-upgrade"); err != nil {
		return err
	}
	if err := wish.write(mounted.Point, to, hooks); err != nil {
		return errors.Join(err, clear(mounted.Point))
	}
	if wish.Recovery {
		return wish.finishRecovery(mounted.Point, hooks)
	}
	return wish.finish(mounted.Point, hooks)
}

// write makes the new image beside the others, whole and on the disk.
func (w Wish) write(point string, to target, hooks node.Hooks) error {
	path := filepath.Join(point, node.Transition)
	room, err := measure(point)
	if err != nil {
		return err
	}
	if err := room.charge(0); err != nil {
		return err
	}
	if packed, remote := w.Content.(interface{ Packed() int64 }); remote && packed.Packed() > room.free-reserve {
		return FullError{point, room.free}
	}
	fmt.Fprintf(w.Out, "Writing %s from %s\n", node.Transition, w.Source)
	if err := w.fill(path, to, room); err != nil {
		return err
	}
	if err := imagefile.WithMounted(path, false, func(root string) error {
		if err := complete(root); err != nil {
			return err
		}
		return hooks.RunIn(root, "after-upgrade-chroot", node.OEM)
	}); err != nil {
		return err
	}
	return durable.FileSystem(point)
}

func (w Wish) fill(path string, to target, room *room) error {
	if image := w.Content.Image(); image != "" {
		return errors.Join(imagefile.Copy(image, path, room.charge), imagefile.SetLabel(path, to.label))
	}
	usage := w.Content.Usage()
	size := to.size
	if size == 0 {
		size = max(leastSize, usage.MiB()+imageMargin)
	}
	if err := imagefile.Create(path, to.label, int64(size)*imagefile.MiB, usage.Files); err != nil {
		return err
	}
	return imagefile.WithMounted(path, false, func(root string) error {
		if err := w.Content.Fill(root, room.charge); err != nil {
			return err
		}
		return imagefile.Folders(root)
	})
}

// complete refuses what GRUB could not start.
func complete(root string) error {
	for _, name := range []string{"boot/vmlinuz", "boot/initrd", "etc/kairos-release", "etc/cos/bootargs.cfg", "sbin/init"} {
		if !sys.Exists(filepath.Join(root, name)) {
			return fmt.Errorf("the new image has no /%s, so it is no Kairos image", name)
		}
	}
	return nil
}

func (w Wish) finish(state string, hooks node.Hooks) error {
	// Before the switch already: a power cut between must not leave a new image
	// that nobody watches. An old one clears its trial by coming up.
	if err := assess.Trial(state); err != nil {
		return err
	}
	if err := swap(state, w.keepsOld(state)); err != nil {
		return err
	}
	if err := hooks.Run("after-upgrade"); err != nil {
		return err
	}
	if err := durable.FileSystem(state); err != nil {
		return err
	}
	if err := node.SetEnvironment(map[string]string{"next_entry": "cos"}); err != nil {
		return err
	}
	return w.note(func(record *node.Record, now string) {
		record.LastActiveUpgrade, record.LastActiveSource = now, w.Source.String()
	})
}

// keepsOld says whether the active image becomes the passive one. It does not
// when the passive image is the one that runs: booted from it, or upgraded
// already since the boot. What runs is known to be good and stays.
func (w Wish) keepsOld(state string) bool {
	if w.Mode == bootmode.Passive {
		return false
	}
	mounts, err := sys.Mounts()
	if err != nil {
		return true
	}
	for _, mount := range mounts {
		if mount.Point == "/" && loop.Backs(filepath.Join(state, node.Passive), mount.Source) {
			return false
		}
	}
	return true
}

func (w Wish) finishRecovery(point string, hooks node.Hooks) error {
	if err := replace(filepath.Join(point, node.Transition), filepath.Join(point, node.Recovery)); err != nil {
		return err
	}
	if err := hooks.Run("after-upgrade"); err != nil {
		return err
	}
	return w.note(func(record *node.Record, now string) {
		record.LastRecoveryUpgrade, record.LastRecoverySource = now, w.Source.String()
	})
}

// note keeps the record; without COS_PERSISTENT, as in recovery, it is mounted for that.
func (w Wish) note(change func(*node.Record, string)) error {
	mounted, err := node.Writable(install.PersistentLabel, mountPoint+"-persistent")
	if err != nil {
		// The images are switched; a record is no reason to call that a failure.
		fmt.Fprintf(os.Stderr, "no record is kept: %v\n", err)
		return nil
	}
	return errors.Join(node.Note(mounted.Point, change), mounted.Close())
}
