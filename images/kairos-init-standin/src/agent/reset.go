package agent

import (
	"fmt"
	"io"
	"os"
	"time"

	"standin/bootmode"
	"standin/node"
	"standin/nodeconfig"
	"standin/reset"
)

// resetWait is how long a person has to stop a reset.
const resetWait = 60 * time.Second

func doReset(args []string, out io.Writer) error {
	set := newFlags("reset")
	unattended := set.Bool("unattended", false, "do not wait for a key")
	reboot := set.Bool("reboot", false, "reboot afterwards")
	poweroff := set.Bool("poweroff", false, "power off afterwards")
	oem := set.Bool("reset-oem", false, "the configuration goes too")
	rest, err := parseMixed(set, args)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return fmt.Errorf("reset: unexpected %q", rest[0])
	}
	if err := needRoot("reset"); err != nil {
		return err
	}
	if err := reset.Check(bootmode.FromCommandLine(bootmode.CommandLine())); err != nil {
		return err
	}
	config, err := nodeconfig.Collect("/", nodeconfig.Dirs).Decode()
	if err != nil {
		return err
	}
	if err := config.CheckAdmin(); err != nil {
		return err
	}
	if !*unattended {
		fmt.Fprintf(out, "The node is reset in %s; a key and Enter does it now, Ctrl-C stops it.\n", resetWait)
		waitForKey(os.Stdin, resetWait)
	}
	wish := reset.Wish{Config: config, OEM: *oem || config.Reset.ResetOEM, Out: out}
	if err := node.Exclusive(func() error { return reset.Run(wish) }); err != nil {
		return err
	}
	fmt.Fprintln(out, "Reset completed")
	return leave(*reboot || config.Reset.Reboot, *poweroff || config.Reset.Poweroff, out)
}

// waitForKey comes back at a key, or when the time is over; an input that is
// closed is no key.
func waitForKey(input io.Reader, limit time.Duration) {
	pressed := make(chan struct{})
	go func() {
		if count, _ := input.Read(make([]byte, 1)); count > 0 {
			close(pressed)
		}
	}()
	select {
	case <-pressed:
	case <-time.After(limit):
	}
}
