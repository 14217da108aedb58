package upgrade

import (
	"errors"
	"os"
	"path/filepath"

	"standin/durable"
	"standin/imagefile"
	"standin/node"
)

// keep is the name under which the old active image waits to become the
// passive one.
const keep = node.ImageDir + "/.passive.new"

// swap makes the image in transition the active one. keepOld makes the old
// active image the passive one. Each step is on the disk before the next, and
// after each of them active.img is a whole image, the old or the new, and
// passive.img too:
//
//  1. the old active image gets the second name passive.img (link, rename)
//  2. the new image takes the name active.img (rename)
//  3. the old image's label becomes COS_PASSIVE
//
// A replaced file is held open until its name is gone from the disk, so that no
// block of an image that still has a name is given away.
func swap(state string, keepOld bool) error {
	active, passive := filepath.Join(state, node.Active), filepath.Join(state, node.Passive)
	if keepOld && exists(active) {
		if err := alias(active, passive, filepath.Join(state, keep)); err != nil {
			return err
		}
	}
	if err := replace(filepath.Join(state, node.Transition), active); err != nil {
		return err
	}
	if !keepOld || !exists(passive) {
		return nil
	}
	return errors.Join(imagefile.SetLabel(passive, node.PassiveLabel), durable.FileSystem(state))
}

// alias makes `to` a second name of `from`.
func alias(from, to, temp string) error {
	// A rename onto another name of the same file does nothing (rename(2)).
	if same(from, to) {
		return nil
	}
	if err := os.Link(from, temp); err != nil {
		return err
	}
	return replace(temp, to)
}

func same(one, other string) bool {
	left, errLeft := os.Stat(one)
	right, errRight := os.Stat(other)
	return errLeft == nil && errRight == nil && os.SameFile(left, right)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// replace renames a file over another and lets the other's blocks go last.
func replace(from, to string) error {
	if old, err := os.Open(to); err == nil {
		defer func() {
			old.Close()
			_ = durable.FileSystem(filepath.Dir(to))
		}()
	}
	return durable.Rename(from, to)
}

// clear removes what a power cut left of an upgrade before.
func clear(state string) error {
	for _, name := range []string{node.Transition, keep} {
		if err := os.Remove(filepath.Join(state, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return durable.FileSystem(state)
}
