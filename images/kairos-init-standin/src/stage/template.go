package stage

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"text/template"
)

// facts are what a template may name.
type facts struct {
	MachineID string
	Random    string
}

// fill puts facts into a value that has a template in it; a value that is no
// valid template stays as it is, with a warning.
func (r *Runner) fill(text string) string {
	if !strings.Contains(text, "{{") {
		return text
	}
	parsed, err := template.New("").Funcs(template.FuncMap{"trunc": trunc}).Parse(text)
	if err != nil {
		r.say("warning: not a template that the stand-in knows, taken as it stands: %v", err)
		return text
	}
	var filled strings.Builder
	if err := parsed.Execute(&filled, readFacts()); err != nil {
		r.say("warning: template not filled, taken as it stands: %v", err)
		return text
	}
	return filled.String()
}

func readFacts() facts {
	machine, _ := os.ReadFile("/etc/machine-id")
	random := make([]byte, 16)
	_, _ = rand.Read(random)
	return facts{MachineID: strings.TrimSpace(string(machine)), Random: hex.EncodeToString(random)}
}

func trunc(size int, text string) (string, error) {
	if size < 0 {
		return "", fmt.Errorf("trunc %d: less than nothing", size)
	}
	return text[:min(size, len(text))], nil
}
