package agent

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"standin/bootmode"
	"standin/brand"
	"standin/cloudconfig"
	"standin/durable"
	"standin/install"
	"standin/node"
	"standin/nodeconfig"
	"standin/source"
	"standin/sys"
)

// installFlags are what the command line says over the configuration.
type installFlags struct {
	device, source             string
	reboot, poweroff, defaults bool
	insecure                   bool
	file                       string
}

func parseInstall(verb string, args []string) (installFlags, error) {
	var flags installFlags
	set := newFlags(verb)
	set.StringVar(&flags.device, "device", "", "disk to install to")
	set.StringVar(&flags.source, "source", "", "where the system comes from; default: the live system")
	set.BoolVar(&flags.reboot, "reboot", false, "reboot afterwards")
	set.BoolVar(&flags.poweroff, "poweroff", false, "power off afterwards")
	set.BoolVar(&flags.defaults, "use-default-dirs", false, "read the usual configurations too")
	set.BoolVar(&flags.insecure, "allow-insecure-registries", false, "plain HTTP to the registry")
	rest, err := parseMixed(set, args)
	if err != nil {
		return flags, err
	}
	if verb == "manual-install" && len(rest) == 1 {
		flags.file = rest[0]
		return flags, nil
	}
	if verb == "manual-install" || len(rest) > 0 {
		return flags, fmt.Errorf("%s: unexpected or missing words; manual-install wants one FILE or URL, install none", verb)
	}
	return flags, nil
}

func newFlags(verb string) *flag.FlagSet {
	set := flag.NewFlagSet(verb, flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.Bool("debug", false, "")
	return set
}

// parseMixed takes flags before and after other words, which are returned.
func parseMixed(set *flag.FlagSet, args []string) ([]string, error) {
	var rest []string
	for {
		if err := set.Parse(args); err != nil {
			return nil, fmt.Errorf("%s: %w", set.Name(), err)
		}
		if set.NArg() == 0 {
			return rest, nil
		}
		rest, args = append(rest, set.Arg(0)), set.Args()[1:]
	}
}

func manualInstall(args []string, out io.Writer) error {
	flags, err := parseInstall("manual-install", args)
	if err != nil {
		return err
	}
	merged, err := readConfig(flags.file)
	if err != nil {
		return err
	}
	if flags.defaults {
		merged = nodeconfig.Collect("/", nodeconfig.Dirs).With(merged)
	}
	return runInstall(merged, flags, out)
}

func autoInstall(args []string, out io.Writer) error {
	flags, err := parseInstall("install", args)
	if err != nil {
		return err
	}
	merged := nodeconfig.Collect("/", nodeconfig.Dirs)
	config, err := merged.Decode()
	if err != nil {
		return err
	}
	if !config.Install.Auto {
		return brand.NotYet("install without install.auto: true in the configuration (by QR code or provider)")
	}
	return runInstall(merged, flags, out)
}

// readConfig reads the configuration from a file or a URL.
func readConfig(name string) (nodeconfig.Merged, error) {
	if !strings.HasPrefix(name, "http://") && !strings.HasPrefix(name, "https://") {
		return nodeconfig.File(name)
	}
	client := http.Client{Timeout: time.Minute}
	answer, err := client.Get(name)
	if err != nil {
		return nodeconfig.Merged{}, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nodeconfig.Merged{}, fmt.Errorf("%s: %s", name, answer.Status)
	}
	data, err := io.ReadAll(io.LimitReader(answer.Body, cloudconfig.MaxSize+1))
	if err != nil {
		return nodeconfig.Merged{}, err
	}
	return nodeconfig.Text(name, data)
}

func runInstall(merged nodeconfig.Merged, flags installFlags, out io.Writer) error {
	if err := needRoot("install"); err != nil {
		return err
	}
	if mode := bootmode.FromCommandLine(bootmode.CommandLine()); mode != bootmode.Live {
		return fmt.Errorf("installing is for a live system; this one was booted as %s", mode)
	}
	config, err := merged.Decode()
	if err != nil {
		return err
	}
	override(&config.Install, flags)
	if err := config.CheckAdmin(); err != nil {
		return err
	}
	from, content, err := installSource(config)
	if err != nil {
		return err
	}
	dir, err := keepConfig(merged)
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	wish := install.Wish{Merged: merged, Config: config, Source: from, Content: content, ConfigDir: dir, Out: out}
	if err := node.Exclusive(func() error { return install.Run(wish) }); err != nil {
		return err
	}
	fmt.Fprintln(out, "Installation completed")
	return leave(config.Install.Reboot, config.Install.Poweroff, out)
}

func override(install *nodeconfig.Install, flags installFlags) {
	if flags.device != "" {
		install.Device = flags.device
	}
	if flags.source != "" {
		install.Source = flags.source
	}
	install.Reboot = install.Reboot || flags.reboot
	install.Poweroff = install.Poweroff || flags.poweroff
	install.AllowInsecure = install.AllowInsecure || flags.insecure
}

// installSource is the live system unless something else is named.
func installSource(config nodeconfig.Config) (source.Source, source.Content, error) {
	for _, text := range []string{config.Install.Source, config.Install.Image, config.Install.System.URI} {
		if text != "" {
			return openSource(text, config, config.Install.AllowInsecure)
		}
	}
	if !sys.Exists(node.LiveRoot) {
		return source.Source{}, nil, fmt.Errorf("%s is not there, so there is no live root to install; give --source", node.LiveRoot)
	}
	return openSource("dir:"+node.LiveRoot, config, false)
}

// keepConfig writes the configuration where the hooks find it.
func keepConfig(merged nodeconfig.Merged) (string, error) {
	text, err := merged.Render()
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("/run", "kairos-install-")
	if err != nil {
		return "", err
	}
	return dir, durable.Write(filepath.Join(dir, "90_custom.yaml"), []byte(text), 0o600)
}

func needRoot(verb string) error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("%s needs root; try sudo", verb)
	}
	return nil
}

// leaveAfter gives whoever asked the time to read the answer.
const leaveAfter = 5 * time.Second

func leave(reboot, poweroff bool, out io.Writer) error {
	verb := ""
	switch {
	case reboot && poweroff:
		return errors.New("both reboot and poweroff are asked for; neither is done")
	case reboot:
		verb = "reboot"
	case poweroff:
		verb = "poweroff"
	default:
		return nil
	}
	fmt.Fprintf(out, "%s in %s\n", verb, leaveAfter)
	time.Sleep(leaveAfter)
	return sys.Run("systemctl", "--no-block", verb)
}
