// Package datasource fetches user data; NoCloud on a disk labelled cidata is
// the one source the stand-in has.
package datasource

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"standin/cloudconfig"
	"standin/sys"
)

// Label of a NoCloud volume, in any case of letters.
const Label = "cidata"

// UserData is the file below the directory that Kairos keeps user data in.
const UserData = "userdata.yaml"

// ErrNone says that no volume labelled cidata is there.
var ErrNone = errors.New("no volume labelled " + Label)

// FromCDROM copies user-data and meta-data of a cidata volume into a directory.
// Returns ErrNone when there is no such volume.
func FromCDROM(dir string) error {
	volume, found := sys.FindVolume(Label)
	if !found {
		return ErrNone
	}
	return withMounted(volume, func(mounted string) error { return Copy(mounted, dir) })
}

func withMounted(volume sys.Volume, use func(string) error) error {
	point, err := os.MkdirTemp("/run", "cidata-")
	if err != nil {
		return err
	}
	defer os.Remove(point)
	if err := syscall.Mount(volume.Device, point, volume.Type, syscall.MS_RDONLY, ""); err != nil {
		return fmt.Errorf("mount %s (%s): %w", volume.Device, volume.Type, err)
	}
	defer func() { _ = syscall.Unmount(point, syscall.MNT_DETACH) }()
	return use(point)
}

// Copy takes the NoCloud files of a mounted volume; user-data must be there.
func Copy(mounted, dir string) error {
	data, err := os.ReadFile(filepath.Join(mounted, "user-data"))
	if err != nil {
		return fmt.Errorf("%s volume: %w", Label, err)
	}
	if len(data) > cloudconfig.MaxSize {
		return fmt.Errorf("%s volume: user-data is larger than %d bytes", Label, cloudconfig.MaxSize)
	}
	if err := sys.WriteFile(filepath.Join(dir, UserData), data, 0o600); err != nil {
		return err
	}
	meta, err := os.ReadFile(filepath.Join(mounted, "meta-data"))
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return sys.WriteFile(filepath.Join(dir, "meta-data"), meta, 0o600)
}
