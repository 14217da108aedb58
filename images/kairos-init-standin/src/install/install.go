package install

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"standin/blockdev"
	"standin/durable"
	"standin/gpt"
	"standin/grubenv"
	"standin/imagefile"
	"standin/node"
	"standin/nodeconfig"
	"standin/source"
)

// mountRoot is where the new partitions are while a node is installed.
const mountRoot = "/run/cos"

// failSentinel is made by a hook that wants no installation.
const failSentinel = "/run/cos/fail_installation"

// Wish is what to install and how.
type Wish struct {
	Merged  nodeconfig.Merged
	Config  nodeconfig.Config
	Source  source.Source
	Content source.Content
	// ConfigDir holds the configuration as a file, for its hooks.
	ConfigDir string
	Out       io.Writer
}

// Installation is one run of it.
type Installation struct {
	Wish
	hooks   node.Hooks
	disk    blockdev.Disk
	efi     bool
	sizes   Sizes
	table   gpt.Table
	mounted []*node.Mounted
}

// Run installs a node; nothing is written before all that can be checked has been.
func Run(wish Wish) error {
	run := &Installation{Wish: wish, efi: isEFI()}
	run.hooks = node.Hooks{Dirs: []string{wish.ConfigDir}, Out: wish.Out, Strict: wish.Config.Strict}
	if err := run.prepare(); err != nil {
		return err
	}
	if err := run.hook("kairos-install.pre"); err != nil {
		return err
	}
	err := run.write()
	if err = errors.Join(err, run.unmount()); err != nil {
		return err
	}
	return run.hook("kairos-install.after")
}

// prepare chooses the disk and lays it out.
func (i *Installation) prepare() error {
	disk, err := blockdev.Default.Choose(i.Config.Install.Device)
	if err != nil {
		return err
	}
	i.disk = disk
	i.sizes = plan(i.Content.Usage().MiB(), i.efi, i.Config.Install)
	i.table, err = i.sizes.table(disk, i.efi)
	if err != nil {
		return err
	}
	i.say("Installing %s to %s (%d MiB): images of %d MiB", i.Source, disk.Path, disk.Size/gpt.MiB, i.sizes.Image)
	return nil
}

func (i *Installation) say(format string, args ...any) { fmt.Fprintf(i.Out, format+"\n", args...) }

func (i *Installation) hook(name string) error {
	if err := i.hooks.Run(name); err != nil {
		return err
	}
	if _, err := os.Stat(failSentinel); err == nil {
		return fmt.Errorf("the hook %s made %s, so nothing is installed", name, failSentinel)
	}
	return nil
}

func (i *Installation) mount(name string) string { return filepath.Join(mountRoot, name) }

func (i *Installation) write() error {
	for _, step := range []func() error{
		i.partition,
		func() error { return i.hook("before-install") },
		i.activeImage,
		i.otherImages,
		i.environment,
		i.customMounts,
		func() error { return i.hook("after-install") },
		i.note,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (i *Installation) partition() error {
	i.say("Partitioning %s", i.disk.Path)
	if err := i.disk.SetTable(i.table); err != nil {
		return err
	}
	if err := format(i.disk, i.efi, i.Config.Install.Partitions); err != nil {
		return err
	}
	places := []struct {
		number int
		kind   string
		name   string
	}{{oemNumber, "ext4", "oem"}, {recoveryNumber, "ext4", "recovery"}, {stateNumber, "ext4", "state"}, {persistentNumber, "ext4", "persistent"}}
	if i.efi {
		places = append(places, struct {
			number int
			kind   string
			name   string
		}{bootNumber, "vfat", "efi"})
	}
	for _, place := range places {
		mounted, err := node.Mount(i.disk.Partition(place.number), place.kind, i.mount(place.name))
		if err != nil {
			return err
		}
		i.mounted = append(i.mounted, mounted)
	}
	for _, name := range []string{"state", "recovery"} {
		if err := os.MkdirAll(filepath.Join(i.mount(name), node.ImageDir), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// unmount leaves everything on the disk, also after a failure.
func (i *Installation) unmount() error {
	var failures []error
	for index := len(i.mounted) - 1; index >= 0; index-- {
		failures = append(failures, durable.FileSystem(i.mounted[index].Point), i.mounted[index].Close())
	}
	i.mounted = nil
	return errors.Join(failures...)
}

// activeImage writes the active system and does in it what has to be done there.
func (i *Installation) activeImage() error {
	i.say("Writing %s", node.Active)
	path := filepath.Join(i.mount("state"), node.Active)
	if err := i.fill(path); err != nil {
		return err
	}
	if err := i.writeConfig(); err != nil {
		return err
	}
	return imagefile.WithMounted(path, false, func(root string) error {
		for _, dir := range i.Config.Install.ExtraDirs {
			if err := os.MkdirAll(filepath.Join(root, filepath.Clean("/"+dir)), 0o755); err != nil {
				return err
			}
		}
		i.say("Installing GRUB")
		if err := i.installGRUB(root); err != nil {
			return err
		}
		return i.hooks.RunIn(root, "after-install-chroot", i.mount("oem"))
	})
}

func (i *Installation) fill(path string) error {
	if image := i.Content.Image(); image != "" {
		return errors.Join(imagefile.Copy(image, path, imagefile.NoCharge), imagefile.SetLabel(path, node.ActiveLabel))
	}
	size := int64(i.sizes.Image) * imagefile.MiB
	if err := imagefile.Create(path, node.ActiveLabel, size, i.Content.Usage().Files); err != nil {
		return err
	}
	return imagefile.WithMounted(path, false, func(root string) error {
		if err := i.Content.Fill(root, imagefile.NoCharge); err != nil {
			return err
		}
		return imagefile.Folders(root)
	})
}

// otherImages copies the active image as the recovery and the passive system.
func (i *Installation) otherImages() error {
	active := filepath.Join(i.mount("state"), node.Active)
	for _, copy := range []struct{ path, label string }{
		{filepath.Join(i.mount("recovery"), node.Recovery), node.RecoveryLabel},
		{filepath.Join(i.mount("state"), node.Passive), node.PassiveLabel},
	} {
		i.say("Writing %s", copy.path[len(mountRoot)+1:])
		if err := imagefile.Copy(active, copy.path, imagefile.NoCharge); err != nil {
			return err
		}
		if err := imagefile.SetLabel(copy.path, copy.label); err != nil {
			return err
		}
	}
	return nil
}

// writeConfig keeps the configuration on COS_OEM.
func (i *Installation) writeConfig() error {
	text, err := i.Merged.Render()
	if err != nil {
		return err
	}
	return durable.Write(filepath.Join(i.mount("oem"), "90_custom.yaml"), []byte(text), 0o640)
}

// environment writes GRUB's two blocks.
func (i *Installation) environment() error {
	block := grubenv.New()
	for _, pair := range i.Config.Install.SortedOptions() {
		if err := grubenv.CheckName(pair[0]); err != nil {
			return err
		}
		block.Set(pair[0], pair[1])
	}
	// Always there, so that later writes go to the same blocks of the disk.
	if err := block.Save(filepath.Join(i.mount("oem"), node.Environment)); err != nil {
		return err
	}
	// As with Kairos the file is there only with a name in it; without one GRUB says at each boot that it is not.
	if i.Config.Install.GrubEntryName == "" {
		return nil
	}
	entry := grubenv.New()
	entry.Set("default_menu_entry", i.Config.Install.GrubEntryName)
	return entry.Save(filepath.Join(i.mount("state"), "grub_oem_env"))
}

// customMounts hands the mounts of the configuration to the next boots.
func (i *Installation) customMounts() error {
	values := map[string]any{}
	if paths := i.Config.Install.BindMounts; len(paths) > 0 {
		values["CUSTOM_BIND_MOUNTS"] = strings.Join(paths, " ")
	}
	if paths := i.Config.Install.EphemeralMounts; len(paths) > 0 {
		values["CUSTOM_EPHEMERAL_MOUNTS"] = strings.Join(paths, " ")
	}
	if len(values) == 0 {
		return nil
	}
	step := map[string]any{"environment_file": "/run/cos/custom-layout.env", "environment": values}
	text, err := nodeconfig.YAML(map[string]any{"stages": map[string]any{"rootfs": []any{step}}})
	if err != nil {
		return err
	}
	return durable.Write(filepath.Join(i.mount("oem"), "10_user_custom_mounts.yaml"), []byte("#cloud-config\n"+text), 0o640)
}

func (i *Installation) note() error {
	return node.Note(i.mount("persistent"), func(record *node.Record, now string) {
		record.FirstInstall, record.FirstInstallSource = now, i.Source.String()
	})
}
