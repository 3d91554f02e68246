package chat

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Role is how far somebody is above others in a room. Nobody acts on an equal or a higher one.
type Role uint8

// The roles, the lowest first.
const (
	RoleViewer Role = iota
	RoleVIP
	RoleModerator
	RoleOwner
	// RoleServer is that of server keys; no token gives it.
	RoleServer
)

var roleNames = [...]string{"viewer", "vip", "moderator", "owner", "server"}

// String is the role's word.
func (r Role) String() string { return roleNames[min(int(r), len(roleNames)-1)] }

// ParseRole is the role that a word names; the empty word is a viewer's.
func ParseRole(word string) (r Role, ok bool) {
	i := slices.Index(roleNames[:], cmp.Or(word, roleNames[0]))
	return Role(max(i, 0)), i >= 0
}

// Everywhere is the id of the room whose rules hold in all rooms. No client can name it: it has a control character.
const Everywhere = "\x00everywhere"

// Anybody stands for every user where a moderator takes messages away. No client can be called so.
const Anybody = "\x00anybody"

// Bounds of rules.
const (
	// MaxMeasures is how many measures a room has at most, those that are over not counted. Nodes hold them in memory,
	// some 200 B each.
	MaxMeasures = 10_000
	// MaxTags is how many tags a room asks for at most, and a token has, MaxTag how many bytes one has.
	MaxTags = 16
	MaxTag  = 64
	// MaxReason is how many characters a reason has at most.
	MaxReason = 200
	// ForGood is the end of what has none, in Unix ms: the year 9999, which every client can show.
	ForGood int64 = 253402300799000
)

// What is a kind of [Measure].
type What uint8

// The kinds of measures.
const (
	// Mute: the user reads, and neither sends nor likes.
	Mute What = iota + 1
	// Shadow: the user's messages are acknowledged, and stored nowhere.
	Shadow
	// Kick: the user was thrown out, and does not come back before its end.
	Kick
	// Ban: the user does not come in.
	Ban
	// BanAddress: nobody comes in from there. Its target is a prefix, as "192.0.2.0/24".
	BanAddress
	// Appoint: the user has a role here, whatever their token says, if it is the higher one.
	Appoint
)

var whatNames = [...]string{"", "mute", "shadow", "kick", "ban", "ban_address", "role"}

// String is the kind's word.
func (w What) String() string { return whatNames[min(int(w), len(whatNames)-1)] }

// Measure is one thing that is in force about somebody in a room. A target has at most one of a kind.
type Measure struct {
	What   What
	Target string // a user id, or a prefix of addresses
	Until  int64  // when it ends, in Unix ms; at most [ForGood]
	Reason string // for whom it concerns; may be empty
	By     string // the one who took it: a user id, or the name of a server key
	ByRole Role   // of By, then: it holds for lower ones only
	At     int64  // when, in Unix ms
	Role   Role   // that Appoint gives
}

// Over reports whether a measure has ended at now, in Unix ms.
func (m *Measure) Over(now int64) bool { return now >= m.Until }

// measureKey is what a measure is known by.
type measureKey struct {
	what   What
	target string
}

// Modes are what everybody in a room has to keep to. The zero value is no bound. Their JSON is what clients see.
type Modes struct {
	// SlowMS is how many ms lie between two messages of a user, over all nodes.
	SlowMS int64 `json:"slow_ms"`
	// Frozen: only moderators write.
	Frozen bool `json:"frozen"`
	// Who is the users that may write: [WhoAll], users with one of Tags, or moderators.
	Who  Who      `json:"who"`
	Tags []string `json:"tags"`
	// MinLevel is of which level somebody must be to write, by their token; 0: of any.
	MinLevel int64 `json:"min_level"`
	// FirstDelayMS is how many ms somebody must have been in the room before they write.
	FirstDelayMS int64 `json:"first_delay_ms"`
	// DupS is for how many s a user does not send the same again, UniqueS for how many s nobody does.
	DupS    int64 `json:"dup_s"`
	UniqueS int64 `json:"unique_s"`
	// Links says who may send addresses of pages.
	Links Links `json:"links"`
	// EmoteOnly: only emoji and :names: are taken.
	EmoteOnly bool `json:"emote_only"`
	// MaxCaps is how many percent of the letters may be capitals, where there are eight at least; 0: any.
	MaxCaps int64 `json:"max_caps"`
	// Review says whose messages a service looks at before they are stored.
	Review Review `json:"review"`
}

// On are the names of the modes that hold anybody to anything, in the order of the fields; nil where none does.
func (m *Modes) On() (names []string) {
	for _, mode := range []struct {
		name string
		on   bool
	}{
		{"slow_ms", m.SlowMS > 0},
		{"frozen", m.Frozen},
		{"who", m.Who != "" && m.Who != WhoAll},
		{"min_level", m.MinLevel > 0},
		{"first_delay_ms", m.FirstDelayMS > 0},
		{"dup_s", m.DupS > 0},
		{"unique_s", m.UniqueS > 0},
		{"links", m.Links != "" && m.Links != LinksAllow},
		{"emote_only", m.EmoteOnly},
		{"max_caps", m.MaxCaps > 0},
		{"review", m.Review != "" && m.Review != ReviewOff},
	} {
		if mode.on {
			names = append(names, mode.name)
		}
	}
	return names
}

// Who is a kind of users that may write; the empty value is everybody.
type Who string

// The users who may write.
const (
	WhoAll    Who = "all"
	WhoTagged Who = "tagged"
	WhoMods   Who = "mods"
)

// Links says who may send links; the empty value is everybody.
type Links string

// The users who may send links.
const (
	LinksAllow Links = "allow"
	LinksMods  Links = "mods"
	LinksDeny  Links = "deny"
)

// Place is a message's number in an epoch.
type Place struct {
	Epoch string
	Seq   uint64
}

// Rules are what is in force in one room. The zero value: nothing. Not safe for concurrent use; its holder guards it.
type Rules struct {
	// Version names this state, as "<n>-<random>", where n grows with each change; empty where there never was one.
	Version string
	Modes   Modes
	// Pinned is the message that stands above the others, as stored, with its number; no JSON: none.
	Pinned Entry
	// Cleared is where the history was cleared last, as the store had it when the rules were read. The zero value: never.
	Cleared Place
	// Terms are the lists of terms of the word filter by name, which the rules of [Everywhere] alone have. Each is the
	// SHA-256 of its text in hex, by which nodes see that it is another one. Nil or empty: none.
	Terms map[string]string

	measures map[measureKey]Measure
}

// RulesChange is a change of rules. Rules that it does not name stay.
type RulesChange struct {
	// Prev and Version are the rules' before and after it. The store gives them.
	Prev, Version string
	// Modes are those that change: the JSON of a field of [Modes] under its name.
	Modes map[string]string
	// Set are measures that are taken, Lift such that end; of these only What and Target count.
	Set, Lift []Measure
	// Pin is the message to pin; without JSON none is pinned any more. nil: no change.
	Pin *Entry
	// Cleared is only in what was read, see [Rules].
	Cleared Place
	// Terms are lists of terms that are others now, as in [Rules]; an empty value says that the list is gone.
	Terms map[string]string
}

// Take puts a measure in force, in the place of one of its kind and target.
func (r *Rules) Take(m Measure) {
	if r.measures == nil {
		r.measures = map[measureKey]Measure{}
	}
	r.measures[measureKey{m.What, m.Target}] = m
	if len(r.measures) > 2*MaxMeasures { // the store has dropped those that were over when this one was taken
		maps.DeleteFunc(r.measures, func(_ measureKey, old Measure) bool { return old.Over(m.At) })
	}
}

// Lift ends a measure.
func (r *Rules) Lift(what What, target string) { delete(r.measures, measureKey{what, target}) }

// Find is the measure of a kind that is in force about a target at now, in Unix ms.
func (r *Rules) Find(what What, target string, now int64) (m Measure, ok bool) {
	m, ok = r.measures[measureKey{what, target}]
	return m, ok && !m.Over(now)
}

// Against is like Find, for a user with a role: measures of equals and lower ones do not count. The role that somebody
// was appointed to is theirs, too.
func (r *Rules) Against(what What, user string, role Role, now int64) (m Measure, ok bool) {
	m, ok = r.Find(what, user, now)
	return m, ok && m.ByRole > r.RoleOf(user, role, now)
}

// RoleOf is a user's role here: the one of their token, or the one they were appointed to if that is higher.
func (r *Rules) RoleOf(user string, token Role, now int64) Role {
	if m, ok := r.Find(Appoint, user, now); ok {
		return max(m.Role, token)
	}
	return token
}

// Measures are those in force at now, in Unix ms, by kind and target. The slice is the caller's.
func (r *Rules) Measures(now int64) []Measure {
	all := make([]Measure, 0, len(r.measures))
	for _, m := range r.measures {
		if !m.Over(now) {
			all = append(all, m)
		}
	}
	slices.SortFunc(all, func(a, b Measure) int {
		return cmp.Or(cmp.Compare(a.What, b.What), strings.Compare(a.Target, b.Target))
	})
	return all
}

// Empty reports whether there are no measures at all.
func (r *Rules) Empty() bool { return len(r.measures) == 0 }

// Conflict reports whether a node that goes by rules of one version must give them to a store that has others. It must
// where those of the store are no newer, and not the same.
func Conflict(version, stored string) bool {
	return version != stored && versionNumber(version) >= versionNumber(stored) && version != ""
}

// Renumbered is a version with the number of another one.
func Renumbered(version, other string) string {
	_, name, _ := strings.Cut(version, "-")
	return strconv.FormatUint(versionNumber(other), 10) + "-" + name
}

// Newer reports whether a version of rules comes after another one.
func Newer(version, other string) bool { return versionNumber(version) > versionNumber(other) }

// versionNumber is the number that a version begins with, 0 where it has none.
func versionNumber(version string) uint64 {
	number, _, _ := strings.Cut(version, "-")
	n, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return 0
	}
	return n
}
