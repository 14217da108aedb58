package immucore

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"syscall"

	"standin/release"
	"standin/sys"
)

const layoutFile = sentinels + "/cos-layout.env"

// layout is what the stage rootfs left in cos-layout.env.
type layout struct {
	overlay    string
	writable   []string
	volumes    []volumeMount
	state      string
	binds      []string
	persistent bool // COS_PERSISTENT or its like is mounted, so there is a place for binds
}

// readLayout merges the users' own layout files into the one that all look at.
func (b *booter) readLayout() error {
	keys := release.Read(layoutFile)
	for _, name := range []string{"extra-layout.env", "custom-layout.env"} {
		for key, value := range release.Read(filepath.Join(sentinels, name)) {
			switch key {
			case "PERSISTENT_STATE_PATHS", "RW_PATHS", "CUSTOM_BIND_MOUNTS", "CUSTOM_EPHEMERAL_MOUNTS":
				value = strings.TrimSpace(keys[key] + " " + value)
			}
			keys[key] = value
		}
	}
	if err := release.Write(layoutFile, keys); err != nil {
		return err
	}
	b.layout = parseLayout(keys, b.persistent())
	if b.overlay != "" {
		b.layout.overlay = b.overlay
	}
	b.layout.volumes = append(b.layout.volumes, b.mounts...)
	return nil
}

func parseLayout(keys map[string]string, persistent bool) layout {
	result := layout{
		overlay: keys["OVERLAY"], state: keys["PERSISTENT_STATE_TARGET"],
		writable: paths(keys["RW_PATHS"] + " " + keys["CUSTOM_EPHEMERAL_MOUNTS"]),
	}
	if result.overlay == "" {
		result.overlay = "tmpfs:25%"
	}
	if result.state == "" {
		result.state = "/usr/local/.state"
	}
	if len(paths(keys["RW_PATHS"])) == 0 {
		result.writable = append(paths("/etc /srv /var"), result.writable...)
	}
	if persistent {
		result.volumes = parseVolumes(keys["VOLUMES"])
		result.binds = paths(keys["PERSISTENT_STATE_PATHS"] + " " + keys["CUSTOM_BIND_MOUNTS"])
	}
	return result
}

// paths gives the absolute ones, each once, parents before what is below them.
func paths(text string) []string {
	seen := map[string]bool{}
	found := []string{}
	for _, word := range strings.Fields(text) {
		path := filepath.Clean(word)
		if filepath.IsAbs(path) && path != "/" && !seen[path] {
			seen[path] = true
			found = append(found, path)
		}
	}
	sort.Strings(found)
	return found
}

// mountOverlays makes paths writable for the time of this boot.
func (b *booter) mountOverlays() error {
	if err := b.mountOverlayBase(); err != nil {
		return err
	}
	for _, path := range b.layout.writable {
		lower := filepath.Join(newRoot, path)
		if !sys.Exists(lower) && os.MkdirAll(lower, 0o755) != nil {
			b.warn("%s cannot be writable: the image has no such directory", path)
			continue
		}
		name := dashed(path)
		upper, work := filepath.Join(overlayDir, name+".overlay", "upper"), filepath.Join(overlayDir, name+".overlay", "work")
		if err := makeLike(lower, upper); err != nil {
			return err
		}
		if err := os.MkdirAll(work, 0o755); err != nil {
			return err
		}
		options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", lower, upper, work)
		if err := mountOn("overlay", lower, "overlay", 0, options); err != nil {
			return err
		}
		b.fstab = append(b.fstab, fmt.Sprintf("overlay %s overlay lowerdir=%s,upperdir=%s,workdir=%s 0 0", path, path, upper, work))
	}
	// As on a real node: systemd mounts it by this line, which has none of the options of its own tmp.mount.
	b.fstab = append(b.fstab, "tmpfs /tmp tmpfs rw 0 0")
	return nil
}

// mountOverlayBase takes tmpfs:<size> or LABEL=<volume>.
func (b *booter) mountOverlayBase() error {
	kind, value, _ := strings.Cut(strings.Replace(b.layout.overlay, "LABEL=", "LABEL:", 1), ":")
	switch kind {
	case "tmpfs":
		if value == "" {
			value = "25%"
		}
		b.fstab = append(b.fstab, "tmpfs "+overlayDir+" tmpfs size="+value+" 0 0")
		return mountOn("tmpfs", overlayDir, "tmpfs", syscall.MS_NOSUID|syscall.MS_NODEV, "mode=0755,size="+value)
	case "LABEL":
		volume, err := b.find(value, b.rootWait)
		if err != nil {
			return err
		}
		return b.mountChecked(volume, overlayDir, safely)
	}
	return fmt.Errorf("overlay %q: neither tmpfs:<size> nor LABEL=<volume>", b.layout.overlay)
}

// mountVolumes mounts the node's own volumes; one that is not there or damaged
// ends the boot, for a node that came up without would lose what it then writes.
func (b *booter) mountVolumes() error {
	for _, wanted := range b.layout.volumes {
		volume, err := b.find(wanted.label, b.rootWait)
		if err != nil {
			return stateError{err}
		}
		target := filepath.Join(newRoot, wanted.dir)
		if err := os.MkdirAll(target, 0o755); err != nil {
			return err
		}
		if err := b.mountChecked(volume, target, safely); err != nil {
			return stateError{err}
		}
		b.fstab = append(b.fstab, fmt.Sprintf("LABEL=%s %s %s rw 0 0", wanted.label, wanted.dir, volume.Type))
		if b.layout.state == wanted.dir || strings.HasPrefix(b.layout.state, wanted.dir+"/") {
			b.layout.persistent = true
		}
	}
	return nil
}

// bindState puts the persistent paths in place, filled up from the image.
func (b *booter) bindState() error {
	if len(b.layout.binds) == 0 {
		return nil
	}
	if !b.layout.persistent {
		return stateError{fmt.Errorf("no volume for %s, which the persistent paths are kept in", b.layout.state)}
	}
	image := newImage(filepath.Join(newRoot, b.layout.state), newRoot)
	for _, path := range b.layout.binds {
		target := filepath.Join(newRoot, path)
		if err := os.MkdirAll(target, 0o755); err != nil {
			b.say("%s is not persistent: the image has no such directory", path)
			continue
		}
		state := filepath.Join(newRoot, b.layout.state, dashed(path)+".bind")
		if err := fill(target, state, image); err != nil {
			return stateError{fmt.Errorf("%s: %w", path, err)}
		}
		if err := syscall.Mount(state, target, "", syscall.MS_BIND, ""); err != nil {
			return fmt.Errorf("bind %s: %w", path, err)
		}
		b.fstab = append(b.fstab, fmt.Sprintf("%s %s none bind 0 0", filepath.Join(b.layout.state, dashed(path)+".bind"), path))
	}
	return image.remember()
}

// dashed names a path's place below the state directory.
func dashed(path string) string {
	return strings.ReplaceAll(strings.Trim(path, "/"), "/", "-")
}

func (b *booter) writeFstab() error {
	path := filepath.Join(newRoot, "etc/fstab")
	text := "# Made by immucore at this boot; a change does not last.\n" + strings.Join(b.fstab, "\n") + "\n"
	return sys.WriteFile(path, []byte(text), 0o644)
}
