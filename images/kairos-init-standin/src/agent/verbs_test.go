package agent

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"standin/bootmode"
	"standin/nodeconfig"
	"standin/reset"
)

func TestInstallWords(t *testing.T) {
	flags, err := parseInstall("manual-install", strings.Fields("--device /dev/vda --reboot conf.yaml --source=dir:/x --debug"))
	if err != nil || flags.device != "/dev/vda" || !flags.reboot || flags.file != "conf.yaml" || flags.source != "dir:/x" {
		t.Errorf("%+v %v", flags, err)
	}
	for verb, line := range map[string]string{"manual-install": "", "install": "conf.yaml"} {
		if _, err := parseInstall(verb, strings.Fields(line)); err == nil {
			t.Errorf("%s %s was taken", verb, line)
		}
	}
	if _, err := parseInstall("install", []string{"--nosuch"}); err == nil {
		t.Error("an unknown flag was taken")
	}
}

func TestUpgradeWords(t *testing.T) {
	flags, err := parseUpgrade(strings.Fields("--source oci:h:1/a --recovery --allow-insecure-registries"))
	if err != nil || flags.source != "oci:h:1/a" || !flags.recovery || !flags.insecure {
		t.Errorf("%+v %v", flags, err)
	}
	for _, line := range []string{"extra", "--exclude-path /x", "--boot-entry passive"} {
		if _, err := parseUpgrade(strings.Fields(line)); err == nil {
			t.Errorf("%q was taken", line)
		}
	}
	config := nodeconfig.Config{Upgrade: nodeconfig.Upgrade{System: nodeconfig.System{URI: "oci:s"}, RecoverySystem: nodeconfig.System{URI: "oci:r"}}}
	for _, sample := range []struct {
		flag     string
		recovery bool
		want     string
	}{{"oci:f", false, "oci:f"}, {"", false, "oci:s"}, {"", true, "oci:r"}} {
		if got := upgradeSource(upgradeFlags{source: sample.flag}, sample.recovery, config); got != sample.want {
			t.Errorf("%+v: %s", sample, got)
		}
	}
}

func TestResetIsForRecovery(t *testing.T) {
	for mode, allowed := range map[bootmode.Mode]bool{
		bootmode.Recovery: true, bootmode.AutoReset: true, bootmode.Active: false, bootmode.Passive: false, bootmode.Live: false, bootmode.Unknown: false,
	} {
		if err := reset.Check(mode); (err == nil) != allowed {
			t.Errorf("%s: %v", mode, err)
		}
	}
}

func TestWaitForKey(t *testing.T) {
	begun := time.Now()
	waitForKey(strings.NewReader("x"), time.Minute)
	if time.Since(begun) > 30*time.Second {
		t.Error("a key did not end the wait")
	}
	waitForKey(strings.NewReader(""), time.Millisecond)
}

func TestEntriesOfTheMenus(t *testing.T) {
	state := t.TempDir()
	for name, text := range map[string]string{
		"grub/grub.cfg": "menuentry \"${name}\" --id cos {\n}\n menuentry \"x (fallback)\" --id=fallback {\n# menuentry --id no\n",
		"grubmenu":      "menuentry 'remote' --id 'remoterecovery' {\n}\n",
	} {
		path := filepath.Join(state, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	known := entries(state)
	if want := []string{"cos", "fallback", "remoterecovery"}; !reflect.DeepEqual(known, want) {
		t.Errorf("%v, want %v", known, want)
	}
	if checkEntry("fallback", known) != nil || checkEntry("nosuch", known) == nil {
		t.Error("checkEntry")
	}
}

func TestGrubeditWords(t *testing.T) {
	for _, line := range []string{"", "set", "get a", "set novalue"} {
		if err := grubedit(strings.Fields(line), nil); err == nil {
			t.Errorf("%q was taken", line)
		}
	}
}

func TestCosignIsAskedAsTheRealAgentAsksIt(t *testing.T) {
	dir := t.TempDir()
	script := "#!/bin/sh\necho \"$@\" > " + dir + "/asked\nexit 1\n"
	if err := os.WriteFile(filepath.Join(dir, "cosign"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	if err := cosign("/oem/key.pub", "h:1/a@sha256:0"); err == nil || !strings.Contains(err.Error(), "cosign") {
		t.Error(err)
	}
	if asked, _ := os.ReadFile(filepath.Join(dir, "asked")); string(asked) != "-key /oem/key.pub h:1/a@sha256:0\n" {
		t.Errorf("%q", asked)
	}
	t.Setenv("PATH", t.TempDir())
	if err := cosign("/oem/key.pub", "h:1/a"); err == nil || !strings.Contains(err.Error(), "cosign") {
		t.Errorf("%v, and there is no such program", err)
	}
}

func TestVolumesForThoseWhoMayNotReadDevices(t *testing.T) {
	sysfs, data := t.TempDir(), t.TempDir()
	if err := os.MkdirAll(filepath.Join(sysfs, "dev/block"), 0o755); err != nil {
		t.Fatal(err)
	}
	for numbers, device := range map[string]string{"254:4": "vda4", "7:0": "loop0"} {
		if err := os.Symlink("../../devices/"+device, filepath.Join(sysfs, "dev/block", numbers)); err != nil {
			t.Fatal(err)
		}
		text := "I:1\nE:ID_FS_LABEL=COS_STATE\nE:ID_FS_TYPE=ext4\n"
		if err := os.WriteFile(filepath.Join(data, "b"+numbers), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	volume, found := udevVolume(sysfs, data, "COS_STATE")
	if !found || volume.Device != "/dev/vda4" || volume.Type != "ext4" {
		t.Errorf("%+v %v", volume, found)
	}
	if _, found := udevVolume(sysfs, data, "COS_OEM"); found {
		t.Error("a label that is not there was found")
	}
}
