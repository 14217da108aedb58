package agent

import (
	"context"
	"errors"

	"standin/nodeconfig"
	"standin/signature"
	"standin/source"
)

// openSource looks at a source before anything is written. With `cosign: true`
// in the configuration only what is signed by its key is a source.
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

func openRegistry(address string, config nodeconfig.Config, insecure bool) (source.Content, error) {
	if !config.Cosign {
		return source.OpenRegistry(context.Background(), address, insecure, nil)
	}
	if config.CosignKey == "" {
		return nil, errors.New("cosign is true in the configuration, and cosign-key names no key; nothing is taken without one")
	}
	key, err := signature.ReadKey(config.CosignKey)
	if err != nil {
		return nil, err
	}
	return source.OpenRegistry(context.Background(), address, insecure, key)
}
