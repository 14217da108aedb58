package k0s

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

type workerOptions struct {
	token     string
	tokenFile string
	dataDir   string
	runDir    string
	override  string
	extra     []string
	labels    map[string]string
	taints    []string
}

// ignored take a value and change nothing here.
var ignored = map[string]bool{
	"--profile": true, "--logging": true, "-l": true, "--iptables-mode": true, "--cri-socket": true,
	"--kubelet-root-dir": true, "--status-socket": true,
}

var switches = map[string]bool{
	"--debug": true, "-d": true, "-v": true, "--verbose": true, "--enable-cloud-provider": true, "--ignore-pre-flight-checks": true,
}

func parseWorker(args []string) (workerOptions, error) {
	options := workerOptions{dataDir: "/var/lib/k0s", runDir: "/run", labels: map[string]string{}}
	for index := 0; index < len(args); index++ {
		name, value, inline := strings.Cut(args[index], "=")
		if !strings.HasPrefix(name, "-") {
			if options.token != "" {
				return options, fmt.Errorf("accepts at most 1 arg(s), received 2")
			}
			options.token = args[index]
			continue
		}
		if switches[name] {
			continue
		}
		if !inline {
			if index++; index == len(args) {
				return options, fmt.Errorf("flag needs an argument: %s", name)
			}
			value = args[index]
		}
		if err := options.set(name, value); err != nil {
			return options, err
		}
	}
	return options, options.oneSource()
}

func (o *workerOptions) set(name, value string) error {
	switch name {
	case "--token-file":
		o.tokenFile = value
	case "--data-dir":
		o.dataDir = value
	case "--labels":
		for _, pair := range strings.Split(value, ",") {
			key, text, _ := strings.Cut(strings.TrimSpace(pair), "=")
			o.labels[key] = text
		}
	case "--taints":
		o.taints = append(o.taints, strings.Split(value, ",")...)
	case "--kubelet-extra-args":
		for _, word := range strings.Fields(value) {
			if key, text, _ := strings.Cut(word, "="); key == "--hostname-override" {
				o.override = text
			} else {
				o.extra = append(o.extra, word)
			}
		}
	default:
		if !ignored[name] {
			return fmt.Errorf("unknown flag: %s", name)
		}
	}
	return nil
}

// oneSource holds k0s's rule that a token comes one way only; that of an environment variable is of later versions.
func (o *workerOptions) oneSource() error {
	if o.token != "" && o.tokenFile != "" {
		return errors.New("you can only pass one token argument either as a CLI argument 'k0s worker [token]' or as a flag " +
			"'k0s worker --token-file [path]'")
	}
	return nil
}

func (o *workerOptions) kubeletConfig() string { return filepath.Join(o.dataDir, "kubelet.conf") }

func (o *workerOptions) pki() string { return filepath.Join(o.dataDir, "kubelet", "pki") }

// nodeName is the host name, as the kubelet takes it: trimmed and in lower case.
func (o *workerOptions) nodeName() (string, error) {
	name := o.override
	if name == "" {
		host, err := os.Hostname()
		if err != nil {
			return "", err
		}
		name = host
	}
	if name = strings.ToLower(strings.TrimSpace(name)); name == "" {
		return "", errors.New("empty hostname is invalid")
	}
	return name, nil
}
