package report

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"barrage/bench"
)

// command runs a load again, in parts that stay on one line. They have what the scenario has other than the one of its
// name that comes with the program, as the flags of its fields. They also say where the load goes. The results are
// those of the scenario; a token in them is not shown.
func command(results []*bench.Result) []string {
	r := results[0]
	s, peers := &r.Scenario, severalPeers(results)
	words := []string{"barrage bench"}
	if peers {
		words = append(words, "peers")
	}
	usual, err := bench.Named(s.Name)
	switch {
	case err == nil:
		words = append(words, quoted(s.Name))
	case peers:
		words = append(words, quoted(s.Name+".yaml"))
	default:
		words = append(words, "run "+quoted(s.Name+".yaml"))
	}
	for _, f := range differences(s, &usual) {
		words = append(words, f.flag())
	}
	if peers {
		if n := rounds(results); n != UsualRounds {
			words = append(words, fmt.Sprintf("--rounds %d", n))
		}
		return append(words, peerFlags(results)...)
	}
	return append(words, targetFlags(r)...)
}

// UsualRounds is how often "barrage bench peers" measures each peer where no flag sets another number.
const UsualRounds = 3

// rounds is how often the first peer was measured.
func rounds(results []*bench.Result) (n int) {
	for _, r := range results {
		if r.Peer == results[0].Peer {
			n++
		}
	}
	return n
}

// targetFlags name where the load of r went, unless that were nodes of its own without
// anything special.
func targetFlags(r *bench.Result) (words []string) {
	t := &r.Target
	addrs := strings.Join(t.Addrs, ",")
	name := r.Peer
	if addrs == "" || name == addrs {
		name = "" // It need not be named.
	}
	dialect := r.Dialect
	if dialect == "fastim" {
		dialect = ""
	}
	for _, f := range []setting{
		{"target", addrs},
		{"peer-name", name},
		{"metrics", strings.Join(t.Metrics, ",")},
		{"pid", strings.Join(numbers(t.PIDs), ",")},
		{"path", t.Path},
		{"room", t.Room},
		{"token", t.Token},
		{"redis", t.Redis},
		{"dialect", dialect},
	} {
		if f.value != "" {
			words = append(words, f.flag())
		}
	}
	return words
}

// peerFlags name each peer that was started by somebody else, once.
func peerFlags(results []*bench.Result) (words []string) {
	seen := map[string]bool{}
	for _, r := range results {
		t := &r.Target
		if len(t.Addrs) == 0 || seen[r.Peer] {
			continue
		}
		seen[r.Peer] = true
		spec := []string{r.Peer + "=" + r.Dialect + "@" + t.Addrs[0]}
		for _, part := range []setting{
			{"pid", strings.Join(numbers(t.PIDs), ",")},
			{"metrics", strings.Join(t.Metrics, ",")},
			{"path", t.Path},
			{"token", t.Token},
		} {
			if part.value != "" {
				spec = append(spec, part.name+"="+part.value)
			}
		}
		words = append(words, setting{"peer", strings.Join(spec, ",")}.flag())
	}
	return words
}

func numbers(of []int) (out []string) {
	for _, n := range of {
		out = append(out, strconv.Itoa(n))
	}
	return out
}

// setting is the value of a flag.
type setting struct{ name, value string }

// flag is how it is written on the command line.
func (s setting) flag() string {
	if s.value == "true" || s.value == "false" {
		return "--" + s.name + "=" + s.value
	}
	return "--" + s.name + " " + quoted(s.value)
}

// flagTexts writes settings as flags.
func flagTexts(settings []setting) (out []string) {
	for _, s := range settings {
		out = append(out, s.flag())
	}
	return out
}

// differences has the fields of s that differ from usual's, with what they are in s. The name and the question of a
// scenario are none of them.
func differences(s, usual *bench.Scenario) []setting {
	return fieldsThatDiffer(reflect.ValueOf(s.Filled()), reflect.ValueOf(usual.Filled()), "")
}

func fieldsThatDiffer(v, usual reflect.Value, prefix string) (out []setting) {
	for i := range v.NumField() {
		f, u := v.Field(i), usual.Field(i)
		if reflect.DeepEqual(f.Interface(), u.Interface()) {
			continue
		}
		name := prefix + strings.ReplaceAll(v.Type().Field(i).Tag.Get("yaml"), "_", "-")
		switch value := f.Interface().(type) {
		case bench.Duration:
			out = append(out, setting{name, value.String()})
		case float64:
			out = append(out, setting{name, strconv.FormatFloat(value, 'f', -1, 64)})
		case string:
		case []string:
			for _, s := range value {
				out = append(out, setting{name, s})
			}
		default:
			if f.Kind() == reflect.Struct {
				out = append(out, fieldsThatDiffer(f, u, name+"-")...)
			} else {
				out = append(out, setting{name, fmt.Sprint(value)})
			}
		}
	}
	return out
}

// quoted writes s as one word of a shell.
func quoted(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=:,@", r)
	}) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
