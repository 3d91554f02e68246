package gateway

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"barrage/kit"
)

// The kit that other clients are made from has what docs/protocol.md has. Every frame has its schema, with the same
// fields, and stands in asyncapi.yaml. The function readV1 holds each frame that a test sees against its schema.
func TestKit_IsThePage(t *testing.T) {
	text, err := kit.Files.ReadFile("frames.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Defs map[string]struct {
			Required []string `json:"required"`
		} `json:"$defs"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for frame, fields := range pageFrames() {
		want = append(want, "server_"+frame)
		required := slices.DeleteFunc(slices.Sorted(slices.Values(doc.Defs["server_"+frame].Required)), func(name string) bool { return name == "t" })
		if !slices.Equal(required, fields) {
			t.Errorf("server_%s has the fields %q; docs/protocol.md has %q", frame, required, fields)
		}
	}
	for _, row := range page()["Client to server"] {
		want = append(want, "client_"+words(row[0])[0])
	}
	for name := range doc.Defs {
		if strings.Contains(name, "_") && name != "recall_of" {
			got = append(got, name)
		}
	}
	slices.Sort(want)
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("frames.schema.json has %q; docs/protocol.md %q", got, want)
	}
	wantAsync(t, want)
}

// wantAsync wants asyncapi.yaml to name these frames, each with its schema.
func wantAsync(t *testing.T, frames []string) {
	t.Helper()
	text, err := kit.Files.ReadFile("asyncapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	type ref struct {
		Ref string `yaml:"$ref"`
	}
	var doc struct {
		AsyncAPI string `yaml:"asyncapi"`
		Channels struct {
			Room struct {
				Address  string         `yaml:"address"`
				Messages map[string]ref `yaml:"messages"`
			} `yaml:"room"`
		} `yaml:"channels"`
		Operations map[string]struct {
			Messages []ref `yaml:"messages"`
		} `yaml:"operations"`
		Components struct {
			Messages map[string]struct {
				Name    string `yaml:"name"`
				Payload ref    `yaml:"payload"`
			} `yaml:"messages"`
		} `yaml:"components"`
	}
	if err := yaml.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	if doc.AsyncAPI != "3.0.0" || doc.Channels.Room.Address != "/v1/rooms/{room}/ws" {
		t.Errorf("asyncapi.yaml is %s of %s", doc.AsyncAPI, doc.Channels.Room.Address)
	}
	if got := slices.Sorted(maps.Keys(doc.Components.Messages)); !slices.Equal(got, frames) {
		t.Errorf("asyncapi.yaml describes %q; want %q", got, frames)
	}
	var said []string
	for _, op := range doc.Operations {
		for _, m := range op.Messages {
			said = append(said, strings.TrimPrefix(m.Ref, "#/channels/room/messages/"))
		}
	}
	if slices.Sort(said); !slices.Equal(said, frames) {
		t.Errorf("the operations of asyncapi.yaml have %q; want %q", said, frames)
	}
	for _, name := range frames {
		m := doc.Components.Messages[name]
		if _, frame, _ := strings.Cut(name, "_"); m.Name != frame || m.Payload.Ref != "./frames.schema.json#/$defs/"+name {
			t.Errorf("asyncapi.yaml: %s is %+v", name, m)
		}
		if got := doc.Channels.Room.Messages[name].Ref; got != "#/components/messages/"+name {
			t.Errorf("asyncapi.yaml: the channel has %s at %q", name, got)
		}
	}
}
