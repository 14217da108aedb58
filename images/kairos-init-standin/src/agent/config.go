package agent

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"

	"gopkg.in/yaml.v3"

	"standin/brand"
	"standin/cloudconfig"
)

// configDirs are merged in this order; later ones win.
var configDirs = []string{"/run/initramfs/live", "/etc/kairos", "/usr/local/cloud-config", "/oem"}

func config(args []string, out io.Writer) error {
	merged := collect("/", configDirs)
	if len(args) == 0 {
		text, err := yamlOf(merged)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(out, "%s\n%s", cloudconfig.CloudConfig, text)
		return err
	}
	if args[0] != "get" || len(args) != 2 {
		return errors.New("config takes nothing, or get PATH")
	}
	value, err := dig(any(merged), args[1])
	if err != nil {
		return err
	}
	text, err := yamlOf(value)
	if err != nil {
		return err
	}
	_, err = io.WriteString(out, text)
	return err
}

// collect merges all files that have a header.
func collect(root string, dirs []string) map[string]any {
	merged := map[string]any{}
	for _, dir := range dirs {
		for _, path := range cloudconfig.YAMLFiles(root, dir) {
			data, err := os.ReadFile(path)
			if err != nil || len(data) > cloudconfig.MaxSize || cloudconfig.FindHeader(string(data)) == cloudconfig.NoHeader {
				continue
			}
			values := map[string]any{}
			if err := yaml.Unmarshal(data, &values); err != nil {
				fmt.Fprintf(os.Stderr, "skipping %s: %v\n", path, err)
				continue
			}
			merge(merged, values)
		}
	}
	return merged
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

// validate reads a file as the stage runner would and asks for users.
func validate(args []string, _ io.Writer) error {
	if len(args) != 1 {
		return errors.New("validate wants one file")
	}
	if strings.Contains(args[0], "://") {
		return brand.NotYet("validate of a URL")
	}
	data, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	document, err := cloudconfig.Parse(args[0], string(data), false)
	if err != nil {
		return err
	}
	var keys map[string]any
	if err := yaml.Unmarshal(data, &keys); err != nil {
		return err
	}
	if users, _ := keys["users"].([]any); len(users) == 0 {
		return errors.New("missing properties: 'users'")
	}
	return firstUnknown(document)
}

func firstUnknown(document cloudconfig.Document) error {
	for name, steps := range document.Stages {
		for _, step := range steps {
			for _, warning := range step.Warnings {
				return fmt.Errorf("stage %s: %s", name, warning)
			}
		}
	}
	return nil
}
