package agent

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"standin/bootmode"
	"standin/brand"
	"standin/cloudconfig"
	"standin/immucore"
	"standin/stage"
	"standin/sys"
)

type stageOptions struct {
	name   string
	strict bool
	dirs   []string
}

func parseStage(args []string) (stageOptions, error) {
	options := stageOptions{dirs: cloudconfig.Dirs}
	for index := 0; index < len(args); index++ {
		name, value, inline := strings.Cut(args[index], "=")
		switch name {
		case "--strict", "-s":
			options.strict = true
		case "--cloud-init-paths", "--override-cloud-init-paths":
			if !inline {
				if index++; index == len(args) {
					return options, fmt.Errorf("%s wants a directory", name)
				}
				value = args[index]
			}
			if name == "--cloud-init-paths" {
				value = strings.Join(cloudconfig.Dirs, ",") + "," + value
			}
			options.dirs = strings.Split(value, ",")
		case "--analyze", "-a":
			return options, brand.NotYet("run-stage --analyze")
		default:
			if strings.HasPrefix(name, "-") || options.name != "" {
				return options, fmt.Errorf("run-stage: unexpected %q", args[index])
			}
			options.name = name
		}
	}
	if options.name == "" {
		return options, errors.New("run-stage: which stage? (rootfs, initramfs, fs, boot, network, reconcile ...)")
	}
	return options, nil
}

// runStage fails for a failed step only with --strict, as on Kairos.
func runStage(args []string, _ io.Writer) error {
	options, err := parseStage(args)
	if err != nil {
		return err
	}
	runner := stage.Runner{Dirs: options.dirs, Log: os.Stderr}
	if options.name == "fs" && !sys.Exists(immucore.Done) {
		if err := late(options.dirs); err != nil {
			return err
		}
	}
	if err := runner.Run(options.name); err != nil {
		if options.strict {
			return err
		}
		fmt.Fprintf(os.Stderr, "stage %s ended with errors; no --strict, so the exit code stays 0\n", options.name)
	}
	return nil
}

// late makes up for an initrd without immucore, such as a test harness's own:
// sentinel and stages rootfs and initramfs come first thing in stage fs.
func late(dirs []string) error {
	fmt.Fprintln(os.Stderr, "no immucore in this boot: running stages rootfs and initramfs now")
	if err := immucore.WriteSentinel("/run/cos", bootmode.FromCommandLine(bootmode.CommandLine())); err != nil {
		return err
	}
	runner := stage.Runner{Dirs: dirs, Log: os.Stderr, Chrooted: true}
	for _, name := range []string{"rootfs", "initramfs"} {
		if err := runner.Run(name); err != nil {
			fmt.Fprintf(os.Stderr, "stage %s: %v\n", name, err)
		}
	}
	return sys.WriteFile(immucore.Done, nil, 0o644)
}
