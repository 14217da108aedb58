package durable

import (
	"os"
	"path/filepath"
	"testing"
)

func TestWriteReplacesWholeAndLeavesNothingElse(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "below", "file")
	for _, text := range []string{"first", "second, longer"} {
		if err := Write(path, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(path)
		if err != nil || string(data) != text {
			t.Errorf("%q %v", data, err)
		}
	}
	if info, _ := os.Stat(path); info.Mode() != 0o640 {
		t.Errorf("mode %v", info.Mode())
	}
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestSyncOfWhatIsNotThereFails(t *testing.T) {
	if FileSystem(filepath.Join(t.TempDir(), "none")) == nil || Dir("/nowhere") == nil {
		t.Error("a missing path was synced")
	}
}
