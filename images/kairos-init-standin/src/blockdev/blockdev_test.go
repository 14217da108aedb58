package blockdev

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// machine makes a sysfs with disks of so many sectors, vda with a partition.
func machine(t *testing.T) Finder {
	t.Helper()
	finder := Finder{Sys: t.TempDir(), Dev: t.TempDir()}
	files := map[string]string{
		"class/block/vda/size": "1000", "class/block/vdb/size": "5000", "class/block/vdc/size": "5000", "class/block/loop0/size": "9000",
		"class/block/vdr/size": "9000", "class/block/vdr/ro": "1", "class/block/vdq/size": "9000",
		"class/block/vda1/size": "10", "class/block/vda1/partition": "1", "class/block/vda1/uevent": "DEVNAME=vda1\nPARTNAME=persistent\n",
	}
	for _, disk := range []string{"vda", "vdb", "vdc", "loop0", "vdr", "vda1"} {
		files["class/block/"+disk+"/queue/logical_block_size"] = "512\n"
		if disk != "vda1" {
			files["block/"+disk+"/x"] = ""
		}
	}
	files["class/block/vdq/queue/logical_block_size"] = "4096"
	files["block/vdq/x"] = ""
	for name, text := range files {
		path := filepath.Join(finder.Sys, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"vda", "vda1", "vdb", "vdr", "vdq"} {
		if err := os.WriteFile(filepath.Join(finder.Dev, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return finder
}

func TestChoose(t *testing.T) {
	finder := machine(t)
	link := filepath.Join(finder.Dev, "by-id")
	if err := os.Symlink("vda", link); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]Disk{
		"auto": {filepath.Join(finder.Dev, "vdb"), 5000 * 512}, "": {filepath.Join(finder.Dev, "vdb"), 5000 * 512},
		filepath.Join(finder.Dev, "vda"): {filepath.Join(finder.Dev, "vda"), 1000 * 512}, link: {filepath.Join(finder.Dev, "vda"), 1000 * 512},
	} {
		if got, err := finder.Choose(name); err != nil || got != want {
			t.Errorf("%q: %+v %v", name, got, err)
		}
	}
	for name, word := range map[string]string{
		filepath.Join(finder.Dev, "vda1"): "is a partition", filepath.Join(finder.Dev, "vdr"): "read-only", filepath.Join(finder.Dev, "vdq"): "sectors of 4096",
		filepath.Join(finder.Dev, "vdz"): "no such file", "script://x": "not in the stand-in yet", "/dev/null": "no block device",
	} {
		if _, err := finder.Choose(name); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%q: %v, want %q", name, err, word)
		}
	}
	if path, found := finder.ByName("persistent"); !found || filepath.Base(path) != "vda1" {
		t.Errorf("by name: %s %v", path, found)
	}
}

func TestNamesOfPartitions(t *testing.T) {
	for path, want := range map[string]string{"/dev/vda": "/dev/vda4", "/dev/nvme0n1": "/dev/nvme0n1p4"} {
		if got := (Disk{Path: path}).Partition(4); got != want {
			t.Error(got)
		}
	}
	if CheckKind("oem", "ext4") != nil || CheckKind("oem", "") != nil || CheckKind("oem", "xfs") == nil {
		t.Error("kinds of file systems")
	}
}
