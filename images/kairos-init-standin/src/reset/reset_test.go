package reset

import (
	"os"
	"path/filepath"
	"testing"

	"standin/node"
)

func TestWithRoomNothingIsGivenUp(t *testing.T) {
	state := t.TempDir()
	if err := os.Mkdir(filepath.Join(state, node.ImageDir), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{node.Active, node.Passive, node.Transition} {
		if err := os.WriteFile(filepath.Join(state, name), []byte("image"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := makeRoom(filepath.Join(state, node.Active), state, node.Active); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{node.Active: true, node.Passive: true, node.Transition: false} {
		if _, err := os.Stat(filepath.Join(state, name)); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if makeRoom(filepath.Join(state, "none"), state, node.Active) == nil {
		t.Error("a recovery image that is not there was measured")
	}
}
