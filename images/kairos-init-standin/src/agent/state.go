package agent

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"standin/bootmode"
	"standin/nodeconfig"
	"standin/release"
	"standin/sys"
)

// Partition is one of the labelled partitions of an installed node.
type Partition struct {
	Mounted         bool   `yaml:"mounted"`
	Name            string `yaml:"name"`
	Label           string `yaml:"label"`
	FilesystemLabel string `yaml:"filesystemlabel"`
	MountPoint      string `yaml:"mount_point"`
	SizeBytes       uint64 `yaml:"size_bytes"`
	Type            string `yaml:"type"`
	ReadOnly        bool   `yaml:"read_only"`
	Found           bool   `yaml:"found"`
	UUID            string `yaml:"uuid"`
}

// State is what `kairos-agent state` prints, in Kairos's order of keys.
type State struct {
	UUID       string         `yaml:"uuid"`
	Persistent Partition      `yaml:"persistent"`
	Recovery   Partition      `yaml:"recovery"`
	OEM        Partition      `yaml:"oem"`
	State      Partition      `yaml:"state"`
	Boot       string         `yaml:"boot"`
	InRAM      bool           `yaml:"in_ram"`
	System     map[string]any `yaml:"system"`
	Kairos     Kairos         `yaml:"kairos"`
	Addresses  []string       `yaml:"addresses"`
}

// Kairos is the state's part about the image.
type Kairos struct {
	Flavor     string `yaml:"flavor"`
	Version    string `yaml:"version"`
	Init       string `yaml:"init"`
	SecureBoot bool   `yaml:"secureboot"`
	EFICerts   string `yaml:"eficerts"`
}

func state(args []string, out io.Writer) error {
	text, err := nodeconfig.YAML(gather())
	if err != nil {
		return err
	}
	if len(args) == 0 {
		_, err = io.WriteString(out, text)
		return err
	}
	path := args[0]
	if path == "get" {
		if len(args) < 2 {
			return errors.New("state get wants a path such as boot or kairos.version")
		}
		path = args[1]
		return printLeaf(text, path, out)
	}
	// The real agent prints everything for any other word; its own tests say `state boot`.
	_, err = io.WriteString(out, text)
	return err
}

// printLeaf prints a scalar raw and without a newline, a map in Go's own form.
func printLeaf(text, path string, out io.Writer) error {
	var tree any
	if err := yaml.Unmarshal([]byte(text), &tree); err != nil {
		return err
	}
	value, err := dig(tree, path)
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(out, value)
	return err
}

// dig follows names and list indices between dots.
func dig(tree any, path string) (any, error) {
	for _, word := range strings.Split(strings.TrimPrefix(path, "."), ".") {
		switch node := tree.(type) {
		case map[string]any:
			tree = node[word]
		case []any:
			index, err := strconv.Atoi(word)
			if err != nil || index < 0 || index >= len(node) {
				return nil, fmt.Errorf("%s: no element %q", path, word)
			}
			tree = node[index]
		default:
			return nil, fmt.Errorf("%s: nothing below %q", path, word)
		}
	}
	return tree, nil
}

func gather() State {
	line := bootmode.CommandLine()
	keys := release.Read(release.Path)
	return State{
		UUID:       readTrimmed("/sys/class/dmi/id/product_uuid"),
		Persistent: partition("COS_PERSISTENT"),
		Recovery:   partition("COS_RECOVERY"),
		OEM:        partition("COS_OEM"),
		State:      partition("COS_STATE"),
		Boot:       string(bootmode.FromCommandLine(line)),
		InRAM:      bootmode.InRAM(line),
		System:     systemInfo(),
		Kairos: Kairos{
			Flavor: keys["KAIROS_FLAVOR"], Version: keys["KAIROS_VERSION"], Init: "systemd", SecureBoot: secureBoot(),
		},
		Addresses: addresses(),
	}
}

func readTrimmed(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

func partition(label string) Partition {
	volume, found := findVolume(label)
	if !found {
		return Partition{}
	}
	sectors, _ := strconv.ParseUint(readTrimmed(filepath.Join("/sys/class/block", filepath.Base(volume.Device), "size")), 10, 64)
	result := Partition{
		Name: volume.Device, FilesystemLabel: label, Type: volume.Type, Found: true, SizeBytes: sectors * 512,
		Label: linkTo("/dev/disk/by-partlabel", volume.Device), UUID: linkTo("/dev/disk/by-partuuid", volume.Device),
	}
	mounts, _ := sys.Mounts()
	for _, mount := range mounts {
		// Its root: a bind mount of one of its directories says nothing of the whole.
		if mount.Source == volume.Device && mount.Root == "/" {
			result.Mounted, result.MountPoint, result.ReadOnly = true, mount.Point, mount.ReadOnly()
			break
		}
	}
	return result
}

// linkTo names the symlink of a directory that leads to a device.
func linkTo(dir, device string) string {
	entries, _ := os.ReadDir(dir)
	for _, entry := range entries {
		if target, err := filepath.EvalSymlinks(filepath.Join(dir, entry.Name())); err == nil && target == device {
			return entry.Name()
		}
	}
	return ""
}

// secureBoot reads the last byte of the EFI variable.
func secureBoot() bool {
	data, err := os.ReadFile("/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c")
	return err == nil && len(data) > 0 && data[len(data)-1] == 1
}

func addresses() []string {
	found := []string{}
	all, _ := net.InterfaceAddrs()
	for _, address := range all {
		if ip, ok := address.(*net.IPNet); ok && ip.IP.IsGlobalUnicast() {
			found = append(found, ip.IP.String())
		}
	}
	return found
}

func systemInfo() map[string]any {
	osRelease := release.Read("/etc/os-release")
	hostname, _ := os.Hostname()
	return map[string]any{
		"node":    map[string]any{"hostname": hostname, "machineid": readTrimmed("/etc/machine-id")},
		"os":      map[string]any{"name": osRelease["PRETTY_NAME"], "vendor": osRelease["ID"], "version": osRelease["VERSION_ID"]},
		"kernel":  map[string]any{"release": readTrimmed("/proc/sys/kernel/osrelease"), "version": readTrimmed("/proc/sys/kernel/version")},
		"product": map[string]any{"name": readTrimmed("/sys/class/dmi/id/product_name"), "vendor": readTrimmed("/sys/class/dmi/id/sys_vendor")},
		"cpu":     map[string]any{"model": procField("/proc/cpuinfo", "model name")},
		"memory":  map[string]any{"total": procField("/proc/meminfo", "MemTotal")},
	}
}

// procField finds "name : value" in a file of /proc.
func procField(path, name string) string {
	for _, line := range strings.Split(readTrimmed(path), "\n") {
		if key, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
