package immucore

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"testing"

	"standin/bootmode"
)

const liveLine = "cdroot root=live:CDLABEL=COS_LIVE rd.live.dir=/ rd.live.squashimg=rootfs.squashfs net.ifnames=1 console=ttyS0 " +
	"console=tty1 rd.cos.disable vga=795 nomodeset selinux=0 rd.live.overlay.overlayfs"

func TestParseLiveTakesKairosLine(t *testing.T) {
	got, ok := parseLive(liveLine)
	if want := (medium{label: "COS_LIVE", path: "/rootfs.squashfs"}); !ok || got != want {
		t.Errorf("got %+v %v, want %+v", got, ok, want)
	}
}

func TestParseLiveLeavesTheRestToDracut(t *testing.T) {
	for _, line := range []string{
		"", "root=LABEL=COS_ACTIVE", "root=live:http://x/y netboot", liveLine + " rd.break", liveLine + " rd.shell",
		liveLine + " rd.live.ram", liveLine + " rd.live.overlay=LABEL=X", liveLine + " rd.immucore.dracut",
		"root=live:CDLABEL=COS_LIVE rd.live.dir=/ rd.live.squashimg=rootfs.squashfs",
	} {
		if _, ok := parseLive(line); ok {
			t.Errorf("%q was taken", line)
		}
	}
}

func TestModulesAreLoadedAfterTheirNeeds(t *testing.T) {
	table := "kernel/fs/isofs/isofs.ko.xz: kernel/drivers/cdrom/cdrom.ko.xz\nkernel/drivers/cdrom/cdrom.ko.xz:\n" +
		"kernel/a/virtio-rng.ko:\nbad line\n"
	modules := parseModules("/lib/modules/1", table)
	if !reflect.DeepEqual(modules.needs["isofs"], []string{"cdrom"}) || modules.paths["virtio_rng"] != "kernel/a/virtio-rng.ko" {
		t.Errorf("got %+v", modules)
	}
	if err := modules.load("built_in"); err != nil {
		t.Errorf("a built-in module failed: %v", err)
	}
	if err := modules.load("isofs"); err == nil {
		t.Error("a module whose file is missing was loaded")
	}
}

func TestInitArgsDropsWhatSystemdDoesNotKnow(t *testing.T) {
	got := initArgs([]string{"cdroot", "single", "emergency", "--x"})
	if want := []string{"/sbin/init", "single", "emergency"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestMachineIDIsMadeOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "machine-id")
	if err := EnsureMachineID(path); err != nil {
		t.Fatal(err)
	}
	first, _ := os.ReadFile(path)
	if !regexp.MustCompile(`^[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}\n$`).Match(first) {
		t.Errorf("%q is no version 4 id", first)
	}
	if err := EnsureMachineID(path); err != nil {
		t.Fatal(err)
	}
	if second, _ := os.ReadFile(path); string(second) != string(first) {
		t.Error("the id changed")
	}
}

func TestSentinelHoldsOne(t *testing.T) {
	dir := t.TempDir()
	if err := WriteSentinel(dir, bootmode.Live); err != nil {
		t.Fatal(err)
	}
	if data, _ := os.ReadFile(filepath.Join(dir, "live_mode")); string(data) != "1" {
		t.Errorf("live_mode holds %q", data)
	}
	if err := WriteSentinel(dir, bootmode.Unknown); err != nil {
		t.Fatal(err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("an unknown boot left a sentinel: %v", entries)
	}
}
