package cloudconfig

import (
	"fmt"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"standin/brand"
)

// Legacy are the keys that cloud-init knows too and Kairos turns into stages.
type Legacy struct {
	Users             []User      `yaml:"users"`
	SSHAuthorizedKeys []string    `yaml:"ssh_authorized_keys"`
	WriteFiles        []WriteFile `yaml:"write_files"`
	Hostname          string      `yaml:"hostname"`
	RunCmd            []string    `yaml:"runcmd"`
	Growpart          yaml.Node   `yaml:"growpart"`
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
func (d *Document) addLegacy(keys Legacy) {
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
		d.add("boot", d.writeFiles(keys.WriteFiles))
	}
	if len(keys.RunCmd) > 0 {
		d.add("boot", Step{Name: "runcmd", Commands: keys.RunCmd})
	}
	if !keys.Growpart.IsZero() {
		d.Warnings = append(d.Warnings, brand.NotYet("growpart; skipped").Error())
	}
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

func (d *Document) writeFiles(files []WriteFile) Step {
	step := Step{Name: "write_files"}
	for _, file := range files {
		mode, err := parseMode(file.Permissions)
		if err != nil {
			step.Warnings = append(step.Warnings, fmt.Sprintf("write_files %s: %v; 0644 taken", file.Path, err))
		}
		step.Files = append(step.Files, File{
			Path: file.Path, Content: file.Content, Permissions: mode, OwnerString: file.Owner, Encoding: file.Encoding,
		})
	}
	return step
}

func parseMode(text string) (uint32, error) {
	if text == "" {
		return 0o644, nil
	}
	mode, err := strconv.ParseUint(strings.TrimPrefix(text, "0o"), 8, 32)
	if err != nil {
		return 0o644, fmt.Errorf("permissions %q are not octal", text)
	}
	return uint32(mode), nil
}
