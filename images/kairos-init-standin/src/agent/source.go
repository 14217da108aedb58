package agent

import (
	"standin/brand"
	"standin/nodeconfig"
	"standin/source"
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
		err = brand.NotYet("source oci")
	}
	return from, content, err
}
