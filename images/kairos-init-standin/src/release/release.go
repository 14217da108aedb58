// Package release reads and writes /etc/kairos-release.
package release

import (
	"fmt"
	"os"
	"regexp"
	"sort"
	"strings"

	"standin/sys"
)

// Path is where a Kairos image keeps its release keys.
const Path = "/etc/kairos-release"

var number = regexp.MustCompile(`^[0-9]+$`)

// Render writes keys sorted, values quoted unless they are plain numbers, as
// the real kairos-init does.
func Render(keys map[string]string) string {
	names := make([]string, 0, len(keys))
	for name := range keys {
		names = append(names, name)
	}
	sort.Strings(names)
	var text strings.Builder
	for _, name := range names {
		fmt.Fprintf(&text, "%s=%s\n", name, quote(keys[name]))
	}
	return text.String()
}

func quote(value string) string {
	if number.MatchString(value) {
		return value
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`, "`", "\\`").Replace(value) + `"`
}

// Parse reads KEY=VALUE lines as os-release and kairos-release have them.
func Parse(text string) map[string]string {
	keys := map[string]string{}
	for _, line := range strings.Split(text, "\n") {
		name, value, found := strings.Cut(strings.TrimSpace(line), "=")
		if !found || strings.HasPrefix(name, "#") {
			continue
		}
		keys[name] = unquote(value)
	}
	return keys
}

func unquote(value string) string {
	if len(value) < 2 {
		return value
	}
	first, last := value[0], value[len(value)-1]
	if first == '\'' && last == '\'' {
		return value[1 : len(value)-1]
	}
	if first != '"' || last != '"' {
		return value
	}
	return strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\$`, `$`, "\\`", "`").Replace(value[1 : len(value)-1])
}

// Read parses a release file; a missing one gives no keys.
func Read(path string) map[string]string {
	data, err := os.ReadFile(path)
	if err != nil {
		return map[string]string{}
	}
	return Parse(string(data))
}

// Write replaces a release file with these keys.
func Write(path string, keys map[string]string) error {
	return sys.WriteFile(path, []byte(Render(keys)), 0o644)
}
