package imagefile

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func needs(t *testing.T, tool string) {
	t.Helper()
	if _, err := exec.LookPath(tool); err != nil {
		t.Skip("no " + tool + " here")
	}
}

func TestLabelIsWrittenAsE2fsckLikesIt(t *testing.T) {
	needs(t, "mke2fs")
	for _, kind := range [][]string{{"-t", "ext2"}, {"-t", "ext4", "-O", "metadata_csum"}} {
		path := filepath.Join(t.TempDir(), "image")
		if err := exec.Command("mke2fs", append(kind, "-q", "-F", path, "8M")...).Run(); err != nil {
			t.Fatal(err)
		}
		for _, label := range []string{"COS_ACTIVE", "COS_PASSIVE", "X"} {
			if err := SetLabel(path, label); err != nil {
				t.Fatal(err)
			}
			if got, err := Label(path); err != nil || got != label {
				t.Errorf("label %q %v, want %q", got, err, label)
			}
		}
		if out, err := exec.Command("e2fsck", "-fn", path).CombinedOutput(); err != nil {
			t.Errorf("%v: %v\n%s", kind, err, out)
		}
	}
}

func TestLabelOfSomethingElseIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	for _, data := range [][]byte{nil, bytes.Repeat([]byte{1}, 4096)} {
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		if SetLabel(path, "COS_ACTIVE") == nil {
			t.Errorf("%d bytes were labelled", len(data))
		}
	}
	if err := SetLabel(path, strings.Repeat("x", 17)); err == nil || !strings.Contains(err.Error(), "longer") {
		t.Error(err)
	}
}

func TestCreateIsSparseAndSmallBlocksAreNot(t *testing.T) {
	needs(t, "mke2fs")
	path := filepath.Join(t.TempDir(), "image")
	if err := Create(path, "COS_ACTIVE", 512*MiB, 100); err != nil {
		t.Fatal(err)
	}
	var stat syscall.Stat_t
	if err := syscall.Stat(path, &stat); err != nil {
		t.Fatal(err)
	}
	if stat.Size != 512*MiB || stat.Blocks*512 > 8*MiB {
		t.Errorf("%d bytes, %d on the disk", stat.Size, stat.Blocks*512)
	}
}

func TestCopyKeepsHolesAndBytes(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	file, err := os.Create(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int64{0, 9 << 20, 20<<20 - 5} {
		if _, err := file.WriteAt([]byte("datum"), at); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(file.Truncate(30<<20), file.Close()); err != nil {
		t.Fatal(err)
	}
	charged := int64(0)
	if err := Copy(from, to, func(size int64) error { charged += size; return nil }); err != nil {
		t.Fatal(err)
	}
	left, _ := os.ReadFile(from)
	right, _ := os.ReadFile(to)
	if !bytes.Equal(left, right) {
		t.Error("the copy differs")
	}
	if charged > 1<<20 {
		t.Errorf("%d bytes were copied of 15", charged)
	}
	full := errors.New("full")
	if err := Copy(from, to, func(int64) error { return full }); !errors.Is(err, full) {
		t.Errorf("a refused piece: %v", err)
	}
}
