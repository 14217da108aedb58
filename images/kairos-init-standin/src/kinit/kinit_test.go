package kinit

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"standin/brand"
	"standin/cloudconfig"
)

func TestOptionsAsTheContractHasThem(t *testing.T) {
	options, err := ParseOptions(strings.Fields("-s init --version 2.0.0 -l debug -m generic -t false -p k0s "+
		"--provider-k0s-version v1.34.1+k0s.0 --skip-step initrd,KERNEL,sshHardening"), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if options.Version != "v2.0.0" || options.Variant() != "standard" || !options.Skip["kernel"] {
		t.Errorf("got %+v", options)
	}
	var left []string
	for _, step := range allSteps() {
		if options.wants(step) {
			left = append(left, step.Name)
		}
	}
	if got := strings.Join(left, " "); got != "initramfsConfigs kairosRelease services workarounds cleanup" {
		t.Errorf("steps left: %s", got)
	}
}

func TestBadOptionsAreRefused(t *testing.T) {
	for _, line := range []string{
		"", "--version x", "--version 01.2.3", "--version 1.2.3 -s other", "--version 1.2.3 --skip-step nosuch",
		"--version 1.2.3 -l loud", "--version 1.2.3 -t maybe", "--version 1.2.3 word", "--version 1.2.3 -p k0s",
		"--version 1.2.3 -p k0s --provider-k0s-version v1'2",
	} {
		if _, err := ParseOptions(strings.Fields(line), io.Discard); err == nil {
			t.Errorf("%q was accepted", line)
		}
	}
}

func TestWhatIsNotThereIsSaidSo(t *testing.T) {
	for _, flags := range []string{"-p k3s", "--fips", "-m rpi4", "-t true", "-x /dir", "--provider-k0s-config x"} {
		_, err := ParseOptions(strings.Fields("--version 1.2.3 "+flags), io.Discard)
		var notYet brand.NotYetError
		if !errors.As(err, &notYet) {
			t.Errorf("%s: %v", flags, err)
		}
	}
}

func TestOtherDistributionsAreRefused(t *testing.T) {
	for text, accepted := range map[string]bool{
		"ID=debian\nVERSION_ID=\"13\"\n": true, "ID=rocky\nVERSION_ID=9\n": false, "": false, "ID=debian\n": false,
	} {
		path := filepath.Join(t.TempDir(), "os-release")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := readDistro(path); (err == nil) != accepted {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestReleaseKeysHaveNoEmptyValue(t *testing.T) {
	keys := releaseKeys(Options{Version: "v1.0.0", Model: "generic"}, Distro{ID: "debian", Version: "13"})
	if keys["KAIROS_NAME"] != "kairos-core-debian-13" || len(keys) != 17 {
		t.Errorf("got %v", keys)
	}
	for name, value := range keys {
		if value == "" {
			t.Errorf("%s is empty", name)
		}
	}
}

func TestHighestKernelIsTaken(t *testing.T) {
	dir := t.TempDir()
	for _, version := range []string{"6.9.1-cloud", "6.12.107-cloud", "6.12.9-cloud"} {
		if err := os.MkdirAll(filepath.Join(dir, version), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, version, "modules.dep"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := kernelVersion(dir); err != nil || got != "6.12.107-cloud" {
		t.Errorf("%q %v", got, err)
	}
	if _, err := kernelVersion(filepath.Join(dir, "none")); err == nil {
		t.Error("no kernel was no error")
	}
}

func TestEmbeddedCloudConfigsAreClean(t *testing.T) {
	found := 0
	err := fs.WalkDir(files, "files/cloudconfigs", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		found++
		data, _ := files.ReadFile(path)
		document, err := cloudconfig.Parse(path, string(data), true)
		if err != nil {
			return err
		}
		for _, steps := range document.Stages {
			for _, step := range steps {
				if len(step.Warnings) > 0 {
					t.Errorf("%s: %v", path, step.Warnings)
				}
			}
		}
		return nil
	})
	if err != nil || found < 5 {
		t.Errorf("%d files, %v", found, err)
	}
}

func TestValidateTellsEveryFault(t *testing.T) {
	err := Validate(t.TempDir())
	if err == nil {
		t.Fatal("an empty root is valid")
	}
	for _, want := range []string{"binary immucore", "/boot/vmlinuz", "/boot/initrd", "KAIROS_MODEL", "0 kernels"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no word of %q", want)
		}
	}
}
