package immucore

import (
	"errors"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"
)

const sysfs = "/sys"

// alias is a line of modules.alias: devices whose name fits the pattern want this module.
type alias struct{ pattern, module string }

// parseAliases reads what depmod wrote. As for modprobe, - and _ are one letter in a module's name, not in a pattern.
func parseAliases(table string) []alias {
	var found []alias
	for _, line := range strings.Split(table, "\n") {
		words := strings.Fields(line)
		if len(words) == 3 && words[0] == "alias" {
			found = append(found, alias{pattern: words[1], module: strings.ReplaceAll(words[2], "-", "_")})
		}
	}
	return found
}

// coldplug loads the module of every device that is there and was not asked about before, as `udevadm trigger` makes
// udev do it. A driver may bring more devices (disks behind a controller), so it is called until what is sought is there.
// One module that cannot be loaded keeps none of the others from being loaded.
func (m *modules) coldplug(sysfs string) error {
	if m.aliases == nil {
		table, err := os.ReadFile(filepath.Join(m.dir, "modules.alias"))
		if err != nil {
			return err
		}
		m.aliases, m.asked = parseAliases(string(table)), map[string]bool{}
	}
	files, _ := filepath.Glob(filepath.Join(sysfs, "bus/*/devices/*/modalias"))
	sort.Strings(files)
	var failures []error
	for _, file := range files {
		data, err := os.ReadFile(file)
		name := strings.TrimSpace(string(data))
		if err != nil || name == "" || m.asked[name] {
			continue
		}
		m.asked[name] = true
		for _, module := range m.wanted(name) {
			if err := m.loadOne(module); err != nil {
				failures = append(failures, err)
			}
		}
	}
	return errors.Join(failures...)
}

// wanted names the modules of a device's alias; most have one, some several.
func (m *modules) wanted(name string) []string {
	var found []string
	for _, each := range m.aliases {
		if fits, err := path.Match(each.pattern, name); err == nil && fits {
			found = append(found, each.module)
		}
	}
	return found
}
