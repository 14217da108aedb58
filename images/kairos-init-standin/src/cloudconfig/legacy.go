package cloudconfig

import (
	"fmt"
	"strconv"
)

// Legacy are the keys that cloud-init knows too and Kairos turns into stages.
type Legacy struct {
	Users             []User      `yaml:"users"`
	SSHAuthorizedKeys []string    `yaml:"ssh_authorized_keys"`
	WriteFiles        []WriteFile `yaml:"write_files"`
	Hostname          string      `yaml:"hostname"`
	RunCmd            []string    `yaml:"runcmd"`
	Growpart          Growpart    `yaml:"growpart"`
}

// Growpart names disks whose last partition takes the room behind it.
type Growpart struct {
	Mode    string   `yaml:"mode"`
	Devices []string `yaml:"devices"`
}

// WriteFile is cloud-init's form of a file: permissions are an octal string.
type WriteFile struct {
	Path        string `yaml:"path"`
	Content     string `yaml:"content"`
	Owner       string `yaml:"owner"`
	Permissions string `yaml:"permissions"`
	Encoding    string `yaml:"encoding"`
}

// addLegacy puts the keys into the stages where Kairos has them: hostname in
// initramfs, all else in boot, that is after sshd and at every boot.
func (d *Document) addLegacy(keys Legacy) error {
	if keys.Hostname != "" {
		d.add("initramfs", Step{Name: "hostname", Hostname: keys.Hostname})
	}
	if len(keys.Users) > 0 {
		d.add("boot", Step{Name: "users", Users: keys.Users})
	}
	if len(keys.SSHAuthorizedKeys) > 0 {
		d.add("boot", Step{Name: "ssh_authorized_keys", AuthorizedKeys: keys.keysByUser()})
	}
	if len(keys.WriteFiles) > 0 {
		step, err := writeFiles(keys.WriteFiles)
		if err != nil {
			return err
		}
		d.add("boot", step)
	}
	if len(keys.RunCmd) > 0 {
		d.add("boot", Step{Name: "runcmd", Commands: keys.RunCmd})
	}
	for _, device := range keys.Growpart.Devices {
		step := Step{Name: "growpart " + device}
		step.Layout.Device.Path, step.Layout.Expand = device, &Expand{}
		d.add("boot", step)
	}
	return nil
}

func (d *Document) add(stage string, step Step) {
	d.Stages[stage] = append(d.Stages[stage], step)
}

func (keys Legacy) keysByUser() map[string][]string {
	byUser := map[string][]string{}
	for _, user := range keys.Users {
		byUser[user.Name] = keys.SSHAuthorizedKeys
	}
	if len(byUser) == 0 {
		byUser["root"] = keys.SSHAuthorizedKeys
	}
	return byUser
}

// writeFiles fails for permissions that are not octal, and with it the whole file, as yip does.
func writeFiles(files []WriteFile) (Step, error) {
	step := Step{Name: "write_files"}
	for _, file := range files {
		mode, err := parseMode(file.Permissions)
		if err != nil {
			return step, fmt.Errorf("write_files %s: %w", file.Path, err)
		}
		step.Files = append(step.Files, File{
			Path: file.Path, Content: file.Content, Permissions: mode, OwnerString: file.Owner, Encoding: file.Encoding,
		})
	}
	return step, nil
}

func parseMode(text string) (uint32, error) {
	if text == "" {
		return 0o644, nil
	}
	mode, err := strconv.ParseUint(text, 8, 32)
	if err != nil {
		return 0o644, fmt.Errorf("permissions %q are not octal", text)
	}
	return uint32(mode), nil
}
