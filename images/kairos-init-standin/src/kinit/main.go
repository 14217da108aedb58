package kinit

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"standin/brand"
	"standin/release"
	"standin/sys"
)

// Main runs kairos-init and returns the exit code: 1 failed, 2 bad usage.
func Main(args []string) int {
	if len(args) > 0 {
		switch args[0] {
		case "version":
			fmt.Printf("%s %s (%s)\n", brand.Name, brand.Version, brand.Warning)
			return 0
		case "steps-info":
			printSteps(os.Stdout)
			return 0
		case "validate":
			return tell(Validate("/"), 1)
		}
	}
	options, err := ParseOptions(args, os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		return tell(err, 2)
	}
	return tell(run(options), 1)
}

func tell(err error, code int) int {
	if err == nil {
		return 0
	}
	fmt.Fprintf(os.Stderr, "%s: %v\n", brand.Name, err)
	return code
}

func printSteps(out io.Writer) {
	fmt.Fprintf(out, "%s: steps, in order\n", brand.Name)
	for _, step := range allSteps() {
		fmt.Fprintf(out, "%-8s %-17s %s\n", step.Stage, step.Name, step.Help)
	}
	fmt.Fprintln(out, "--skip-step also takes install and init, the whole stages")
}

func run(options Options) error {
	distro, err := readDistro("/etc/os-release")
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%s %s: %s\n", brand.Name, brand.Version, brand.Warning)
	build := &Build{Options: options, Distro: distro}
	var done []string
	for _, step := range allSteps() {
		if !options.wants(step) {
			continue
		}
		start := time.Now()
		if err := step.run(build); err != nil {
			return fmt.Errorf("step %s: %w", step.Name, err)
		}
		fmt.Fprintf(os.Stderr, "%s: %s/%s done in %.1f s\n", brand.Name, step.Stage, step.Name, time.Since(start).Seconds())
		done = append(done, step.Stage+"/"+step.Name)
	}
	return writeTrace(options.Stage, done)
}

func (o Options) wants(step Step) bool {
	if o.Stage != "all" && o.Stage != step.Stage {
		return false
	}
	return !o.Skip[strings.ToLower(step.Name)] && !o.Skip[step.Stage]
}

// writeTrace leaves the list of steps that ran, as the real program does.
func writeTrace(stage string, done []string) error {
	var text strings.Builder
	fmt.Fprintf(&text, "# written by the %s\nsteps:\n", brand.Name)
	for _, name := range done {
		fmt.Fprintf(&text, "  - %s\n", name)
	}
	return sys.WriteFile(filepath.Join("/etc/kairos", "kairos-init-"+stage+"-stage.yaml"), []byte(text.String()), 0o644)
}

// Distro is what os-release tells.
type Distro struct{ ID, Version string }

func readDistro(path string) (Distro, error) {
	keys := release.Read(path)
	distro := Distro{ID: keys["ID"], Version: keys["VERSION_ID"]}
	if distro.ID == "" {
		return distro, fmt.Errorf("%s names no distribution", path)
	}
	if distro.ID != "debian" {
		return distro, brand.NotYet("distribution %q; only debian. Kairos's own kairos-init does the others", distro.ID)
	}
	if distro.Version == "" {
		return distro, fmt.Errorf("%s has no VERSION_ID", path)
	}
	return distro, nil
}
