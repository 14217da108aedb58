package datasource

import (
	"os"
	"path/filepath"
	"testing"
)

func TestCopyKeepsBothFilesPrivate(t *testing.T) {
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "95_userdata")
	for name, text := range map[string]string{"user-data": "#cloud-config\n", "meta-data": "instance-id: a\n"} {
		if err := os.WriteFile(filepath.Join(from, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := Copy(from, to); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(to, UserData))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
}

func TestVolumeWithoutUserDataIsAnError(t *testing.T) {
	to := filepath.Join(t.TempDir(), "95_userdata")
	if Copy(t.TempDir(), to) == nil {
		t.Error("accepted")
	}
	if _, err := os.Stat(to); err == nil {
		t.Error("something was left")
	}
}
