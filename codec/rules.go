package codec

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/bytedance/sonic/encoder"

	"barrage/internal/chat"
)

// This file is the wire form of a room's rules: fields of a hash in the store, which are the body of an event too.
//
//	v            <n>-<random>         the version
//	clear        <epoch> <seq>        where the history was cleared last; only in what is read, no field of the hash
//	pin          <seq> <json>         the pinned message
//	o:<mode>     <json>               a field of chat.Modes
//	terms:<name> <sha256>             a list of terms of the word filter; everywhere only
//	m:<user>     <until> <json>       a measure; the letter is its kind: mute, shadow, kick, ban, address, role
//
// A value is never empty: an empty one takes the field out.

// The fields of rules that are no measures and no modes.
const (
	RulesVersion = "v"
	rulesClear   = "clear"
	rulesPin     = "pin"
	modePrefix   = "o:"
	termsPrefix  = "terms:" // its second letter is no colon, which measures alone have
)

var measureLetters = map[chat.What]string{
	chat.Mute: "m:", chat.Shadow: "s:", chat.Kick: "k:", chat.Ban: "b:", chat.BanAddress: "a:", chat.Appoint: "r:",
}

// measureRest is what stands behind a measure's end.
type measureRest struct {
	Reason string    `json:"reason,omitempty"`
	By     string    `json:"by,omitempty"`
	ByRole chat.Role `json:"rank,omitempty"`
	At     int64     `json:"at,omitempty"`
	Role   chat.Role `json:"role,omitempty"`
}

// RulesFields are the fields that a change writes, by name; empty values take fields out. Fields that the store gives
// are not among them.
func RulesFields(c *chat.RulesChange) map[string]string {
	fields := make(map[string]string, len(c.Modes)+len(c.Set)+len(c.Lift)+1)
	for mode, value := range c.Modes {
		fields[modePrefix+mode] = value
	}
	for name, sum := range c.Terms {
		fields[termsPrefix+name] = sum
	}
	for i := range c.Lift {
		fields[measureLetters[c.Lift[i].What]+c.Lift[i].Target] = ""
	}
	for i := range c.Set {
		m := &c.Set[i]
		fields[measureLetters[m.What]+m.Target] = strconv.FormatInt(m.Until, 10) + " " + object(&measureRest{m.Reason, m.By, m.ByRole, m.At, m.Role})
	}
	if c.Pin != nil {
		fields[rulesPin] = ""
		if c.Pin.JSON != "" {
			fields[rulesPin] = strconv.FormatUint(c.Pin.Seq, 10) + " " + c.Pin.JSON
		}
	}
	return fields
}

// AllRules is the change that makes rules out of none.
func AllRules(r *chat.Rules) chat.RulesChange {
	c := chat.RulesChange{Version: r.Version, Modes: ModeFields(&r.Modes), Set: r.Measures(0)}
	if r.Pinned.JSON != "" {
		c.Pin = &r.Pinned
	}
	c.Terms = maps.Clone(r.Terms)
	return c
}

// ModeFields is the JSON of each field of modes, by name.
func ModeFields(m *chat.Modes) map[string]string {
	var raw map[string]json.RawMessage
	if err := strict.UnmarshalFromString(object(m), &raw); err != nil {
		panic("BUG: cannot read what was just written: " + err.Error())
	}
	fields := make(map[string]string, len(raw))
	for name, value := range raw {
		fields[name] = string(value)
	}
	return fields
}

// object is the JSON of v, which can always be encoded.
func object(v any) string {
	var buf []byte
	if err := encoder.EncodeInto(&buf, v, encoder.ValidateString|encoder.SortMapKeys); err != nil {
		panic("BUG: cannot encode what was checked: " + err.Error())
	}
	return string(buf)
}

// ParseRulesChange reads the fields of a change, or of rules as a change of none. Fields that it does not know it
// passes over: a newer node wrote them.
func ParseRulesChange(fields map[string]string) (chat.RulesChange, error) {
	c := chat.RulesChange{Modes: map[string]string{}}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if err := parseRulesField(&c, name, fields[name]); err != nil {
			return chat.RulesChange{}, fmt.Errorf("cannot read the rule %q: %w", clip(name), err)
		}
	}
	return c, nil
}

func parseRulesField(c *chat.RulesChange, name, value string) error {
	switch name {
	case RulesVersion:
		c.Version = value
		return nil
	case rulesClear:
		epoch, seq, _ := strings.Cut(value, " ")
		n, err := strconv.ParseUint(seq, 10, 64)
		c.Cleared = chat.Place{Epoch: epoch, Seq: n}
		return err
	case rulesPin:
		if value == "" {
			c.Pin = new(chat.Entry)
			return nil
		}
		seq, text, _ := strings.Cut(value, " ")
		n, err := strconv.ParseUint(seq, 10, 64)
		if err == nil && !strings.HasPrefix(text, "{") {
			err = errNotMessage
		}
		c.Pin = &chat.Entry{Seq: n, JSON: text}
		return err
	}
	if mode, ok := strings.CutPrefix(name, modePrefix); ok {
		c.Modes[mode] = value
		return nil
	}
	if list, ok := strings.CutPrefix(name, termsPrefix); ok {
		if c.Terms == nil {
			c.Terms = map[string]string{}
		}
		c.Terms[list] = value
		return nil
	}
	for what, prefix := range measureLetters {
		if target, ok := strings.CutPrefix(name, prefix); ok {
			return parseMeasure(c, what, target, value)
		}
	}
	return nil
}

func parseMeasure(c *chat.RulesChange, what chat.What, target, value string) error {
	m := chat.Measure{What: what, Target: target}
	if value == "" {
		c.Lift = append(c.Lift, m)
		return nil
	}
	until, text, _ := strings.Cut(value, " ")
	var rest measureRest
	var err error
	if m.Until, err = strconv.ParseInt(until, 10, 64); err != nil {
		return err
	}
	if err := strict.UnmarshalFromString(text, &rest); err != nil {
		return err
	}
	m.Reason, m.By, m.ByRole, m.At, m.Role = rest.Reason, rest.By, rest.ByRole, rest.At, rest.Role
	c.Set = append(c.Set, m)
	return nil
}

// ApplyRules does to rules what a change says. Modes that it does not know it passes over.
func ApplyRules(r *chat.Rules, c *chat.RulesChange) {
	r.Version = c.Version
	for name, value := range c.Modes {
		_ = SetMode(&r.Modes, name, value) // of a newer node
	}
	for name, sum := range c.Terms {
		if r.Terms == nil {
			r.Terms = map[string]string{}
		}
		if r.Terms[name] = sum; sum == "" {
			delete(r.Terms, name)
		}
	}
	for i := range c.Lift {
		r.Lift(c.Lift[i].What, c.Lift[i].Target)
	}
	for i := range c.Set {
		r.Take(c.Set[i])
	}
	if c.Pin != nil {
		r.Pinned = *c.Pin
	}
	if c.Cleared != (chat.Place{}) {
		r.Cleared = c.Cleared
	}
}

// Bounds of modes.
const (
	// MaxModeTime bounds what is counted in ms or s, in ms: six hours, the longest slow mode that people know (Discord).
	MaxModeTime = 6 * 60 * 60 * 1000
	// maxLevel bounds min_level: sites count to a hundred, and some to many more.
	maxLevel = 1_000_000
)

// errNoMode says that there is no such mode.
var errNoMode = errors.New("there is no such mode: they are slow_ms, frozen, who, tags, min_level, first_delay_ms, dup_s, unique_s, links, emote_only, max_caps, review")

// checkTags reports what is wrong with the tags that a room asks for.
func checkTags(tags []string) error {
	if len(tags) > chat.MaxTags {
		return fmt.Errorf("there are %d of them, at most %d are allowed", len(tags), chat.MaxTags)
	}
	for _, tag := range tags {
		if tag == "" || len(tag) > chat.MaxTag {
			return fmt.Errorf("one has %d bytes, 1 to %d are allowed", len(tag), chat.MaxTag)
		}
	}
	return nil
}

// SetMode sets one field of modes to a JSON value, if that is within its bounds.
func SetMode(m *chat.Modes, name, value string) error {
	set := *m
	var err error
	number := func(into *int64, most int64) {
		if err = strict.UnmarshalFromString(value, into); err == nil && (*into < 0 || *into > most) {
			err = fmt.Errorf("it is not within 0 and %d", most)
		}
	}
	word := func(text, allowed string) {
		if err == nil && !slices.Contains(strings.Fields(allowed), text) {
			err = fmt.Errorf("it is none of %s", allowed)
		}
	}
	switch name {
	case "slow_ms":
		number(&set.SlowMS, MaxModeTime)
	case "frozen":
		err = strict.UnmarshalFromString(value, &set.Frozen)
	case "who":
		err = strict.UnmarshalFromString(value, &set.Who)
		word(string(set.Who), "all tagged mods")
	case "tags":
		set.Tags = nil
		if err = strict.UnmarshalFromString(value, &set.Tags); err == nil {
			err = checkTags(set.Tags)
		}
	case "min_level":
		number(&set.MinLevel, maxLevel)
	case "first_delay_ms":
		number(&set.FirstDelayMS, MaxModeTime)
	case "dup_s":
		number(&set.DupS, MaxModeTime/1000)
	case "unique_s":
		number(&set.UniqueS, MaxModeTime/1000)
	case "links":
		err = strict.UnmarshalFromString(value, &set.Links)
		word(string(set.Links), "allow mods deny")
	case "emote_only":
		err = strict.UnmarshalFromString(value, &set.EmoteOnly)
	case "max_caps":
		number(&set.MaxCaps, 100)
	case "review":
		err = strict.UnmarshalFromString(value, &set.Review)
		word(string(set.Review), "off all new_users")
	default:
		return errNoMode
	}
	if err != nil {
		return fmt.Errorf("cannot set %s to %s: %w", name, clip(value), err)
	}
	*m = set
	return nil
}

// appendRules appends the wire form of a change of rules.
func appendRules(dst []byte, c *chat.RulesChange) []byte {
	dst = append(dst, headRules...)
	for _, word := range []string{c.Prev, c.Version} {
		if word == "" {
			word = noName
		}
		dst = append(append(dst, ' '), word...)
	}
	return append(append(dst, '\n'), RulesBody(c)...)
}

// RulesBody is the body of the event of a change: its fields as a JSON object.
func RulesBody(c *chat.RulesChange) string { return object(RulesFields(c)) }

// parseRules reads the header's fields and the body of a change of rules.
func parseRules(f []string, body string) (*chat.RulesChange, bool) {
	var fields map[string]string
	if len(f) != 2 || slices.Contains(f, "") || f[1] == noName || strict.UnmarshalFromString(body, &fields) != nil {
		return nil, false
	}
	c, err := ParseRulesChange(fields)
	if err != nil {
		return nil, false
	}
	c.Version = f[1]
	if f[0] != noName {
		c.Prev = f[0]
	}
	return &c, true
}

// ModesObject is a room's modes as native clients see them, with what is pinned and cleared, as a JSON object. The
// argument cleared is the number up to which the room was cleared, in the epoch that it counts in. It is 0 where that
// was in another one.
func ModesObject(r *chat.Rules, cleared uint64) string {
	m := r.Modes
	if m.Who == "" {
		m.Who = chat.WhoAll
	}
	if m.Links == "" {
		m.Links = chat.LinksAllow
	}
	if m.Review == "" {
		m.Review = chat.ReviewOff
	}
	if m.Tags == nil {
		m.Tags = []string{}
	}
	modes := object(&m)
	pinned := []byte("null")
	if r.Pinned.JSON != "" {
		pinned = AppendNativeMessage(nil, r.Pinned.Seq, r.Pinned.JSON)
	}
	return `{"v":` + quote(r.Version) + `,` + modes[1:len(modes)-1] + `,"pinned":` + string(pinned) +
		`,"cleared":` + strconv.FormatUint(cleared, 10) + `}`
}

// RoomText notifies a client that a room's modes are these now, see [ModesObject].
func RoomText(modes string) string { return `{"t":"room","modes":` + modes + `}` }

// ClearedText notifies a client that nothing up to a place is shown any more.
func ClearedText(p chat.Place) string {
	return `{"t":"cleared","epoch":` + quote(p.Epoch) + `,"seq":` + strconv.FormatUint(p.Seq, 10) + `}`
}

// PurgedText notifies a client that a purge took away messages of a user, which are not shown any more.
func PurgedText(p *chat.Purge) string {
	return `{"t":"purged","user_id":` + quote(p.User) + `,"since":` + strconv.FormatInt(p.Since, 10) +
		`,"until":` + strconv.FormatInt(p.Until, 10) + `}`
}

// You is what holds for one user in a room.
type You struct {
	Role       string   `json:"role"`
	MutedUntil int64    `json:"muted_until"` // Unix ms; 0: not muted
	Reason     string   `json:"reason"`
	Can        []string `json:"can,omitempty"`
}

// Text is the frame that reports it.
func (y *You) Text() string { return `{"t":"you",` + object(y)[1:] }

// DoneText reports that a verb was carried out, and how many messages it took away. The argument seq is the number of
// the message that was approved, else 0; before reports that it was in the room already.
func DoneText(id, verb string, n int, seq uint64, before bool) string {
	return `{"t":"done","id":` + quote(id) + `,"verb":"` + verb + `","n":` + strconv.Itoa(n) +
		`,"seq":` + strconv.FormatUint(seq, 10) + `,"before":` + strconv.FormatBool(before) + `}`
}
