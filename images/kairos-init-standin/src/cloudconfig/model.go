// Package cloudconfig reads Kairos cloud-config files into stages and steps.
package cloudconfig

import "gopkg.in/yaml.v3"

// Document is one cloud-config file, parsed, and the directory that was read.
type Document struct {
	Dir      string
	Path     string
	Stages   map[string][]Step
	Warnings []string
}

// Step is one entry of a stage; its fields are the step keys that are run.
type Step struct {
	Name            string              `yaml:"name"`
	If              string              `yaml:"if"`
	Directories     []Directory         `yaml:"directories"`
	Files           []File              `yaml:"files"`
	Commands        []string            `yaml:"commands"`
	Hostname        string              `yaml:"hostname"`
	Sysctl          map[string]string   `yaml:"sysctl"`
	Users           Users               `yaml:"users"`
	AuthorizedKeys  map[string][]string `yaml:"authorized_keys"`
	Modules         []string            `yaml:"modules"`
	Systemctl       Systemctl           `yaml:"systemctl"`
	Environment     map[string]string   `yaml:"environment"`
	EnvironmentFile string              `yaml:"environment_file"`
	Datasource      Datasource          `yaml:"datasource"`
	Layout          Layout              `yaml:"layout"`
	DNS             DNS                 `yaml:"dns"`
	Timesyncd       map[string]string   `yaml:"timesyncd"`

	// Warnings tell of step keys that will not be run.
	Warnings []string `yaml:"-"`
}

// Directory is made if missing; Owner and Group are numbers.
type Directory struct {
	Path        string `yaml:"path"`
	Permissions uint32 `yaml:"permissions"`
	Owner       int    `yaml:"owner"`
	Group       int    `yaml:"group"`
}

// File is written whole. yip's README calls its key owner_string, its reader knows ownerstring alone. OwnerString ("user:group") wins over the numbers.
type File struct {
	Path        string `yaml:"path"`
	Permissions uint32 `yaml:"permissions"`
	Owner       int    `yaml:"owner"`
	Group       int    `yaml:"group"`
	OwnerString string `yaml:"ownerstring"`
	Content     string `yaml:"content"`
	Encoding    string `yaml:"encoding"`
}

// User is an account to make, or to change when it is there.
type User struct {
	Name              string   `yaml:"name"`
	Passwd            string   `yaml:"passwd"`
	SSHAuthorizedKeys []string `yaml:"ssh_authorized_keys"`
	Groups            []string `yaml:"groups"`
	PrimaryGroup      string   `yaml:"primary_group"`
	Homedir           string   `yaml:"homedir"`
	Shell             string   `yaml:"shell"`
	UID               string   `yaml:"uid"`
	Gecos             string   `yaml:"gecos"`
	LockPasswd        bool     `yaml:"lock_passwd"`
	NoCreateHome      bool     `yaml:"no_create_home"`
	NoUserGroup       bool     `yaml:"no_user_group"`
	System            bool     `yaml:"system"`
	NoLogInit         bool     `yaml:"no_log_init"`
}

// Systemctl holds what to do with which units.
type Systemctl struct {
	Enable    []string   `yaml:"enable"`
	Disable   []string   `yaml:"disable"`
	Start     []string   `yaml:"start"`
	Mask      []string   `yaml:"mask"`
	Overrides []Override `yaml:"overrides"`
}

// Override is a drop-in of a unit.
type Override struct {
	Service string `yaml:"service"`
	Name    string `yaml:"name"`
	Content string `yaml:"content"`
}

// Datasource says where user data may come from and where it is kept.
type Datasource struct {
	Providers []string `yaml:"providers"`
	Path      string   `yaml:"path"`
}

// DNS is what resolv.conf, or the file of Path, holds.
type DNS struct {
	Nameservers []string `yaml:"nameservers"`
	Search      []string `yaml:"search"`
	Options     []string `yaml:"options"`
	Path        string   `yaml:"path"`
}

// Layout says how the partitions of a disk change; sizes are MiB, 0 is all that is left.
type Layout struct {
	Device struct {
		Label    string `yaml:"label"`
		Path     string `yaml:"path"`
		InitDisk bool   `yaml:"init_disk"`
	} `yaml:"device"`
	Expand *Expand     `yaml:"expand_partition"`
	Parts  []yaml.Node `yaml:"add_partitions"`
}

// Expand is how large the last partition becomes.
type Expand struct {
	Size uint64 `yaml:"size"`
}
