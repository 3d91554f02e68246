package report

import (
	"fmt"
	"reflect"
	"strings"

	"barrage/bench"
)

// command runs a load again, in parts that stay on one line: what the scenario has other
// than the one of its name that comes with the program, as the flags of its fields.
func command(r *bench.Result, peers bool) []string {
	s := &r.Scenario
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
	words = append(words, flags(reflect.ValueOf(*s), reflect.ValueOf(usual), "--")...)
	if r.Dialect == "native" && !peers {
		words = append(words, "--dialect native")
	}
	return words
}

// flags has those of v's fields that differ from usual's. What a scenario is called and
// asks is no flag.
func flags(v, usual reflect.Value, prefix string) (words []string) {
	for i := range v.NumField() {
		f, u := v.Field(i), usual.Field(i)
		if reflect.DeepEqual(f.Interface(), u.Interface()) {
			continue
		}
		name := prefix + strings.ReplaceAll(v.Type().Field(i).Tag.Get("yaml"), "_", "-")
		switch value := f.Interface().(type) {
		case bench.Duration:
			words = append(words, name+" "+span(value))
		case bool:
			words = append(words, fmt.Sprintf("%s=%t", name, value))
		case string:
		case []string:
			for _, s := range value {
				words = append(words, name+" "+quoted(s))
			}
		default:
			if f.Kind() == reflect.Struct {
				words = append(words, flags(f, u, name+"-")...)
			} else {
				words = append(words, fmt.Sprintf("%s %v", name, value))
			}
		}
	}
	return words
}

// quoted writes s as one word of a shell.
func quoted(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=:,", r)
	}) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
