package immucore

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// place is an image's directory and where it is kept.
type place struct {
	t         *testing.T
	from, to  string
	unchanged bool
}

func newPlace(t *testing.T) *place {
	t.Helper()
	dir := t.TempDir()
	return &place{t: t, from: filepath.Join(dir, "image"), to: filepath.Join(dir, "state")}
}

var built = time.Unix(1735689600, 0)

func (p *place) write(path, text string, when time.Time) {
	p.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
		p.t.Fatal(err)
	}
	if err := os.Chtimes(path, when, when); err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) image(name, text string, when time.Time) {
	p.write(filepath.Join(p.from, name), text, when)
}
func (p *place) node(name, text string, when time.Time) {
	p.write(filepath.Join(p.to, name), text, when)
}

func (p *place) fill() {
	p.t.Helper()
	if err := fill(p.from, p.to, &image{changed: !p.unchanged}); err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) wants(name, text string) {
	p.t.Helper()
	data, err := os.ReadFile(filepath.Join(p.to, name))
	if err != nil || string(data) != text {
		p.t.Errorf("%s holds %q (%v), want %q", name, data, err, text)
	}
}

func TestFillCopiesContentModeTimeAndLinks(t *testing.T) {
	p := newPlace(t)
	p.image("sub/file", "one", built)
	if err := os.Symlink("file", filepath.Join(p.from, "sub/link")); err != nil {
		t.Fatal(err)
	}
	p.fill()
	p.wants("sub/file", "one")
	info, _ := os.Stat(filepath.Join(p.to, "sub/file"))
	if info.Mode().Perm() != 0o640 || !info.ModTime().Equal(built) {
		t.Errorf("%v %v", info.Mode(), info.ModTime())
	}
	if leads, _ := os.Readlink(filepath.Join(p.to, "sub/link")); leads != "file" {
		t.Errorf("the link leads to %q", leads)
	}
	if entries, _ := os.ReadDir(filepath.Join(p.to, "sub")); len(entries) != 2 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestFillKeepsWhatTheNodeChangedAndAdded(t *testing.T) {
	p := newPlace(t)
	p.image("file", "image", built)
	p.node("file", "node's", built.Add(time.Hour))
	p.node("own", "mine", built)
	p.fill()
	p.wants("file", "node's")
	p.wants("own", "mine")
}

func TestFillTakesNewerFilesOfTheImage(t *testing.T) {
	p := newPlace(t)
	p.image("file", "newer", built.Add(time.Hour))
	p.node("file", "older", built)
	p.fill()
	p.wants("file", "newer")
}

func TestFillTakesAFileCutShortByAPowerCut(t *testing.T) {
	p := newPlace(t)
	p.unchanged = true
	p.image("file", "whole", built)
	p.node("file", "", built)
	p.fill()
	p.wants("file", "whole")
}

func TestFillComparesContentAfterAnUpgradeOnly(t *testing.T) {
	for unchanged, want := range map[bool]string{true: "aaa", false: "bbb"} {
		p := newPlace(t)
		p.unchanged = unchanged
		p.image("file", "bbb", built)
		p.node("file", "aaa", built)
		p.fill()
		p.wants("file", want)
	}
}

func TestFillLeavesADirectoryThatTheNodePutInPlaceOfAFile(t *testing.T) {
	p := newPlace(t)
	p.image("thing", "file", built)
	p.node("thing/inside", "mine", built)
	p.fill()
	p.wants("thing/inside", "mine")
}

func TestImageIsChangedUntilRemembered(t *testing.T) {
	state, root := t.TempDir(), t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, release := range []string{"KAIROS_VERSION=1", "KAIROS_VERSION=2"} {
		if err := os.WriteFile(filepath.Join(root, "etc/kairos-release"), []byte(release), 0o644); err != nil {
			t.Fatal(err)
		}
		found := newImage(state, root)
		if !found.changed {
			t.Errorf("%s: not seen as new", release)
		}
		if err := found.remember(); err != nil {
			t.Fatal(err)
		}
		if newImage(state, root).changed {
			t.Errorf("%s: not remembered", release)
		}
	}
}

func TestKeepIdentityLasts(t *testing.T) {
	root := t.TempDir()
	kept := filepath.Join(root, "usr/local/etc")
	if err := os.MkdirAll(filepath.Join(root, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := keepIdentity(root, kept); err != nil {
		t.Fatal(err)
	}
	first, _ := os.ReadFile(filepath.Join(root, "etc/machine-id"))
	if err := os.WriteFile(filepath.Join(kept, "hostname"), []byte("node1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	// The next boot starts from the image's /etc again.
	for _, name := range []string{"machine-id", "hostname", "hosts"} {
		if err := os.Remove(filepath.Join(root, "etc", name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := keepIdentity(root, kept); err != nil {
		t.Fatal(err)
	}
	second, _ := os.ReadFile(filepath.Join(root, "etc/machine-id"))
	name, _ := os.ReadFile(filepath.Join(root, "etc/hostname"))
	if len(first) != 33 || string(first) != string(second) || string(name) != "node1\n" {
		t.Errorf("%q %q %q", first, second, name)
	}
}
