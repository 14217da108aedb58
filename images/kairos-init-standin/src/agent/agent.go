// Package agent is the stand-in's kairos-agent.
package agent

import (
	"fmt"
	"io"
	"os"
	"strings"

	"standin/brand"
)

type verb struct {
	help string
	run  func(args []string, out io.Writer) error
}

var verbs = map[string]verb{
	"manual-install": {"install the node: manual-install [--device auto|DISK] [--reboot|--poweroff] [--source TYPE:ADDRESS] FILE|URL", manualInstall},
	"install":        {"install the node as a configuration with install.auto: true says", autoInstall},
	"upgrade":        {"upgrade to another image: upgrade [--source TYPE:ADDRESS] [--recovery] [--allow-insecure-registries]", doUpgrade},
	"reset":          {"back to the recovery image, from recovery: reset [--unattended] [--reboot] [--reset-oem]", doReset},
	"bootentry":      {"list boot entries; bootentry --select ID takes one for the next boot", bootentry},
	"grubedit":       {"set GRUB's variables: grubedit set KEY=VALUE...", grubedit},
	"start":          {"what kairos-agent.service runs at each boot: start k0s in the role that the configuration enables", start},
	"version":        {"print the version", version},
	"state":          {"print the state of the node as YAML; state get PATH prints one value", state},
	"run-stage":      {"run a cloud-config stage: run-stage STAGE [--strict] [--cloud-init-paths DIR,DIR]", runStage},
	"config":         {"print the merged configuration; config get PATH prints one value", config},
	"validate":       {"check a cloud-config file: validate FILE", validate},
}

// order is that of the help.
var order = strings.Fields("manual-install install upgrade reset bootentry grubedit start version state run-stage config validate")

// later are the verbs of the real agent that are refused here.
var later = strings.Fields("interactive-install recovery " +
	"rotate sysext logs print-schema webui get-kubeconfig register bridge uuid")

// Main runs one verb and returns the exit code: 1 when it failed, 2 for bad usage.
func Main(args []string) int {
	for len(args) > 0 && args[0] == "--debug" {
		args = args[1:]
	}
	if len(args) == 0 || args[0] == "-h" || args[0] == "--help" || args[0] == "help" {
		fmt.Print(usage())
		return 0
	}
	name := strings.TrimPrefix(args[0], "--")
	if name == "v" || name == "-v" {
		name = "version"
	}
	for _, refused := range later {
		if name == refused {
			return fail(brand.NotYet("kairos-agent %s", name), 1)
		}
	}
	chosen, known := verbs[name]
	if !known {
		return fail(fmt.Errorf("unknown verb %q; see kairos-agent --help", args[0]), 2)
	}
	if err := chosen.run(args[1:], os.Stdout); err != nil {
		return fail(err, 1)
	}
	return 0
}

func fail(err error, code int) int {
	fmt.Fprintf(os.Stderr, "kairos-agent (%s): %v\n", brand.Name, err)
	return code
}

func usage() string {
	var text strings.Builder
	fmt.Fprintf(&text, "kairos-agent of the %s: %s\n\n", brand.Name, brand.Warning)
	for _, name := range order {
		fmt.Fprintf(&text, "  %-14s %s\n", name, verbs[name].help)
	}
	fmt.Fprintf(&text, "\nnot in the stand-in yet: %s\n", strings.Join(later, ", "))
	return text.String()
}

func version(_ []string, out io.Writer) error {
	fmt.Fprintf(os.Stderr, "%s: %s\n", brand.Name, brand.Warning)
	_, err := fmt.Fprintf(out, "kairos %s\n", brand.Version)
	return err
}
