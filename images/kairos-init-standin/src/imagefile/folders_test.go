package imagefile

import (
	"os"
	"path/filepath"
	"testing"
)

func TestFoldersAreMadeWhereTheyAreNot(t *testing.T) {
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "oem"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Folders(root); err != nil {
		t.Fatal(err)
	}
	for path, mode := range map[string]os.FileMode{
		"oem": 0o700, "usr/local": 0o755, "proc": 0o555, "sys": 0o555, "tmp": 0o777 | os.ModeSticky, "run": 0o755,
	} {
		info, err := os.Stat(filepath.Join(root, path))
		if err != nil || info.Mode()&(os.ModePerm|os.ModeSticky) != mode {
			t.Errorf("%s: %v %v, want %v", path, info.Mode(), err, mode)
		}
	}
}
