package agent

import (
	"context"
	"fmt"

	"standin/nodeconfig"
	"standin/source"
	"standin/sys"
)

// openSource looks at a source before anything is written.
func openSource(text string, config nodeconfig.Config, insecure bool) (source.Source, source.Content, error) {
	from, err := source.Parse(text)
	if err != nil {
		return from, nil, err
	}
	var content source.Content
	switch from.Kind {
	case source.Directory:
		content, err = source.OpenDirectory(from.Address)
	case source.File:
		content, err = source.OpenImage(from.Address)
	case source.Registry:
		content, err = openRegistry(from.Address, config, insecure)
	}
	return from, content, err
}

// openRegistry has an image checked, where the configuration says so, as late and by
// the same call as Kairos's agent: when its files are about to be written, by a
// program that is not in the image. So nothing is taken then; see imagekit's docs/lifecycle.md.
func openRegistry(address string, config nodeconfig.Config, insecure bool) (source.Content, error) {
	var check func() error
	if config.Cosign {
		check = func() error { return cosign(config.CosignKey, address) }
	}
	return source.OpenRegistry(context.Background(), address, insecure, check)
}

func cosign(key, address string) error {
	args := []string{address}
	if key != "" {
		args = []string{"-key", key, address}
	}
	if err := sys.Run("cosign", args...); err != nil {
		return fmt.Errorf("cosign verification of %s: %w", address, err)
	}
	return nil
}
