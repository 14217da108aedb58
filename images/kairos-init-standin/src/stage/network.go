package stage

import (
	"os"
	"path/filepath"
	"sort"
	"strings"

	"standin/cloudconfig"
	"standin/sys"
)

// timesyncdFile is where yip keeps what a step says of timesyncd.
const timesyncdFile = "/etc/systemd/timesyncd.conf.d/10-yip.conf"

// dns writes the resolver's file whole, as yip does: whoever looks after that file later writes it anew.
func (r *Runner) dns(wanted cloudconfig.DNS) error {
	if len(wanted.Nameservers) == 0 {
		return nil
	}
	path := wanted.Path
	if path == "" {
		path = "/etc/resolv.conf"
	}
	return os.WriteFile(path, []byte(resolver(wanted)), 0o644)
}

func resolver(wanted cloudconfig.DNS) string {
	var text strings.Builder
	if len(wanted.Search) > 0 {
		text.WriteString("search " + strings.Join(wanted.Search, " ") + "\n")
	}
	for _, server := range wanted.Nameservers {
		text.WriteString("nameserver " + server + "\n")
	}
	if len(wanted.Options) > 0 {
		text.WriteString("options " + strings.Join(wanted.Options, " ") + "\n")
	}
	return text.String()
}

// timesyncd merges keys into section Time of a drop-in; a later step wins.
func (r *Runner) timesyncd(path string, values map[string]string) error {
	if len(values) == 0 {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	keys := settings(path)
	for name, value := range values {
		keys[name] = value
	}
	lines := []string{"[Time]"}
	for name, value := range keys {
		lines = append(lines, name+"="+value)
	}
	sort.Strings(lines[1:])
	return sys.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o644)
}

// settings are the keys of a drop-in; a file that is not there has none.
func settings(path string) map[string]string {
	keys := map[string]string{}
	data, _ := os.ReadFile(path)
	for _, line := range strings.Split(string(data), "\n") {
		if name, value, found := strings.Cut(line, "="); found {
			keys[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	return keys
}
