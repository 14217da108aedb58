// Command dockerlint runs the checks of `docker buildx build --check` on one Dockerfile, without a daemon or a network.
//
// It calls the code behind --check, github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb, with every stable rule
// and those experimental ones that -experimental names. Findings go to stdout as JSON; exit status 1 when there are any.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerui"
	"github.com/opencontainers/go-digest"
)

type finding struct {
	Rule   string `json:"rule"`
	Detail string `json:"detail"`
	Line   int32  `json:"line"`
	URL    string `json:"url,omitempty"`
}

// values collects NAME=VALUE of a flag that may be given several times.
type values map[string]string

func (v values) String() string { return fmt.Sprint(map[string]string(v)) }

func (v values) Set(text string) error {
	name, value, found := strings.Cut(text, "=")
	if !found {
		return fmt.Errorf("%q is not NAME=VALUE", text)
	}
	v[name] = value
	return nil
}

// anyImage stands for every base image and named context: what the rules ask is in the Dockerfile alone.
type anyImage struct{}

func (anyImage) ResolveImageConfig(_ context.Context, ref string, _ sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	return ref, digest.FromString(ref), []byte(`{"architecture":"amd64","os":"linux","config":{}}`), nil
}

func main() {
	arguments := values{}
	flag.Var(arguments, "build-arg", "NAME=VALUE, may be given several times")
	experimental := flag.String("experimental", "", "experimental rules, separated by commas, or all")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: dockerlint [-build-arg NAME=VALUE]... [-experimental RULES] DOCKERFILE")
		os.Exit(2)
	}
	found, err := lint(flag.Arg(0), arguments, *experimental)
	if err != nil {
		fmt.Fprintln(os.Stderr, "dockerlint:", err)
		os.Exit(2)
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(found); err != nil {
		os.Exit(2)
	}
	if len(found) > 0 {
		os.Exit(1)
	}
}

func lint(path string, arguments values, experimental string) ([]finding, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var added int32
	// The library reads options from the file alone; a file with options of its own keeps them.
	if _, _, _, own := parser.ParseDirective("check", data); !own && experimental != "" {
		data, added = append([]byte("# check=experimental="+experimental+"\n"), data...), 1
	}
	results, err := dockerfile2llb.DockerfileLint(context.Background(), data, dockerfile2llb.ConvertOpt{
		Config:       dockerui.Config{BuildArgs: arguments},
		SourceMap:    &llb.SourceMap{Definition: &llb.Definition{}, Filename: path, Language: "Dockerfile", Data: data},
		MetaResolver: anyImage{},
	})
	if err != nil {
		return nil, err
	}
	found := []finding{}
	for _, each := range results.Warnings {
		line := int32(0)
		if each.Location != nil && len(each.Location.Ranges) > 0 {
			line = each.Location.Ranges[0].Start.Line - added
		}
		found = append(found, finding{Rule: each.RuleName, Detail: each.Detail, Line: line, URL: each.URL})
	}
	if results.Error != nil {
		line := int32(0)
		if ranges := results.Error.Location.Ranges; len(ranges) > 0 {
			line = ranges[0].Start.Line - added
		}
		found = append(found, finding{Rule: "BuildError", Detail: results.Error.Message, Line: line})
	}
	return found, nil
}
