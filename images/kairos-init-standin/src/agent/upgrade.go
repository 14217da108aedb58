package agent

import (
	"errors"
	"fmt"
	"io"

	"standin/bootmode"
	"standin/brand"
	"standin/node"
	"standin/nodeconfig"
	"standin/upgrade"
)

type upgradeFlags struct {
	source             string
	recovery, insecure bool
	reboot, poweroff   bool
}

func parseUpgrade(args []string) (upgradeFlags, error) {
	var flags upgradeFlags
	var entry, exclude string
	set := newFlags("upgrade")
	set.StringVar(&flags.source, "source", "", "where the new system comes from")
	set.BoolVar(&flags.recovery, "recovery", false, "upgrade the recovery system")
	set.BoolVar(&flags.insecure, "allow-insecure-registries", false, "plain HTTP to the registry")
	set.BoolVar(&flags.reboot, "reboot", false, "reboot afterwards")
	set.BoolVar(&flags.poweroff, "poweroff", false, "power off afterwards")
	set.StringVar(&entry, "boot-entry", "", "")
	set.StringVar(&exclude, "exclude-path", "", "")
	rest, err := parseMixed(set, args)
	switch {
	case err != nil:
		return flags, err
	case entry == "recovery":
		flags.recovery = true
	case entry != "" && entry != "active":
		return flags, brand.NotYet("upgrade --boot-entry %s", entry)
	case exclude != "":
		return flags, brand.NotYet("upgrade --exclude-path")
	case len(rest) > 0:
		return flags, fmt.Errorf("upgrade: unexpected %q", rest[0])
	}
	return flags, nil
}

func doUpgrade(args []string, out io.Writer) error {
	flags, err := parseUpgrade(args)
	if err != nil {
		return err
	}
	// In this order, as the real one: who is not root is told of the medium first.
	mode := bootmode.FromCommandLine(bootmode.CommandLine())
	if mode == bootmode.Live || mode == bootmode.Unknown {
		return errors.New("cannot upgrade from live media/unknown boot state")
	}
	if err := needRoot("upgrade"); err != nil {
		return err
	}
	config, err := nodeconfig.Collect("/", nodeconfig.Dirs).Decode()
	if err != nil {
		return err
	}
	if err := config.CheckAdmin(); err != nil {
		return err
	}
	wish := upgrade.Wish{Config: config, Mode: mode, Recovery: flags.recovery || config.Upgrade.Recovery, Out: out}
	if wish.Source, wish.Content, err = openSource(upgradeSource(flags, wish.Recovery, config), config, flags.insecure || config.Upgrade.AllowInsecure); err != nil {
		return err
	}
	if err := node.Exclusive(func() error { return upgrade.Run(wish) }); err != nil {
		return err
	}
	fmt.Fprintln(out, "Upgrade completed")
	return leave(flags.reboot || config.Upgrade.Reboot, flags.poweroff || config.Upgrade.Poweroff, out)
}

// upgradeSource is the flag's, else the configuration's.
func upgradeSource(flags upgradeFlags, recovery bool, config nodeconfig.Config) string {
	switch {
	case flags.source != "":
		return flags.source
	case recovery:
		return config.Upgrade.RecoverySystem.URI
	}
	return config.Upgrade.System.URI
}
