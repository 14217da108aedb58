package cloudconfig

import (
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"

	"standin/brand"
)

// MaxSize is the size in bytes above which Kairos does not read a file.
const MaxSize = 1 << 20

// Header is the first comment line that makes a file a cloud-config.
type Header string

// The three headers that Kairos reads.
const (
	CloudConfig  Header = "#cloud-config"
	KairosConfig Header = "#kairos-config"
	NodeConfig   Header = "#node-config"
	NoHeader     Header = ""
)

// FindHeader looks for a header in the first ten lines.
func FindHeader(text string) Header {
	for number, line := range strings.SplitN(text, "\n", 11) {
		if number == 10 {
			break
		}
		switch header := Header(strings.TrimSpace(line)); header {
		case CloudConfig, KairosConfig, NodeConfig:
			return header
		}
	}
	return NoHeader
}

// Parse reads one file. Files of the system directory need no header and are
// stages only; all others need one.
func Parse(path, text string, system bool) (Document, error) {
	document := Document{Path: path, Stages: map[string][]Step{}}
	header := FindHeader(text)
	if len(text) > MaxSize {
		return document, fmt.Errorf("%s: larger than %d bytes", path, MaxSize)
	}
	if strings.HasPrefix(text, "#!") {
		return document, fmt.Errorf("%s: %w", path, brand.NotYet("user data that is a script"))
	}
	if !system && header == NoHeader {
		return document, fmt.Errorf("%s: missing #cloud-config header", path)
	}
	var body struct {
		Stages map[string][]Step `yaml:"stages"`
	}
	failure := yaml.Unmarshal([]byte(text), &body)
	if failure == nil {
		for name, steps := range body.Stages {
			document.Stages[name] = steps
		}
	}
	if header != CloudConfig {
		return document, within(path, failure)
	}
	var legacy Legacy
	if err := yaml.Unmarshal([]byte(text), &legacy); err != nil {
		return document, within(path, err)
	}
	// yip reads cloud-init's keys first and then hopes for stages: ones that do not fit are lost without a word of its
	// own. Here the log has it at least.
	if failure != nil {
		document.Warnings = append(document.Warnings, fmt.Sprintf("its stages are not run: %v", failure))
	}
	return document, within(path, document.addLegacy(legacy))
}

func within(path string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", path, err)
}
