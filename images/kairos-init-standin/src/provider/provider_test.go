package provider

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

func bootstrap(t *testing.T, root, text string) ([]string, error) {
	t.Helper()
	config := map[string]any{}
	if err := yaml.Unmarshal([]byte(text), &config); err != nil {
		t.Fatal(err)
	}
	var started []string
	err := Bootstrap(root, config, func(words ...string) error {
		started = append(started, strings.Join(words, " "))
		return nil
	})
	return started, err
}

func node(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "usr/bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, binary), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	return root
}

func read(t *testing.T, root, path string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

const worker = "k0s-worker: {enabled: true, args: [--token-file /etc/k0s/token, --labels=a=b], env: {B: x y, A: 1}}"

func TestAWorkerIsDeployedOnce(t *testing.T) {
	root := node(t)
	started, err := bootstrap(t, root, worker)
	if err != nil || !reflect.DeepEqual(started, []string{"start --no-block k0sworker", "enable --no-block k0sworker"}) {
		t.Fatalf("%v %v", started, err)
	}
	dropin := read(t, root, unitDir+"/k0sworker.service.d/override.conf")
	if dropin != "\n[Service]\nExecStart=\nExecStart=/usr/bin/k0s worker --token-file /etc/k0s/token --labels=a=b\n" {
		t.Errorf("%q", dropin)
	}
	if env := read(t, root, "/etc/sysconfig/k0sworker"); env != "A=\"1\"\nB=\"x y\"\n" {
		t.Errorf("%q", env)
	}
	started, err = bootstrap(t, root, strings.Replace(worker, "a=b", "c=d", 1))
	if err != nil || started != nil || !strings.Contains(read(t, root, unitDir+"/k0sworker.service.d/override.conf"), "a=b") {
		t.Errorf("a second boot changed the node: %v %v", started, err)
	}
}

func TestTheControllerComesFirst(t *testing.T) {
	started, err := bootstrap(t, node(t), worker+"\nk0s: {enabled: true}")
	if err != nil || started[0] != "start --no-block k0scontroller" {
		t.Errorf("%v %v", started, err)
	}
}

func TestNothingIsDeployedWithoutARole(t *testing.T) {
	for _, text := range []string{"{}", "k0s-worker: {enabled: false}", "k0s-worker: {enabled: 'true'}", "k0s-worker: []"} {
		root := node(t)
		started, err := bootstrap(t, root, text)
		if _, there := os.Stat(filepath.Join(root, Deployed)); err != nil || started != nil || there == nil {
			t.Errorf("%s: %v %v", text, started, err)
		}
	}
}

func TestWhatCannotBeIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		"k3s: {enabled: true}":                            "not in the stand-in yet: k3s",
		"k0s-worker: {enabled: true, args: --token-file}": "args is no list",
	} {
		if _, err := bootstrap(t, node(t), text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := bootstrap(t, t.TempDir(), worker); err == nil || !strings.Contains(err.Error(), "no k0sworker binary found") {
		t.Errorf("%v", err)
	}
}
