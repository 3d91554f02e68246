package admincmd

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"barrage/internal/cli"
)

// This file has the commands about the modes of a room, which hold for everybody there.

// verbModes is the verb that changes modes.
const verbModes = "modes"

// rules are the commands about modes.
func (p *program) rules() []*cobra.Command {
	return []*cobra.Command{
		p.modes(), p.slow(),
		p.freeze("freeze", "Let nobody but moderators write", true, "is frozen: only moderators write"),
		p.freeze("unfreeze", "Let everybody write again", false, "is not frozen"),
	}
}

func (p *program) modes() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "modes ROOM KEY=VALUE…",
		Short: "Change what everybody in a room has to keep to",
		Long: `Change the modes of a room. Only those that are named change. Moderators are exempt from all of them.

  slow_ms=5s          a user writes once in that time, over all nodes; 0 or off ends it
  frozen=on           only moderators write
  who=tagged          who writes: all, tagged (users with one of tags), mods
  tags=staff,press    the tags of tokens that who=tagged takes; empty: none
  min_level=5         only users write whose token has at least that as level in its info; 0: all
  first_delay_ms=30s  who has come in waits that long before writing
  dup_s=30s           a user does not say the same again in that time
  unique_s=10s        nobody says the same again in that time
  links=mods          who sends links: allow (all), mods, deny (nobody)
  emote_only=on       only emoji and :names: are taken
  max_caps=70         so many percent of the letters may be capitals; 0: any
  review=new_users    whose messages the review hook looks at: off, all, new_users

Times are at most 6h.`,
		Example: `  barrage admin modes live-1 slow_ms=5s links=mods
  barrage admin modes live-1 who=tagged tags=subscriber
  barrage admin modes live-1 slow_ms=off links=allow`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 {
				return cli.Misused(cmd, "cannot change modes: want ROOM and KEY=VALUE, as slow_ms=5s")
			}
			return nil
		},
	}
	return p.remote(p.act(cmd, func(args []string, a *action) error {
		a.Modes = map[string]json.RawMessage{}
		for _, arg := range args[1:] {
			name, text, ok := strings.Cut(arg, "=")
			if _, twice := a.Modes[name]; !ok || name == "" || twice {
				return cli.Misused(cmd, fmt.Sprintf("cannot change the mode %.64q: want KEY=VALUE, each key once, as slow_ms=5s", arg))
			}
			value, err := modeValue(name, text)
			if err != nil {
				return cli.Misused(cmd, fmt.Sprintf("cannot set %s to %.64q: %v", name, text, err))
			}
			a.Modes[name] = value
		}
		a.doing = "change the modes"
		a.done = func(result) string { return cli.Plain(fmt.Sprintf("%s goes by %s", a.room, pairs(a.Modes))) }
		return nil
	}))
}

// modeValue is the JSON of a mode's value. Modes that it does not know are newer than it: the node judges them.
func modeValue(name, text string) (json.RawMessage, error) {
	switch {
	case strings.HasSuffix(name, "_ms"):
		return modeTime(text, time.Millisecond)
	case strings.HasSuffix(name, "_s"):
		return modeTime(text, time.Second)
	case name == "frozen" || name == "emote_only":
		switch text {
		case "on", "true":
			return json.RawMessage("true"), nil
		case "off", "false":
			return json.RawMessage("false"), nil
		}
		return nil, fmt.Errorf("want on or off")
	case name == "tags":
		tags := []string{}
		if text != "" {
			tags = strings.Split(text, ",")
		}
		return json.Marshal(tags)
	case name != "who" && name != "links" && json.Valid([]byte(text)):
		return json.RawMessage(text), nil
	}
	return json.Marshal(text)
}

// modeTime is a time as a whole number of units.
func modeTime(text string, unit time.Duration) (json.RawMessage, error) {
	if text == "off" {
		text = "0"
	}
	if n, err := strconv.ParseUint(text, 10, 63); err == nil {
		return json.RawMessage(strconv.FormatUint(n, 10)), nil
	}
	var s period
	if err := s.Set(text); err != nil {
		return nil, err
	}
	if time.Duration(s)%unit != 0 {
		return nil, fmt.Errorf("it counts in units of %v", unit)
	}
	return json.RawMessage(strconv.FormatInt(int64(time.Duration(s)/unit), 10)), nil
}

// pairs are modes as they are given: links=deny slow_ms=5000.
func pairs(modes map[string]json.RawMessage) string {
	all := make([]string, 0, len(modes))
	for _, name := range slices.Sorted(maps.Keys(modes)) {
		text := string(modes[name])
		var word string
		if json.Unmarshal(modes[name], &word) == nil {
			text = word
		}
		var list []string
		if json.Unmarshal(modes[name], &list) == nil {
			text = strings.Join(list, ",")
		}
		all = append(all, name+"="+text)
	}
	return strings.Join(all, " ")
}

func (p *program) freeze(name, short string, on bool, is string) *cobra.Command {
	cmd := &cobra.Command{Use: name + " ROOM", Short: short, Args: arguments("ROOM")}
	return p.remote(p.act(cmd, func(_ []string, a *action) error {
		a.Verb, a.Modes = verbModes, map[string]json.RawMessage{"frozen": json.RawMessage(strconv.FormatBool(on))}
		a.doing = name
		a.done = func(result) string { return cli.Plain(a.room + " " + is) }
		return nil
	}))
}

func (p *program) slow() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "slow ROOM TIME|off",
		Short: "Let each user write once in a time",
		Long: `Let each user of a room write once in a time, counted over all nodes and sockets. A user who is too
fast gets the exact time to wait. Moderators, and messages that were paid for (storm.high_kinds), are exempt.`,
		Example: `  barrage admin slow live-1 5s
  barrage admin slow live-1 off`,
		Args: arguments("ROOM", "TIME"),
	}
	return p.remote(p.act(cmd, func(args []string, a *action) error {
		value, err := json.RawMessage("0"), error(nil)
		if args[1] != "off" {
			var s period
			if err = s.Set(args[1]); err == nil {
				value, err = modeTime(args[1], time.Millisecond)
			}
		}
		if err != nil {
			return cli.Misused(cmd, fmt.Sprintf("cannot set slow mode to %.64q: %v, or off", args[1], err))
		}
		a.Verb, a.Modes = verbModes, map[string]json.RawMessage{"slow_ms": value}
		a.doing = "change slow mode"
		a.done = func(result) string {
			if args[1] == "off" {
				return cli.Plain(a.room + " is not in slow mode")
			}
			return cli.Plain(fmt.Sprintf("%s is in slow mode: each user writes once in %s", a.room, args[1]))
		}
		return nil
	}))
}
