package cloudconfig

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const sample = `#cloud-config
hostname: node
users:
  - name: kairos
    groups: [admin]
    ssh_authorized_keys: [ssh-ed25519 AAAA a]
ssh_authorized_keys: [ssh-ed25519 BBBB b]
write_files:
  - path: /etc/x
    permissions: "0640"
    content: hi
runcmd: [touch /run/x]
install: {device: auto}
stages:
  initramfs:
    - name: mixed
      files: [{path: /a, permissions: 0600, content: x}]
      users: {zoe: {groups: [admin]}, adam: {}}
      downloads: []
      bogus: 1
`

func parse(t *testing.T, text string) Document {
	t.Helper()
	document, err := Parse("test.yaml", text, false)
	if err != nil {
		t.Fatal(err)
	}
	return document
}

func TestCloudInitKeysBecomeStages(t *testing.T) {
	document := parse(t, sample)
	if got := len(document.Stages["boot"]); got != 4 {
		t.Errorf("boot has %d steps, want users, keys, write_files and runcmd", got)
	}
	initramfs := document.Stages["initramfs"]
	if len(initramfs) != 2 || initramfs[1].Hostname != "node" {
		t.Errorf("hostname is not in stage initramfs: %+v", initramfs)
	}
	if mode := document.Stages["boot"][2].Files[0].Permissions; mode != 0o640 {
		t.Errorf("permissions %o, want 640", mode)
	}
	if keys := document.Stages["boot"][1].AuthorizedKeys["kairos"]; len(keys) != 1 {
		t.Errorf("top-level keys are not given to the user: %v", keys)
	}
}

func TestStepKeepsOctalAndSortsUsers(t *testing.T) {
	step := parse(t, sample).Stages["initramfs"][0]
	if step.Files[0].Permissions != 0o600 {
		t.Errorf("permissions %o, want 600", step.Files[0].Permissions)
	}
	if step.Users[0].Name != "adam" || step.Users[1].Name != "zoe" {
		t.Errorf("users are not by name: %+v", step.Users)
	}
}

func TestStepKeysThatAreNotRunAreToldOf(t *testing.T) {
	warnings := strings.Join(parse(t, sample).Stages["initramfs"][0].Warnings, "\n")
	for _, want := range []string{`not in the stand-in yet: step key "downloads"`, `unknown step key "bogus"`} {
		if !strings.Contains(warnings, want) {
			t.Errorf("no %q in %q", want, warnings)
		}
	}
}

func TestKeysWithoutUsersGoToRoot(t *testing.T) {
	document := parse(t, "#cloud-config\nssh_authorized_keys: [k]\n")
	if document.Stages["boot"][0].AuthorizedKeys["root"] == nil {
		t.Error("the keys are not root's")
	}
}

func TestNodeConfigRunsStagesOnly(t *testing.T) {
	document := parse(t, strings.Replace(sample, "#cloud-config", "#node-config", 1))
	if len(document.Stages["boot"]) != 0 || len(document.Stages["initramfs"]) != 1 {
		t.Errorf("more than the stages was taken: %v", document.Stages)
	}
}

func TestBadFilesAreRefused(t *testing.T) {
	bomb := "#cloud-config\na: &a [x,x,x,x,x,x,x,x,x]\n"
	for _, level := range "bcdefghi" {
		before := string(level - 1)
		bomb += string(level) + ": &" + string(level) + " [" + strings.Repeat("*"+before+",", 8) + "*" + before + "]\n"
	}
	cases := map[string]string{
		"header":     "users: []\n",
		"script":     "#!/bin/sh\n",
		"syntax":     "#cloud-config\nusers: [\n",
		"step":       "#node-config\nstages: {boot: [text]}\n",
		"mode":       "#cloud-config\nwrite_files: [{path: /a, permissions: rw}]\n",
		"user":       "#cloud-config\nusers: [{name: a, lock_passwd: maybe}]\n",
		"size":       "#cloud-config\n# " + strings.Repeat("x", MaxSize) + "\n",
		"alias bomb": strings.Replace(bomb, "#cloud-config", "#node-config", 1) + "stages: {boot: [{commands: *i}]}\n",
	}
	for name, text := range cases {
		if _, err := Parse("bad.yaml", text, false); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// W27: the real reader takes cloud-init's keys and drops the stages, all of them, for one value of a wrong type.
func TestStagesOfAWrongTypeAreLostAndToldOf(t *testing.T) {
	for name, stages := range map[string]string{
		"users as a list": "{initramfs: [{users: [{name: zoe}]}], boot: [{commands: [true]}]}",
		"text for a list": "{boot: [{commands: reboot}]}",
		"quoted mode":     `{boot: [{files: [{path: /a, permissions: "0644"}]}]}`,
	} {
		document := parse(t, "#cloud-config\nhostname: n\nstages: "+stages+"\n")
		if len(document.Stages) != 1 || len(document.Warnings) != 1 {
			t.Errorf("%s: %v, %v", name, document.Stages, document.Warnings)
		}
	}
}

func TestGrowpartIsALayout(t *testing.T) {
	step := parse(t, "#cloud-config\ngrowpart: {devices: [/dev/vda]}\n").Stages["boot"][0]
	if step.Layout.Device.Path != "/dev/vda" || step.Layout.Expand == nil {
		t.Errorf("%+v", step.Layout)
	}
}

func TestOwnersHaveTheNameThatTheReaderKnows(t *testing.T) {
	files := parse(t, "#cloud-config\nstages: {boot: [{files: [{path: /a, ownerstring: 'a:b'}, {path: /b, owner_string: c}]}]}\n").Stages["boot"][0].Files
	if files[0].OwnerString != "a:b" || files[1].OwnerString != "" {
		t.Errorf("%+v", files)
	}
}

func TestLoadGoesByDirectoryThenName(t *testing.T) {
	root := t.TempDir()
	for _, path := range []string{"oem/10_b.yaml", "oem/95_userdata/userdata.yaml", "oem/note.txt", "system/oem/99_z.yaml", "oem/50_bad.yaml"} {
		full := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		text := "#cloud-config\nstages: {}\n"
		if strings.Contains(path, "bad") {
			text = "no header"
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	documents, failures := Load(root, Dirs)
	var names []string
	for _, document := range documents {
		names = append(names, filepath.Base(document.Path))
	}
	if got := strings.Join(names, " "); got != "99_z.yaml 10_b.yaml userdata.yaml" {
		t.Errorf("order is %q", got)
	}
	if len(failures) != 1 {
		t.Errorf("failures: %v", failures)
	}
}
