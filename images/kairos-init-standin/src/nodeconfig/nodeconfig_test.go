package nodeconfig

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestCollectMergesAsKairosDoes(t *testing.T) {
	root := t.TempDir()
	for path, text := range map[string]string{
		"oem/1.yaml":        "#cloud-config\ninstall: {device: auto, reboot: true}\nlist: [a, b]\nusers: [{name: x}]\n",
		"oem/2.yaml":        "#cloud-config\ninstall: {device: /dev/vda}\nlist: [b, c]\nusers: [{name: y}]\n",
		"etc/kairos/0.yaml": "#kairos-config\ninstall: {device: never, force: true}\n",
		"oem/3.yaml":        "nothing: here\n",
	} {
		full := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got := Collect(root, Dirs).Tree
	want := map[string]any{
		"install": map[string]any{"device": "/dev/vda", "reboot": true, "force": true},
		"list":    []any{"a", "b", "c"},
		"users":   []any{map[string]any{"name": "x"}, map[string]any{"name": "y"}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func decode(t *testing.T, text string) (Config, error) {
	t.Helper()
	merged, err := Text("test.yaml", []byte("#cloud-config\n"+text))
	if err != nil {
		t.Fatal(err)
	}
	return merged.Decode()
}

func TestAdminIsAskedFor(t *testing.T) {
	for text, admin := range map[string]bool{
		"users: [{name: a, groups: [admin]}]\n":                       true,
		"users: [{name: a}]\n":                                        false,
		"stages: {initramfs: [{users: {a: {groups: [admin, x]}}}]}\n": true,
		"stages: {boot: [{users: {a: {primary_group: admin}}}]}\n":    true,
		"hostname: x\n":              false,
		"install: {nousers: true}\n": true,
	} {
		config, err := decode(t, text)
		if err != nil {
			t.Fatal(err)
		}
		if err := config.CheckAdmin(); (err == nil) != admin || (err != nil && !errors.Is(err, ErrNoAdmin)) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestInstallKeys(t *testing.T) {
	config, err := decode(t, "install: {auto: true, device: /dev/vda, partitions: {oem: {size: 100}}, grub_options: {b: 2, a: x=1}, "+
		"bind_mounts: [/a], system: {uri: 'oci:x', size: 700}, bundles: []}\ncosign: true\ncosign-key: /oem/key.pub\n")
	if err != nil {
		t.Fatal(err)
	}
	install := config.Install
	if !install.Auto || install.Partitions["oem"].Size != 100 || install.System.Size != 700 || config.CosignKey != "/oem/key.pub" {
		t.Errorf("%+v", config)
	}
	if want := [][2]string{{"a", "x=1"}, {"b", "2"}}; !reflect.DeepEqual(install.SortedOptions(), want) {
		t.Error(install.SortedOptions())
	}
}

func TestKeysThatCannotBeMetAreRefused(t *testing.T) {
	for _, key := range []string{"no-format: true", "encrypted_partitions: [COS_PERSISTENT]", "extra-partitions: [{}]", "bundles: [{targets: [x]}]"} {
		if _, err := decode(t, "install: {"+key+"}\n"); err == nil || !strings.Contains(err.Error(), "not in the stand-in yet") {
			t.Errorf("%s: %v", key, err)
		}
	}
	if _, err := decode(t, "install: [a]\n"); err == nil {
		t.Error("a list was taken for a mapping")
	}
}

func TestRenderCanBeReadBack(t *testing.T) {
	merged, err := Text("a\nb", []byte("#node-config\nstages: {boot: [{files: [{path: /x, permissions: 0640}]}]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := merged.Render()
	if err != nil || !strings.HasPrefix(text, "#cloud-config\n# Sources:\n# - a b\n") {
		t.Fatalf("%v\n%s", err, text)
	}
	again, err := Text("again", []byte(text))
	if err != nil || !reflect.DeepEqual(again.Tree, merged.Tree) {
		t.Errorf("%v: %v", err, again.Tree)
	}
}
