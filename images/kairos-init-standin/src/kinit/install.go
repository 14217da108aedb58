package kinit

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"standin/account"
	"standin/brand"
	"standin/sys"
)

// files holds, per step, a tree that is copied as it stands.
//
//go:embed files
var files embed.FS

// copyTree writes the files of one step's tree; scripts become executable.
func copyTree(step string) error {
	base := path.Join("files", step)
	return fs.WalkDir(files, base, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		mode := os.FileMode(0o644)
		if strings.HasPrefix(string(data), "#!") {
			mode = 0o755
		}
		return sys.WriteFile(filepath.Join("/", strings.TrimPrefix(name, base)), data, mode)
	})
}

// cloudconfigs makes no /oem: a real image has none, and whoever writes one for a node makes it (imagefile.Folders).
func cloudconfigs(*Build) error { return copyTree("cloudconfigs") }

func branding(*Build) error { return copyTree("branding") }

func grub(*Build) error { return copyTree("grub") }

// kairosBinaries copies this very program: one multi-call binary, as Kairos has it.
func kairosBinaries(*Build) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	data, err := os.ReadFile(self)
	if err != nil {
		return err
	}
	if err := sys.WriteFile("/usr/bin/kairos", data, 0o755); err != nil {
		return err
	}
	for _, name := range []string{"kairos-agent", "immucore"} {
		if err := sys.Symlink("/usr/bin/kairos", filepath.Join("/usr/bin", name)); err != nil {
			return err
		}
	}
	return nil
}

// kubernetes needs no packages of its own in the stand-in.
func kubernetes(*Build) error { return nil }

func providerBinaries(build *Build) error {
	if len(build.Options.Providers) > 0 {
		fmt.Fprintln(os.Stderr, brand.NotYet("agent-provider-kairos and edgevpn; kairos-agent start gives the role, without p2p"))
	}
	return nil
}

// buildProvider installs a k0s that tells its version and joins as a worker.
func buildProvider(build *Build) error {
	if len(build.Options.Providers) == 0 {
		return nil
	}
	script, err := files.ReadFile("files/k0s.sh")
	if err != nil {
		return err
	}
	text := strings.ReplaceAll(string(script), "@VERSION@", build.Options.K0sVersion)
	if err := sys.WriteFile("/usr/bin/k0s", []byte(text), 0o755); err != nil {
		return err
	}
	return copyTree("provider-k0s")
}

// adminGroup is the group that Kairos gives its users for sudo.
const (
	adminGroup = "admin"
	adminGID   = 900
)

func miscellaneous(*Build) error {
	if err := copyTree("miscellaneous"); err != nil {
		return err
	}
	database, err := account.Open("/")
	if err != nil {
		return err
	}
	if _, err := database.EnsureGroup(adminGroup, adminGID, true); err != nil {
		return err
	}
	return database.Save()
}
