// Package kinit is the stand-in's kairos-init: it turns a Debian root file
// system, from inside its container build, into a bootable node image.
package kinit

import (
	"flag"
	"fmt"
	"io"
	"regexp"
	"strings"

	"standin/brand"
)

// Options are the flags of kairos-init that the stand-in acts on.
type Options struct {
	Version    string
	Stage      string
	Level      string
	Model      string
	Trusted    string
	Providers  []string
	K0sVersion string
	Skip       map[string]bool
}

type list []string

func (l *list) String() string { return strings.Join(*l, ",") }

func (l *list) Set(value string) error {
	*l = append(*l, strings.Split(value, ",")...)
	return nil
}

// https://semver.org, with the leading v that Kairos adds when it is missing.
var semver = regexp.MustCompile(`^v?(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$`)

type rawOptions struct {
	Options
	providers, skip list
	k0sConfig       string
	extensions      string
	fips            bool
}

func flagSet(raw *rawOptions, out io.Writer) *flag.FlagSet {
	flags := flag.NewFlagSet("kairos-init", flag.ContinueOnError)
	flags.SetOutput(out)
	text := func(target *string, names, value, help string) {
		for _, name := range strings.Fields(names) {
			flags.StringVar(target, name, value, help)
		}
	}
	text(&raw.Version, "v version", "", "version of the image, semver (required)")
	text(&raw.Stage, "s stage", "all", "install, init or all")
	text(&raw.Level, "l level", "info", "debug, info, warn, error or trace")
	text(&raw.Model, "m model", "generic", "generic")
	text(&raw.Trusted, "t trusted", "false", "true or false")
	text(&raw.extensions, "x stage-extensions", "", "directory of stage extensions")
	text(&raw.K0sVersion, "provider-k0s-version", "", "version that k0s tells of itself")
	text(&raw.k0sConfig, "provider-k0s-config", "", "configuration of k0s")
	for _, name := range []string{"p", "provider"} {
		flags.Var(&raw.providers, name, "provider, may be repeated: k0s")
	}
	flags.Var(&raw.skip, "skip-step", "steps to leave out, comma-separated; see steps-info")
	flags.BoolVar(&raw.fips, "fips", false, "FIPS image")
	flags.Usage = func() {
		fmt.Fprintf(out, "%s: %s\n\nkairos-init [flags] | validate | steps-info | version\n\n", brand.Name, brand.Warning)
		flags.PrintDefaults()
	}
	return flags
}

// ParseOptions reads flags and refuses what the stand-in does not do.
func ParseOptions(args []string, out io.Writer) (Options, error) {
	var raw rawOptions
	flags := flagSet(&raw, out)
	if err := flags.Parse(args); err != nil {
		return Options{}, err
	}
	if flags.NArg() > 0 {
		return Options{}, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if err := raw.refuse(); err != nil {
		return Options{}, err
	}
	return raw.finish()
}

func (raw *rawOptions) refuse() error {
	switch {
	case raw.Model != "generic":
		return brand.NotYet("model %q; only generic", raw.Model)
	case raw.Trusted == "true":
		return brand.NotYet("trusted boot")
	case raw.Trusted != "false" && raw.Trusted != "":
		return fmt.Errorf("--trusted is %q; true or false", raw.Trusted)
	case raw.fips:
		return brand.NotYet("--fips")
	case raw.extensions != "":
		return brand.NotYet("stage extensions")
	case raw.k0sConfig != "":
		return brand.NotYet("--provider-k0s-config")
	}
	for _, provider := range raw.providers {
		if provider != "k0s" {
			return brand.NotYet("provider %q; only k0s", provider)
		}
	}
	return nil
}

func (raw *rawOptions) finish() (Options, error) {
	options := raw.Options
	options.Providers = raw.providers
	if !semver.MatchString(options.Version) {
		return options, fmt.Errorf("--version is %q; a semantic version is required, such as 1.2.3", options.Version)
	}
	options.Version = "v" + strings.TrimPrefix(options.Version, "v")
	if options.Stage != "install" && options.Stage != "init" && options.Stage != "all" {
		return options, fmt.Errorf("--stage is %q; install, init or all", options.Stage)
	}
	if !strings.Contains(" debug info warn error trace ", " "+options.Level+" ") {
		return options, fmt.Errorf("--level is %q; debug, info, warn, error or trace", options.Level)
	}
	if len(options.Providers) > 0 && options.K0sVersion == "" {
		return options, fmt.Errorf("--provider k0s wants --provider-k0s-version")
	}
	if strings.ContainsAny(options.K0sVersion, "'\"\\$`\n ") {
		return options, fmt.Errorf("--provider-k0s-version %q is not a version", options.K0sVersion)
	}
	skip, err := skipSet(raw.skip)
	options.Skip = skip
	return options, err
}

func skipSet(names list) (map[string]bool, error) {
	known := map[string]bool{"install": true, "init": true}
	for _, step := range allSteps() {
		known[strings.ToLower(step.Name)] = true
	}
	skip := map[string]bool{}
	for _, name := range names {
		name = strings.ToLower(strings.TrimSpace(name))
		if name == "" {
			continue
		}
		if !known[name] {
			return nil, fmt.Errorf("--skip-step %q is no step; see kairos-init steps-info", name)
		}
		skip[name] = true
	}
	return skip, nil
}

// Variant is core without a provider and standard with one.
func (o Options) Variant() string {
	if len(o.Providers) > 0 {
		return "standard"
	}
	return "core"
}
