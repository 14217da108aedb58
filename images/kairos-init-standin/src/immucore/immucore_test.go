package immucore

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
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

func TestDevicesGetTheirModulesAsUdevLoadsThem(t *testing.T) {
	dir, bus := t.TempDir(), t.TempDir()
	table := "# Aliases\nalias pci:v000015ADd000007C0sv*sd*bc*sc*i* vmw_pvscsi\nalias pci:v*d*sv*sd*bc01sc08i02* nvme\n" +
		"alias scsi:t-0x00* sd_mod\nalias symbol:x y\nalias pci:v000015ADd000007B0sv*sd*bc*sc*i* vmxnet3\nalias acpi*:PNP0501:* 8250-pnp\n"
	if err := os.WriteFile(filepath.Join(dir, "modules.alias"), []byte(table), 0o600); err != nil {
		t.Fatal(err)
	}
	modules := parseModules(dir, "kernel/vmw_pvscsi.ko.xz:\nkernel/sd_mod.ko:\nkernel/8250-pnp.ko:\n")
	plug := func(path, name string) {
		device := filepath.Join(bus, "bus", path)
		if err := os.MkdirAll(device, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(device, "modalias"), []byte(name+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	plug("pci/devices/0000:03:00.0", "pci:v000015ADd000007C0sv000015ADsd000007C0bc01sc07i00")
	plug("pci/devices/0000:04:00.0", "pci:v000015ADd000007B0sv000015ADsd000007B0bc02sc00i00")
	plug("acpi/devices/PNP0501:00", "acpi:PNP0501:")
	// No file of a module is there, so each that was tried is named in the error; vmxnet3 is in no modules.dep: built in.
	err := modules.coldplug(bus)
	if err == nil || !strings.Contains(err.Error(), "vmw_pvscsi") || !strings.Contains(err.Error(), "8250_pnp") || strings.Contains(err.Error(), "sd_mod") {
		t.Errorf("got %v", err)
	}
	plug("scsi/devices/0:0:0:0", "scsi:t-0x00")
	if err := modules.coldplug(bus); err == nil || !strings.Contains(err.Error(), "sd_mod") || strings.Contains(err.Error(), "pvscsi") {
		t.Errorf("a disk behind the controller: got %v", err)
	}
	if err := modules.coldplug(bus); err != nil {
		t.Errorf("what was asked once is asked again: %v", err)
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
