// Package reset puts a node back to what its recovery image holds. It can be
// cut off at any moment: the next start goes on with it.
package reset

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"standin/assess"
	"standin/blockdev"
	"standin/bootmode"
	"standin/durable"
	"standin/imagefile"
	"standin/install"
	"standin/node"
	"standin/nodeconfig"
	"standin/sys"
)

// ErrNotRecovery is why reset does not run on any other system.
var ErrNotRecovery = errors.New("reset can only be called from the recovery system")

const mountPoint = "/run/cos/reset"

// Wish is what to reset.
type Wish struct {
	Config nodeconfig.Config
	// OEM says that COS_OEM, and with it the node's configuration, goes too.
	OEM bool
	Out io.Writer
}

// Check refuses every system but recovery.
func Check(mode bootmode.Mode) error {
	if mode != bootmode.Recovery && mode != bootmode.AutoReset {
		return ErrNotRecovery
	}
	return nil
}

// Run resets; COS_STATE is written, not formatted.
func Run(wish Wish) (failure error) {
	hooks := node.Hooks{Out: wish.Out, Strict: wish.Config.Strict}
	// A start after a power cut comes here again, until it is done.
	if err := node.SetEnvironment(map[string]string{"next_entry": "statereset"}); err != nil {
		return err
	}
	if err := hooks.Run("before-reset"); err != nil {
		return err
	}
	state, err := node.Writable(install.StateLabel, mountPoint)
	if err != nil {
		return err
	}
	defer func() { failure = errors.Join(failure, state.Close()) }()
	if err := wish.images(state.Point); err != nil {
		return err
	}
	if err := wish.persistent(); err != nil {
		return err
	}
	if err := wish.finish(state.Point, hooks); err != nil {
		return err
	}
	return wish.oem()
}

// images writes the active and then the passive image; one of the two is whole at every moment.
func (w Wish) images(state string) error {
	recovery, err := node.Readable(install.RecoveryLabel, mountPoint+"-recovery")
	if err != nil {
		return err
	}
	defer recovery.Close()
	from := filepath.Join(recovery.Point, node.Recovery)
	transition := filepath.Join(state, node.Transition)
	for _, image := range []struct{ name, label string }{{node.Active, node.ActiveLabel}, {node.Passive, node.PassiveLabel}} {
		fmt.Fprintf(w.Out, "Writing %s\n", image.name)
		if err := makeRoom(from, state, image.name); err != nil {
			return err
		}
		if err := errors.Join(imagefile.Copy(from, transition, imagefile.NoCharge), imagefile.SetLabel(transition, image.label)); err != nil {
			return err
		}
		if err := durable.FileSystem(state); err != nil {
			return err
		}
		if err := durable.Rename(transition, filepath.Join(state, image.name)); err != nil {
			return err
		}
	}
	return nil
}

// makeRoom gives the other image up when a partition cannot hold three: it is
// written anew anyway, and the one to be replaced stays until then.
func makeRoom(from, state, writing string) error {
	if err := os.Remove(filepath.Join(state, node.Transition)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	fits, err := imagefile.Fits(from, state)
	if err != nil || fits || writing != node.Active {
		return err
	}
	if err := os.Remove(filepath.Join(state, node.Passive)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return durable.FileSystem(state)
}

// persistent makes COS_PERSISTENT anew.
func (w Wish) persistent() error {
	return format(install.PersistentLabel, blockdev.Format, w.Out)
}

func format(label string, make func(device, label string) error, out io.Writer) error {
	volume, found := sys.FindVolume(label)
	device := volume.Device
	if !found {
		// A power cut while it was formatted leaves no label to find.
		if device, found = blockdev.Default.ByName(install.PartitionName(label)); !found {
			return fmt.Errorf("no partition labelled %s", label)
		}
	}
	if err := unmountAll(device); err != nil {
		return err
	}
	fmt.Fprintf(out, "Formatting %s (%s)\n", label, device)
	return make(device, label)
}

func unmountAll(device string) error {
	mounts, err := sys.Mounts()
	if err != nil {
		return err
	}
	for index := len(mounts) - 1; index >= 0; index-- {
		if mounts[index].Source != device {
			continue
		}
		if err := node.Unmount(mounts[index].Point); err != nil {
			return err
		}
	}
	return nil
}

func (w Wish) finish(state string, hooks node.Hooks) error {
	for _, dir := range []string{"grub", "grub2"} {
		menu := filepath.Join(state, dir, "grub.cfg")
		if !sys.Exists(menu) {
			continue
		}
		data, err := os.ReadFile("/etc/cos/grub.cfg")
		if err != nil {
			return err
		}
		if err := durable.Write(menu, data, 0o644); err != nil {
			return err
		}
	}
	err := imagefile.WithMounted(filepath.Join(state, node.Active), false, func(root string) error {
		return hooks.RunIn(root, "after-reset-chroot", node.OEM)
	})
	if err != nil {
		return err
	}
	if err := hooks.Run("after-reset"); err != nil {
		return err
	}
	// What was known of the images before does not count for these.
	if err := assess.Good(state); err != nil {
		return err
	}
	return w.note()
}

func (w Wish) note() error {
	mounted, err := node.Writable(install.PersistentLabel, mountPoint+"-persistent")
	if err != nil {
		return err
	}
	return errors.Join(node.Note(mounted.Point, func(record *node.Record, now string) {
		record.LastReset, record.LastResetSource = now, "file:///"+node.Recovery
	}), durable.FileSystem(mounted.Point), mounted.Close())
}

// oem is last: with the configuration goes the entry that would bring us back here.
func (w Wish) oem() error {
	if w.OEM {
		if err := format(install.OEMLabel, blockdev.FormatForGRUB, w.Out); err != nil {
			return err
		}
	}
	// Whatever entry is the default: what was reset is started once.
	return node.SetEnvironment(map[string]string{"next_entry": "cos"})
}
