// Package stage runs cloud-config stages, as yip does for Kairos.
package stage

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"standin/cloudconfig"
	"standin/sys"
)

// Runner runs stages of the configs in Dirs (below Root) on the running system.
type Runner struct {
	Root string
	Dirs []string
	Log  io.Writer
	// Chrooted is true where no service manager runs yet: nothing is started.
	Chrooted bool
}

// Run goes through name.before, name and name.after, each over all files before
// the next. It does every step it can and returns all errors joined.
func (r *Runner) Run(name string) error {
	var failures []error
	for _, part := range []string{name + ".before", name, name + ".after"} {
		failures = append(failures, r.part(part)...)
	}
	return errors.Join(failures...)
}

// part reads the files anew: a step before may have written some. Directories
// go one after another; within one, what yip orders goes in order, and all else
// side by side.
func (r *Runner) part(name string) []error {
	documents, failures := cloudconfig.Load(r.Root, r.Dirs)
	for _, failure := range failures {
		r.say("skipping a config: %v", failure)
	}
	for len(documents) > 0 {
		count := 1
		for count < len(documents) && documents[count].Dir == documents[0].Dir {
			count++
		}
		failures = append(failures, r.together(name, chains(documents[:count], name))...)
		documents = documents[count:]
	}
	return failures
}

// chains are the files that wait for one another: neighbours by name that both
// have the part. A file between them that has nothing for it ends the order
// (yip 1.25).
func chains(documents []cloudconfig.Document, name string) [][]cloudconfig.Document {
	var found [][]cloudconfig.Document
	joined := false
	for _, document := range documents {
		has := len(document.Stages[name]) > 0
		if has && joined {
			found[len(found)-1] = append(found[len(found)-1], document)
		} else if has {
			found = append(found, []cloudconfig.Document{document})
		}
		joined = has
	}
	return found
}

// together runs chains side by side; the errors are in the order of the files.
func (r *Runner) together(name string, chains [][]cloudconfig.Document) []error {
	if len(chains) == 1 {
		return r.chain(name, chains[0])
	}
	shared := *r
	shared.Log = inTurn(r.Log)
	found := make([][]error, len(chains))
	var running sync.WaitGroup
	for index := range chains {
		running.Add(1)
		go func(index int) {
			defer running.Done()
			found[index] = shared.chain(name, chains[index])
		}(index)
	}
	running.Wait()
	var failures []error
	for _, each := range found {
		failures = append(failures, each...)
	}
	return failures
}

func (r *Runner) chain(name string, documents []cloudconfig.Document) []error {
	var failures []error
	for _, document := range documents {
		for _, warning := range document.Warnings {
			r.say("warning: %s: %s", document.Path, warning)
		}
		for index, step := range document.Stages[name] {
			if err := r.step(document.Path, name, index, step); err != nil {
				r.say("error: %v", err)
				failures = append(failures, err)
			}
		}
	}
	return failures
}

// inTurn is a log for several chains. A file is handed to programs as it is: through a pipe, what one of them leaves in
// the background would hold its step up.
func inTurn(log io.Writer) io.Writer {
	if file, is := log.(*os.File); is {
		return file
	}
	return &lines{to: log}
}

// lines keeps what is written at one time in one piece.
type lines struct {
	mutex sync.Mutex
	to    io.Writer
}

func (l *lines) Write(data []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.to.Write(data)
}

func (r *Runner) step(path, part string, index int, step cloudconfig.Step) error {
	title := fmt.Sprintf("%s: %s[%d] %q", path, part, index, step.Name)
	for _, warning := range step.Warnings {
		r.say("warning: %s: %s", title, warning)
	}
	if step.If != "" && sys.RunWith(nil, io.Discard, "/bin/sh", "-c", step.If) != nil {
		return nil
	}
	r.say("%s", title)
	if err := r.execute(step); err != nil {
		return fmt.Errorf("%s: %w", title, err)
	}
	return nil
}

func (r *Runner) execute(step cloudconfig.Step) error {
	return errors.Join(
		r.datasource(step.Datasource),
		r.layout(step.Layout),
		r.directories(step.Directories),
		r.files(step.Files),
		r.commands(step.Commands),
		r.dns(step.DNS),
		r.hostname(step.Hostname),
		r.sysctl(step.Sysctl),
		r.users(step.Users),
		r.authorizedKeys(step.AuthorizedKeys),
		r.modules(step.Modules),
		r.systemctl(step.Systemctl),
		r.timesyncd(timesyncdFile, step.Timesyncd),
		r.environment(step.EnvironmentFile, step.Environment),
	)
}

func (r *Runner) say(format string, args ...any) {
	fmt.Fprintf(r.Log, format+"\n", args...)
}
