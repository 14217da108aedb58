package nodeconfig

import (
	"errors"
	"fmt"
	"os"
	"sort"

	"gopkg.in/yaml.v3"

	"standin/brand"
	"standin/cloudconfig"
)

// Config are the keys of the configuration that the agent acts on.
type Config struct {
	Install   Install `yaml:"install"`
	Upgrade   Upgrade `yaml:"upgrade"`
	Reset     Reset   `yaml:"reset"`
	Strict    bool    `yaml:"strict"`
	Cosign    bool    `yaml:"cosign"`
	CosignKey string  `yaml:"cosign-key"`
	// NoUsers is the file /etc/kairos/.nousers or install.nousers.
	NoUsers bool `yaml:"-"`
	// Admin is whether some stage makes a user of group admin.
	Admin bool `yaml:"-"`
}

// Install is the key of that name; sizes are MiB.
type Install struct {
	Auto            bool              `yaml:"auto"`
	Device          string            `yaml:"device"`
	Reboot          bool              `yaml:"reboot"`
	Poweroff        bool              `yaml:"poweroff"`
	Source          string            `yaml:"source"`
	Image           string            `yaml:"image"`
	NoUsers         bool              `yaml:"nousers"`
	Partitions      map[string]Size   `yaml:"partitions"`
	System          System            `yaml:"system"`
	RecoverySystem  System            `yaml:"recovery-system"`
	GrubEntryName   string            `yaml:"grub-entry-name"`
	GrubOptions     map[string]string `yaml:"grub_options"`
	BindMounts      []string          `yaml:"bind_mounts"`
	EphemeralMounts []string          `yaml:"ephemeral_mounts"`
	ExtraDirs       []string          `yaml:"extra-dirs-rootfs"`
	AllowInsecure   bool              `yaml:"allow-insecure-registries"`
}

// Size is how large a partition is, in MiB, and with which file system.
type Size struct {
	Size int    `yaml:"size"`
	FS   string `yaml:"fs"`
}

// System names the image of a system and its size in MiB.
type System struct {
	Size int    `yaml:"size"`
	URI  string `yaml:"uri"`
}

// Upgrade is the key of that name.
type Upgrade struct {
	System         System `yaml:"system"`
	RecoverySystem System `yaml:"recovery-system"`
	Reboot         bool   `yaml:"reboot"`
	Poweroff       bool   `yaml:"poweroff"`
	Recovery       bool   `yaml:"recovery"`
	AllowInsecure  bool   `yaml:"allow-insecure-registries"`
}

// Reset is the key of that name.
type Reset struct {
	Reboot          bool `yaml:"reboot"`
	Poweroff        bool `yaml:"poweroff"`
	ResetOEM        bool `yaml:"reset-oem"`
	ResetPersistent bool `yaml:"reset-persistent"`
}

// refused are keys of `install` whose wish cannot be met here.
var refused = []string{"no-format", "encrypted_partitions", "bundles", "extra-partitions", "iso", "ssh_hardening", "env"}

// noUsersFile switches the check for an admin user off.
const noUsersFile = "/etc/kairos/.nousers"

// Decode reads the agent's keys out of the tree.
func (m Merged) Decode() (Config, error) {
	text, err := yaml.Marshal(m.Tree)
	if err != nil {
		return Config{}, err
	}
	var config Config
	if err := yaml.Unmarshal(text, &config); err != nil {
		return config, fmt.Errorf("configuration: %w", err)
	}
	install, _ := m.Tree["install"].(map[string]any)
	for _, key := range refused {
		if !empty(install[key]) {
			return config, brand.NotYet("install.%s", key)
		}
	}
	_, err = os.Stat(noUsersFile)
	config.NoUsers = config.Install.NoUsers || err == nil
	config.Admin = m.hasAdmin(text)
	return config, nil
}

func empty(value any) bool {
	switch typed := value.(type) {
	case nil:
		return true
	case bool:
		return !typed
	case string:
		return typed == ""
	case []any:
		return len(typed) == 0
	case map[string]any:
		return len(typed) == 0
	}
	return false
}

// hasAdmin looks in users and in every stage for a user of group admin.
func (m Merged) hasAdmin(text []byte) bool {
	document, err := cloudconfig.Parse("merged", string(cloudconfig.CloudConfig)+"\n"+string(text), false)
	if err != nil {
		return false
	}
	for _, steps := range document.Stages {
		for _, step := range steps {
			for _, user := range step.Users {
				for _, group := range append(user.Groups, user.PrimaryGroup) {
					if group == "admin" {
						return true
					}
				}
			}
		}
	}
	return false
}

// ErrNoAdmin is why install, upgrade and reset do not run.
var ErrNoAdmin = errors.New("no user of group admin is defined in any stage of the configuration, so nobody could log in; " +
	"define one, or set install.nousers: true")

// CheckAdmin refuses a node on which nobody could log in.
func (c Config) CheckAdmin() error {
	if c.Admin || c.NoUsers {
		return nil
	}
	return ErrNoAdmin
}

// SortedOptions are the GRUB options in a fixed order.
func (i Install) SortedOptions() [][2]string {
	var pairs [][2]string
	for name, value := range i.GrubOptions {
		pairs = append(pairs, [2]string{name, value})
	}
	sort.Slice(pairs, func(a, b int) bool { return pairs[a][0] < pairs[b][0] })
	return pairs
}
