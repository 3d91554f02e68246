package kit

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// values are what the names of a transcript stand for.
type values map[string]any

// match reports why got is not what want has; nil where it is. Names get their values from got.
func (v values) match(want, got any, at string) error {
	switch want := want.(type) {
	case string:
		name, isName := strings.CutPrefix(want, "$")
		if !isName {
			break
		}
		if name == "_" {
			return nil
		}
		if known, ok := v[name]; ok {
			return equal(known, got, at)
		}
		v[name] = got
		return nil
	case map[string]any:
		fields, ok := got.(map[string]any)
		if !ok {
			return fmt.Errorf("%s is %v; want an object", at, got)
		}
		for _, key := range slices.Sorted(maps.Keys(want)) { // so that a name has its value from the same place each time
			one, ok := fields[key]
			if !ok {
				return fmt.Errorf("%s has no %q", at, key)
			}
			if err := v.match(want[key], one, at+"."+key); err != nil {
				return err
			}
		}
		return nil
	case []any:
		all, ok := got.([]any)
		if !ok || len(all) != len(want) {
			return fmt.Errorf("%s is %v; want a list of %d", at, got, len(want))
		}
		for i := range want {
			if err := v.match(want[i], all[i], fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return err
			}
		}
		return nil
	}
	return equal(want, got, at)
}

func equal(want, got any, at string) error {
	if !reflect.DeepEqual(want, got) {
		return fmt.Errorf("%s is %s; want %s", at, text(got), text(want))
	}
	return nil
}

// text is a value as JSON has it.
func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

// used are names in what is sent.
var used = regexp.MustCompile(`"\$(\w+)"|\$(\w+)`)

// fill puts values in place of names; one in quotes is a whole value, another one stands as it is.
func (v values) fill(s string) (filled string, err error) {
	filled = used.ReplaceAllStringFunc(s, func(match string) string {
		name := strings.Trim(match, `"$`)
		value, ok := v[name]
		if !ok {
			err = fmt.Errorf("nothing was received yet that $%s stands for", name)
		}
		if one, isText := value.(string); isText && !strings.HasPrefix(match, `"`) {
			return one
		}
		return text(value)
	})
	return filled, err
}
