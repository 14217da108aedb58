// Package nodeconfig is the agent's configuration: the merged cloud-configs,
// and what install, upgrade and reset read of them.
package nodeconfig

import (
	"fmt"
	"os"
	"reflect"
	"strings"

	"gopkg.in/yaml.v3"

	"standin/cloudconfig"
)

// Dirs are merged in this order; later ones win.
var Dirs = []string{"/run/initramfs/live", "/etc/kairos", "/usr/local/cloud-config", "/oem"}

// Merged is the configuration as one tree, and the files it came from.
type Merged struct {
	Tree    map[string]any
	Sources []string
}

// Collect merges all files of the directories that have a header.
func Collect(root string, dirs []string) Merged {
	merged := Merged{Tree: map[string]any{}}
	for _, dir := range dirs {
		for _, path := range cloudconfig.YAMLFiles(root, dir) {
			if err := merged.add(path); err != nil {
				fmt.Fprintf(os.Stderr, "skipping %s: %v\n", path, err)
			}
		}
	}
	return merged
}

// File reads one file, which must have a header.
func File(path string) (Merged, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Merged{}, err
	}
	return Text(path, data)
}

// Text reads one configuration that came from a file or a URL.
func Text(source string, data []byte) (Merged, error) {
	merged := Merged{Tree: map[string]any{}, Sources: []string{source}}
	if _, err := cloudconfig.Parse(source, string(data), false); err != nil {
		return merged, err
	}
	if err := yaml.Unmarshal(data, &merged.Tree); err != nil {
		return merged, fmt.Errorf("%s: %w", source, err)
	}
	return merged, nil
}

// With merges another configuration over this one.
func (m Merged) With(later Merged) Merged {
	merge(m.Tree, later.Tree)
	m.Sources = append(m.Sources, later.Sources...)
	return m
}

func (m *Merged) add(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if len(data) > cloudconfig.MaxSize || cloudconfig.FindHeader(string(data)) == cloudconfig.NoHeader {
		return nil
	}
	values := map[string]any{}
	if err := yaml.Unmarshal(data, &values); err != nil {
		return err
	}
	merge(m.Tree, values)
	m.Sources = append(m.Sources, path)
	return nil
}

// Render writes the configuration as one file, with its header and sources.
func (m Merged) Render() (string, error) {
	text := string(cloudconfig.CloudConfig) + "\n"
	if len(m.Sources) > 0 {
		text += "# Sources:\n"
		for _, source := range m.Sources {
			text += "# - " + strings.ReplaceAll(source, "\n", " ") + "\n"
		}
	}
	body, err := YAML(m.Tree)
	return text + body, err
}

// YAML prints a value as the real agent does, with an indent of four.
func YAML(value any) (string, error) {
	var text strings.Builder
	encoder := yaml.NewEncoder(&text)
	encoder.SetIndent(4)
	err := encoder.Encode(value)
	return text.String(), err
}

// merge deep-merges maps, concatenates lists of maps and unions other lists.
func merge(into, from map[string]any) {
	for key, value := range from {
		into[key] = mergeValue(into[key], value)
	}
}

func mergeValue(old, fresh any) any {
	switch value := fresh.(type) {
	case map[string]any:
		if before, ok := old.(map[string]any); ok {
			merge(before, value)
			return before
		}
	case []any:
		if before, ok := old.([]any); ok {
			return mergeList(before, value)
		}
	}
	return fresh
}

func mergeList(before, fresh []any) []any {
	for _, item := range fresh {
		if _, isMap := item.(map[string]any); !isMap && holds(before, item) {
			continue
		}
		before = append(before, item)
	}
	return before
}

func holds(list []any, wanted any) bool {
	for _, item := range list {
		if reflect.DeepEqual(item, wanted) {
			return true
		}
	}
	return false
}
