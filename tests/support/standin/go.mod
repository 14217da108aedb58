module standin

go 1.24

// What Debian packages as golang-gopkg-yaml.v3-dev and golang-github-klauspost-compress-dev, with which the image's own is built.
require (
	github.com/klauspost/compress v1.18.1
	gopkg.in/yaml.v3 v3.0.1
)
