package upgrade

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"standin/imagefile"
	"standin/node"
)

// state makes a COS_STATE with images that hold a file system each; it returns the inode of each by name.
func state(t *testing.T, names ...string) string {
	t.Helper()
	if _, err := exec.LookPath("mke2fs"); err != nil {
		t.Skip("no mke2fs here")
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, node.ImageDir), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, label := range map[string]string{node.Active: "COS_ACTIVE", node.Passive: "COS_PASSIVE", node.Transition: "COS_ACTIVE"} {
		for _, wanted := range names {
			if wanted == name {
				if err := imagefile.Create(filepath.Join(dir, name), label, 4*imagefile.MiB, 0); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	return dir
}

func info(t *testing.T, dir, name string) os.FileInfo {
	t.Helper()
	found, err := os.Stat(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func wantLabels(t *testing.T, dir string) {
	t.Helper()
	for name, want := range map[string]string{node.Active: "COS_ACTIVE", node.Passive: "COS_PASSIVE"} {
		if label, err := imagefile.Label(filepath.Join(dir, name)); err != nil || label != want {
			t.Errorf("%s is labelled %q %v", name, label, err)
		}
	}
	if entries, _ := os.ReadDir(filepath.Join(dir, node.ImageDir)); len(entries) != 2 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestSwapMakesTheOldImageThePassiveOne(t *testing.T) {
	dir := state(t, node.Active, node.Passive, node.Transition)
	old, fresh := info(t, dir, node.Active), info(t, dir, node.Transition)
	if err := swap(dir, true); err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(info(t, dir, node.Active), fresh) || !os.SameFile(info(t, dir, node.Passive), old) {
		t.Error("the images are not where they belong")
	}
	wantLabels(t, dir)
}

func TestSwapFromPassiveKeepsThePassiveImage(t *testing.T) {
	dir := state(t, node.Active, node.Passive, node.Transition)
	passive, fresh := info(t, dir, node.Passive), info(t, dir, node.Transition)
	if err := swap(dir, false); err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(info(t, dir, node.Active), fresh) || !os.SameFile(info(t, dir, node.Passive), passive) {
		t.Error("the images are not where they belong")
	}
	wantLabels(t, dir)
}

// A power cut may come between any two steps; the next upgrade goes on from there.
func TestSwapGoesOnFromEveryStep(t *testing.T) {
	link := func(dir, from, to string) error { return os.Link(filepath.Join(dir, from), filepath.Join(dir, to)) }
	for name, cut := range map[string]func(dir string) error{
		"before anything":  func(string) error { return nil },
		"second name made": func(dir string) error { return link(dir, node.Active, keep) },
		"old image is both": func(dir string) error {
			return errors.Join(os.Remove(filepath.Join(dir, node.Passive)), link(dir, node.Active, node.Passive))
		},
		"not relabelled": func(dir string) error { return imagefile.SetLabel(filepath.Join(dir, node.Passive), "COS_ACTIVE") },
		"no passive":     func(dir string) error { return os.Remove(filepath.Join(dir, node.Passive)) },
	} {
		dir := state(t, node.Active, node.Passive)
		if err := cut(dir); err != nil {
			t.Fatal(err)
		}
		if err := clear(dir); err != nil {
			t.Fatal(err)
		}
		if err := imagefile.Create(filepath.Join(dir, node.Transition), "COS_ACTIVE", 4*imagefile.MiB, 0); err != nil {
			t.Fatal(err)
		}
		old, fresh := info(t, dir, node.Active), info(t, dir, node.Transition)
		if err := swap(dir, true); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !os.SameFile(info(t, dir, node.Active), fresh) || !os.SameFile(info(t, dir, node.Passive), old) {
			t.Errorf("%s: the images are not where they belong", name)
		}
		wantLabels(t, dir)
	}
}

func TestClearLeavesTheImagesAlone(t *testing.T) {
	dir := state(t, node.Active, node.Passive, node.Transition)
	if err := clear(dir); err != nil {
		t.Fatal(err)
	}
	wantLabels(t, dir)
}

func TestRoomIsRefusedBeforeItIsGone(t *testing.T) {
	counted := &room{point: "/x", free: 100 << 20}
	if err := counted.charge(50 << 20); err != nil {
		t.Error(err)
	}
	var full FullError
	if err := (&room{free: 1 << 20}).charge(0); !errors.As(err, &full) {
		t.Errorf("a full partition was taken: %v", err)
	}
	if err := counted.charge(40 << 20); !errors.As(err, &full) {
		t.Errorf("more than is free was let through: %v", err)
	}
	if found, err := measure(t.TempDir()); err != nil || found.free <= 0 {
		t.Errorf("%+v %v", found, err)
	}
}
