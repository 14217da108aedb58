package source

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"oci:127.0.0.1:5000/a/b:v1": "oci://127.0.0.1:5000/a/b:v1",
		"oci://host/a@sha256:00":    "oci://host/a@sha256:00",
		"docker:host/a":             "oci://host/a",
		"host/a:v1":                 "oci://host/a:v1",
		"127.0.0.1:5000/a:v1":       "oci://127.0.0.1:5000/a:v1",
		"dir:/run/rootfsbase":       "dir:///run/rootfsbase",
		"dir:///run/x":              "dir:///run/x",
		"file:/tmp/a.img":           "file:///tmp/a.img",
	} {
		source, err := Parse(text)
		if err != nil || source.String() != want {
			t.Errorf("%s: %s %v, want %s", text, source, err, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for text, word := range map[string]string{
		"": "no source", "oci:": "names nothing", "dir:relative": "absolute", "ocifile:/x": "not in the stand-in yet", "http://x/y": "none of",
	} {
		if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestOnlyWhatIsThereIsOpened(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("no image"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenDirectory(path); err == nil {
		t.Error("a file was opened as a directory")
	}
	if _, err := OpenImage(path); err == nil {
		t.Error("a text was opened as an image")
	}
	content, err := OpenDirectory(filepath.Dir(path))
	if err != nil || content.Usage().Files != 2 || content.Usage().MiB() != 1 {
		t.Errorf("%+v %v", content, err)
	}
}
