package agent

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"standin/nodeconfig"
)

func TestLeafIsRawAndWithoutNewline(t *testing.T) {
	text, err := nodeconfig.YAML(State{Boot: "livecd_boot", Kairos: Kairos{Version: "v1"}, Addresses: []string{"10.0.2.15"}})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text, "\n    version: v1\n") {
		t.Errorf("the indent is not four:\n%s", text)
	}
	for path, want := range map[string]string{
		"boot": "livecd_boot", "kairos.version": "v1", "oem.found": "false", "addresses.0": "10.0.2.15", ".boot": "livecd_boot",
	} {
		var out strings.Builder
		if err := printLeaf(text, path, &out); err != nil || out.String() != want {
			t.Errorf("%s: %q %v, want %q", path, out.String(), err, want)
		}
	}
	if err := printLeaf(text, "boot.more", &strings.Builder{}); err == nil {
		t.Error("a path below a leaf was found")
	}
}

func TestVerbsThatAreNotThereEndInOne(t *testing.T) {
	for _, verb := range later {
		if code := Main([]string{verb, "--source", "x"}); code != 1 {
			t.Errorf("%s: exit code %d, want 1", verb, code)
		}
	}
	if code := Main([]string{"nosuch"}); code != 2 {
		t.Errorf("unknown verb: exit code %d, want 2", code)
	}
}

func TestValidateFile(t *testing.T) {
	for text, valid := range map[string]bool{
		"#cloud-config\nusers: [{name: a}]\n": true,
		"#cloud-config\nhostname: x\n":        false,
		"users: [{name: a}]\n":                false,
		"#cloud-config\nusers: [{name: a}]\nstages: {boot: [{comands: [true]}]}\n": false,
	} {
		path := filepath.Join(t.TempDir(), "file.yaml")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := validate([]string{path}, nil); (err == nil) != valid {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestStageArguments(t *testing.T) {
	options, err := parseStage(strings.Fields("boot --strict --override-cloud-init-paths /oem/95_userdata"))
	if err != nil || !options.strict || options.name != "boot" || !reflect.DeepEqual(options.dirs, []string{"/oem/95_userdata"}) {
		t.Errorf("%+v %v", options, err)
	}
	for _, line := range []string{"", "a b", "boot --analyze", "boot --cloud-init-paths"} {
		if _, err := parseStage(strings.Fields(line)); err == nil {
			t.Errorf("%q was accepted", line)
		}
	}
}
