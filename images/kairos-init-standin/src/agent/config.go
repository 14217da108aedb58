package agent

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"gopkg.in/yaml.v3"

	"standin/brand"
	"standin/cloudconfig"
	"standin/nodeconfig"
)

func config(args []string, out io.Writer) error {
	merged := nodeconfig.Collect("/", nodeconfig.Dirs)
	if len(args) == 0 {
		text, err := merged.Render()
		if err != nil {
			return err
		}
		_, err = io.WriteString(out, text)
		return err
	}
	if args[0] != "get" || len(args) != 2 {
		return errors.New("config takes nothing, or get PATH")
	}
	value, err := dig(any(merged.Tree), args[1])
	if err != nil {
		return err
	}
	text, err := nodeconfig.YAML(value)
	if err != nil {
		return err
	}
	_, err = io.WriteString(out, text)
	return err
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
