package sys

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func volume(offset int, text string, size int) *bytes.Reader {
	data := make([]byte, size)
	copy(data[offset:], text)
	return bytes.NewReader(data)
}

func TestIdentifyKnowsTheVolumes(t *testing.T) {
	iso := "\x01CD001" + strings.Repeat("\x00", 34) + "COS_LIVE                        "
	ext := make([]byte, 1300)
	ext[1024+56], ext[1024+57] = 0x53, 0xEF
	copy(ext[1024+120:], "COS_OEM")
	cases := map[Volume]*bytes.Reader{
		{Type: "iso9660", Label: "COS_LIVE"}: volume(0x8000, iso, 0x9000),
		{Type: "ext4", Label: "COS_OEM"}:     bytes.NewReader(ext),
		{Type: "vfat", Label: "CIDATA"}:      volume(43, "CIDATA     FAT16   ", 512),
		{}:                                   volume(0, "nothing", 64),
	}
	for want, device := range cases {
		if got := identify(device); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

func TestParseMounts(t *testing.T) {
	table := "25 1 7:0 / / ro,relatime shared:1 - squashfs /dev/loop0 ro\n26 25 0:5 / /a\\040b rw - tmpfs none rw\nbad\n"
	mounts, err := ParseMounts(strings.NewReader(table))
	if err != nil || len(mounts) != 2 {
		t.Fatalf("%v %v", mounts, err)
	}
	if !mounts[0].ReadOnly() || mounts[0].Type != "squashfs" || mounts[1].Point != "/a b" || mounts[1].ReadOnly() {
		t.Errorf("got %+v", mounts)
	}
}

func TestWriteFileReplacesWholeAndLeavesNothingElse(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "sub", "file")
	for _, text := range []string{"one", "two"} {
		if err := WriteFile(path, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	data, _ := os.ReadFile(path)
	info, _ := os.Stat(path)
	entries, _ := os.ReadDir(filepath.Dir(path))
	if string(data) != "two" || info.Mode().Perm() != 0o640 || len(entries) != 1 {
		t.Errorf("%q %v %v", data, info.Mode(), entries)
	}
}

func TestSymlinkReplaces(t *testing.T) {
	link := filepath.Join(t.TempDir(), "link")
	for _, target := range []string{"/one", "/two"} {
		if err := Symlink(target, link); err != nil {
			t.Fatal(err)
		}
	}
	if got, _ := os.Readlink(link); got != "/two" {
		t.Errorf("leads to %q", got)
	}
}
