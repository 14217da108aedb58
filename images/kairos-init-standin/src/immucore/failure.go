package immucore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"standin/assess"
	"standin/bootmode"
	"standin/brand"
	"standin/grubenv"
	"standin/sys"
)

const (
	failureFile = logDir + "/failure"
	// failureNote outlives the reboot; the first good boot of active or passive removes it.
	failureNote = "immucore.failure"
)

// stateError says that the node's own state cannot be had; the boot ends rather than come up without.
type stateError struct{ error }

func (e stateError) Unwrap() error { return e.error }

// restartError asks for a plain restart: nothing is wrong any more.
type restartError struct{ error }

// warn goes to the log and to the console.
func (b *booter) warn(format string, args ...any) {
	b.say("warning: "+format, args...)
	console(fmt.Sprintf("immucore (%s): warning: "+format, append([]any{brand.Name}, args...)...))
}

// console writes to the kernel's log, which every console shows.
func console(text string) {
	if device, err := os.OpenFile("/dev/kmsg", os.O_WRONLY, 0); err == nil {
		defer device.Close()
		_, _ = device.WriteString("<3>" + text + "\n")
		return
	}
	fmt.Fprintln(os.Stderr, text)
}

// giveUp tells what failed, chooses what comes up next and reboots. It comes
// back when the command line says to stay (no rd.emergency=reboot).
func (b *booter) giveUp(err error) error {
	text := fmt.Sprintf("boot of %s failed: %v", b.image, err)
	b.say("%s", text)
	console(fmt.Sprintf("immucore (%s): %s", brand.Name, text))
	_ = os.WriteFile(failureFile, []byte(text+"\n"), 0o644)
	var restart restartError
	if !errors.As(err, &restart) {
		b.chooseNext(text, err)
	}
	syscall.Sync()
	line := bootmode.CommandLine()
	action, _ := bootmode.Argument(line, "rd.emergency")
	if action != "reboot" && !bootmode.HasWord(line, "rd.immucore.rebootonfailure") {
		return err
	}
	console(fmt.Sprintf("immucore (%s): rebooting", brand.Name))
	time.Sleep(pause(line))
	return errors.Join(err, syscall.Reboot(syscall.LINUX_REBOOT_CMD_RESTART))
}

// pause is how long a person may read: the seconds of panic=.
func pause(line string) time.Duration {
	text, _ := bootmode.Argument(line, "panic")
	number, err := strconv.Atoi(text)
	if err != nil || number <= 0 {
		return time.Second
	}
	return time.Duration(number) * time.Second
}

// chooseNext keeps a node from failing the same way for ever, and leaves a note on COS_OEM.
func (b *booter) chooseNext(text string, err error) {
	oem := filepath.Join(newRoot, oemDir)
	if !b.oemOn {
		return
	}
	_ = sys.WriteFile(filepath.Join(oem, failureNote), []byte(text+"\n"), 0o640)
	pending, _ := grubenv.Read(filepath.Join(stateDir, assess.File))
	var state stateError
	entry := nextEntry(b.mode, errors.As(err, &state), pending)
	if entry == "" {
		return
	}
	if err := grubenv.Set(filepath.Join(oem, "grubenv"), map[string]string{"next_entry": entry}); err != nil {
		b.say("next entry: %v", err)
		return
	}
	b.say("the next boot takes entry %s", entry)
}

// nextEntry: state that cannot be had is a matter for the recovery system; an
// image that does not come up makes way for the next older one, unless the boot
// assessment is watching over it already.
func nextEntry(mode bootmode.Mode, state bool, pending map[string]string) string {
	switch {
	case mode == bootmode.Recovery || mode == bootmode.AutoReset:
		return ""
	case state || mode == bootmode.Passive:
		return "recovery"
	case assess.OnTrial(pending):
		return ""
	}
	return "fallback"
}

// forgetFailure removes the note of an earlier boot.
func (b *booter) forgetFailure() {
	if b.persistent() && b.oemOn {
		_ = os.Remove(filepath.Join(newRoot, oemDir, failureNote))
	}
}

// armWatchdog loads a watchdog's driver, so that systemd finds the device when
// it starts: hardware when there is some, else the kernel's own timer.
func (b *booter) armWatchdog() {
	if err := b.modules.load("i6300esb"); err != nil {
		b.say("%v", err)
	}
	if sys.Exists("/dev/watchdog0") {
		return
	}
	if err := b.modules.load("softdog"); err != nil {
		b.say("%v", err)
	}
}
