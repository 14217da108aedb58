package cloudconfig

import (
	"fmt"
	"sort"
	"strings"

	"gopkg.in/yaml.v3"

	"standin/brand"
)

var runKeys = words("name if directories files commands hostname sysctl users authorized_keys modules systemctl " +
	"environment environment_file datasource layout dns timesyncd <<")

// kairosKeys are known to Kairos and not run here.
var kairosKeys = words("downloads ensure_entities delete_entities node packages package_pins unpack_images after " +
	"systemd_firstboot git only_os only_os_version only_arch only_service_manager if_files")

func words(list string) map[string]bool {
	set := map[string]bool{}
	for _, word := range strings.Fields(list) {
		set[word] = true
	}
	return set
}

// UnmarshalYAML reads a step and notes each key that will not be run.
func (s *Step) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: a step is a mapping of step keys", node.Line)
	}
	type plain Step
	if err := node.Decode((*plain)(s)); err != nil {
		return err
	}
	s.Warnings = keyWarnings(node)
	return nil
}

func keyWarnings(node *yaml.Node) []string {
	var warnings []string
	for index := 0; index < len(node.Content); index += 2 {
		key := node.Content[index]
		switch {
		case runKeys[key.Value]:
		case kairosKeys[key.Value]:
			warnings = append(warnings, fmt.Sprintf("line %d: %v", key.Line, brand.NotYet("step key %q; skipped", key.Value)))
		default:
			warnings = append(warnings, fmt.Sprintf("line %d: unknown step key %q; skipped", key.Line, key.Value))
		}
	}
	return warnings
}

// Users are the accounts of a step, a map by name; the list of cloud-init is for the top level only, as with yip.
type Users []User

// UnmarshalYAML reads the map, sorted by name.
func (u *Users) UnmarshalYAML(node *yaml.Node) error {
	byName := map[string]User{}
	if err := node.Decode(&byName); err != nil {
		return err
	}
	for name, user := range byName {
		user.Name = name
		*u = append(*u, user)
	}
	sort.Slice(*u, func(a, b int) bool { return (*u)[a].Name < (*u)[b].Name })
	return nil
}
