package stage

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"text/template"
)

// identity is what the template of a host name may name, and no other template: so it is in yip 1.25, which Kairos
// uses (pkg/plugins/hostname.go).
type identity struct {
	MachineID   string
	ProtectedID string
	UUID        string
	Random      string
}

// fill puts what the system is (.Values) into a value that has a template in it;
// one that cannot be filled stays as it is, with a warning (yip, pkg/plugins/common.go).
func (r *Runner) fill(text string) string {
	return r.fillWith(text, map[string]any{"Values": values()})
}

// fillName fills the template of a host name.
func (r *Runner) fillName(text string) string { return r.fillWith(text, readIdentity()) }

func (r *Runner) fillWith(text string, data any) string {
	if !strings.Contains(text, "{{") {
		return text
	}
	parsed, err := template.New("").Funcs(template.FuncMap{"trunc": trunc}).Parse(text)
	if err != nil {
		r.say("warning: not a template that the stand-in knows, taken as it stands: %v", err)
		return text
	}
	var filled strings.Builder
	if err := parsed.Execute(&filled, data); err != nil {
		r.say("warning: template not filled, taken as it stands: %v", err)
		return text
	}
	return filled.String()
}

// values are a few of those that yip has, by its names.
func values() map[string]any {
	name, _ := os.Hostname()
	return map[string]any{"node": map[string]any{"hostname": name, "machineid": machineID()}}
}

func readIdentity() identity {
	return identity{MachineID: machineID(), ProtectedID: random(32), UUID: random(16), Random: random(16)}
}

func machineID() string {
	machine, _ := os.ReadFile("/etc/machine-id")
	return strings.TrimSpace(string(machine))
}

func random(size int) string {
	data := make([]byte, size)
	_, _ = rand.Read(data)
	return hex.EncodeToString(data)
}

func trunc(size int, text string) (string, error) {
	if size < 0 {
		return "", fmt.Errorf("trunc %d: less than nothing", size)
	}
	return text[:min(size, len(text))], nil
}
