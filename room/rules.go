package room

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
)

// This file keeps order: a room's rules on this node, and who may send what by them. The store has the rules; a batch
// is stored only where it was judged by those that the store has. So when a change of rules has returned, nothing gets
// in that they forbid, on any node.

// Why a message is refused by the rules of its room.
const (
	CodeMuted      = "muted"
	CodeFrozen     = "frozen"
	CodeRestricted = "restricted" // only users with a tag or of a level, or moderators, may write
	CodeTooEarly   = "too_early"  // they have come in just now
	CodeSlow       = "slow_mode"
	CodeDuplicate  = "duplicate"
	CodeLinks      = "links"
	CodeEmoteOnly  = "emote_only"
	CodeCaps       = "caps"
)

// RefusedError is returned by [Room.Post] when the room's rules forbid the message, or the room has no place for it.
// A caller that asks the word filter before a post returns it, too, where the filter blocks the message.
type RefusedError struct {
	Code string        // one of the codes above, CodeShed or CodeBlocked
	Wait time.Duration // after which it may be taken; 0: nobody knows
}

func (e *RefusedError) Error() string { return "the room's rules forbid it: " + e.Code }

// Voice is what rules ask about who writes. The zero value is a viewer who has been in the room for ever.
type Voice struct {
	Role chat.Role // of their token
	High bool      // they may send what is above normal, see StormConfig.HighKinds
	Tags []string
	// Level is the user's, from 1; 0 where their token says none.
	Level int64
	// Approved: a moderator has approved what they write, so the room's modes do not count. Measures against them do.
	Approved bool
	// Since is when they came into the room; zero: long ago.
	Since time.Time
}

// Voiced is an author who is more than a viewer.
type Voiced interface {
	Author
	// Voice may not block.
	Voice() Voice
}

// ruling is what rules say of a message.
type ruling struct {
	code   string // "": it is taken
	wait   time.Duration
	shadow bool // it is acknowledged, and no more
}

// rules are a room's rules on this node. The zero value: nobody has read them.
type rules struct {
	chat.Rules
	read  bool // at least once
	stale bool // the store has others
	back  bool // the store has sent older ones: it has lost some
	// unpin: the store has a pinned message that was taken back. hidden is that message: nobody is shown it.
	unpin  bool
	hidden chat.Entry
	// modes is what native members receive of them; empty after a change. The prefixes are the lengths of those that are
	// banned; nil after a change.
	modes    string
	prefixes []int
	// marks are those of messages that members got while the store is away, with the time in Unix ms when each ends.
	marks map[chat.Mark]int64
}

// unreadRules is the version of rules that nobody has read: no store has it.
const unreadRules = "?"

// version is the version that a batch names to the store: messages were judged by it.
func (s *rules) version() string {
	if !s.read {
		return unreadRules
	}
	return s.Version
}

// judge decides whether a message may be sent at now, in Unix ms.
func (s *rules) judge(d *chat.Draft, v Voice, now int64) ruling {
	if s.Version == "" {
		return ruling{}
	}
	role := s.RoleOf(d.UserID, v.Role, now)
	for _, what := range []chat.What{chat.Mute, chat.Ban, chat.Kick} {
		if m, ok := s.Against(what, d.UserID, v.Role, now); ok {
			return ruling{code: CodeMuted, wait: left(m.Until, now)}
		}
	}
	m, shadow := s.Against(chat.Shadow, d.UserID, v.Role, now)
	if v.Approved && shadow {
		return ruling{code: CodeMuted, wait: left(m.Until, now)}
	}
	if role >= chat.RoleModerator || v.Approved {
		return ruling{}
	}
	if no := s.judgeModes(d, v, now); no.code != "" {
		return no
	}
	return ruling{shadow: shadow}
}

// judgeModes decides whether the modes let a message pass.
func (s *rules) judgeModes(d *chat.Draft, v Voice, now int64) ruling {
	m := &s.Modes
	early := time.Duration(0) // for how long they have yet to be here
	if m.FirstDelayMS > 0 && !v.Since.IsZero() {
		early = time.Duration(m.FirstDelayMS-max(0, now-v.Since.UnixMilli())) * time.Millisecond
	}
	switch {
	case m.Frozen:
		return ruling{code: CodeFrozen}
	case m.Who == chat.WhoMods, m.Who == chat.WhoTagged && !slices.ContainsFunc(v.Tags, func(tag string) bool { return slices.Contains(m.Tags, tag) }):
		return ruling{code: CodeRestricted}
	case v.Level < m.MinLevel:
		return ruling{code: CodeRestricted}
	case early > 0:
		return ruling{code: CodeTooEarly, wait: early}
	case m.EmoteOnly || m.MaxCaps > 0 || m.Links == chat.LinksDeny || m.Links == chat.LinksMods:
		kind, body := codec.DraftText(d)
		return ruling{code: textCode(m, kind, body, d.Class)}
	}
	return ruling{}
}

// left is how long it is until a time, 0 where that is so far that nobody waits for it.
func left(until, now int64) time.Duration {
	if until >= chat.ForGood {
		return 0
	}
	return time.Duration(until-now) * time.Millisecond
}

// textCode is why a text is refused, "" where it is not.
func textCode(m *chat.Modes, kind, body string, class chat.Class) string {
	switch {
	case m.Links != "" && m.Links != chat.LinksAllow && hasLink(body):
		return CodeLinks
	case m.MaxCaps > 0 && shouts(body, m.MaxCaps):
		return CodeCaps
	case m.EmoteOnly && class <= chat.ClassLow && (kind == codec.KindChat || body != "") && !onlyEmotes(body):
		return CodeEmoteOnly
	}
	return ""
}

// marksOf are the marks that a message leaves.
func (s *rules) marksOf(d *chat.Draft, v Voice, now int64) (marks []chat.Mark) {
	m := &s.Modes
	if m.SlowMS == 0 && m.DupS == 0 && m.UniqueS == 0 || s.RoleOf(d.UserID, v.Role, now) >= chat.RoleModerator {
		return nil
	}
	if d.Class > chat.ClassLow {
		return nil // it was paid for
	}
	_, body := codec.DraftText(d)
	if m.SlowMS > 0 {
		marks = append(marks, chat.Mark{Kind: chat.MarkUser, Name: d.UserID, Life: time.Duration(m.SlowMS) * time.Millisecond})
	}
	text := ""
	if m.DupS > 0 || m.UniqueS > 0 {
		text = strings.ToLower(strings.Join(strings.Fields(visible(body)), " "))
	}
	if m.DupS > 0 {
		marks = append(marks, chat.Mark{Kind: chat.MarkSame, Name: digest(d.UserID + "\x00" + text), Life: time.Duration(m.DupS) * time.Second})
	}
	if m.UniqueS > 0 {
		marks = append(marks, chat.Mark{Kind: chat.MarkText, Name: digest(text), Life: time.Duration(m.UniqueS) * time.Second})
	}
	return marks
}

// digest stands for a text, on all nodes alike. 96 bits: nobody finds two texts for one by trying in six hours.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawStdEncoding.EncodeToString(sum[:12])
}

// keepApart keeps a message apart from others while the store, which does that for all nodes, is away.
func (s *rules) keepApart(d *chat.Draft, v Voice, now int64) ruling {
	marks := s.marksOf(d, v, now)
	for _, m := range marks {
		if until := s.marks[m]; until > now {
			return ruling{code: markCode(m.Kind), wait: left(until, now)}
		}
	}
	for _, m := range marks {
		if s.marks == nil || len(s.marks) >= maxMarks {
			s.marks = map[chat.Mark]int64{}
		}
		s.marks[m] = now + m.Life.Milliseconds()
	}
	return ruling{}
}

// maxMarks bounds rules.marks; more of them are forgotten: some 100 B each.
const maxMarks = 4096

// markCode is why a message is refused that stumbles over a mark.
func markCode(kind chat.MarkKind) string {
	switch kind {
	case 0:
		return CodeRateLimited
	case chat.MarkUser:
		return CodeSlow
	case chat.MarkQuota:
		return CodeShed
	case chat.MarkHeld:
		return CodeDecided
	default:
		return CodeDuplicate
	}
}

// voiceOf is what rules ask about an author.
func voiceOf(from Author) Voice {
	if v, ok := from.(Voiced); ok {
		return v.Voice()
	}
	return Voice{}
}

// judgeLocked decides whether a message may be posted now. r.mu must be held.
func (r *Room) judgeLocked(from Author, d *chat.Draft, now time.Time) ruling {
	if r.rules.Version == "" {
		return ruling{}
	}
	v := voiceOf(from)
	no := r.rules.judge(d, v, now.UnixMilli())
	if no == (ruling{}) && r.writing == cut {
		no = r.rules.keepApart(d, v, now.UnixMilli())
	}
	return no
}

// judgeFlightLocked judges what is about to go to the store by the rules of now, unless it may be there already: then
// it returns false. The lock r.mu must be held.
func (r *Room) judgeFlightLocked() (fresh bool) {
	f, s := &r.outbox.flight, &r.rules
	if f.judged {
		return false
	}
	f.judged, f.rules = true, s.version()
	if s.Version == "" {
		return true
	}
	now := r.hall.cfg().Clock.Now().UnixMilli()
	for i := 0; i < len(f.posts); i++ { // the last one to land takes the flight away
		p := &f.posts[i]
		if p.end != notYet {
			continue
		}
		v := voiceOf(p.from)
		switch no := s.judge(&p.draft, v, now); {
		case no.code != "":
			r.outbox.refuse(i, Outcome{Code: no.code, Wait: no.wait})
		case no.shadow:
			r.outbox.refuse(i, Outcome{TS: p.draft.TS})
		case !p.screened:
			p.draft.SetMarks(s.marksOf(&p.draft, v, now))
		}
	}
	r.outbox.compact()
	return true
}

// readRules is one try to read the room's rules; the error is that of a store that does not answer. Where the store has
// gone back behind what this node knows, it is given that.
func (r *Room) readRules(ctx context.Context) (err error) {
	r.mu.Lock()
	r.rules.stale = false // changes from now on may not be in the answer
	known := r.rules.read && r.rules.Version != ""
	r.unlock()
	now, err := r.hall.store.Rules(ctx, r.id)
	if errors.Is(err, chat.ErrRulesLost) && known {
		err = nil // this node brings them back
	}
	if err != nil {
		r.mu.Lock()
		defer r.unlock()
		if r.rules.stale = true; errors.Is(err, chat.ErrRulesLost) && !r.rules.read {
			r.enqueueLocked() // until they are back, or nobody knows them
		}
		return err
	}
	r.mu.Lock()
	defer r.unlock()
	back := r.rules.back && r.rules.Version != now.Version
	r.rules.back = false
	if r.rules.read && (back || chat.Conflict(r.rules.Version, now.Version)) {
		restore := codec.AllRules(&r.rules.Rules)
		if back && chat.Newer(now.Version, restore.Version) { // it has come further again
			restore.Version = chat.Renumbered(restore.Version, now.Version)
		}
		r.mu.Unlock()
		_, err = r.hall.store.ChangeRules(ctx, r.id, restore)
		r.mu.Lock()
		if errors.Is(err, chat.ErrStale) { // somebody else was faster
			err = nil
		}
		r.rules.stale = true // and look what came of it
		return err
	}
	r.takeRulesLocked(now)
	return nil
}

// takeRulesLocked goes by other rules from now on. r.mu must be held.
func (r *Room) takeRulesLocked(now chat.Rules) {
	was := r.rules.Rules
	r.rules.Rules, r.rules.read = now, true
	if was.Version != now.Version {
		r.newRulesLocked(true, targets(now.Measures(0), was.Measures(0)))
	}
}

// changeRulesLocked takes a change of rules that comes from the store. r.mu must be held.
func (r *Room) changeRulesLocked(c *chat.RulesChange) {
	s := &r.rules
	switch {
	case !s.read: // it is about to be read, and was lost perhaps
		r.failed = false
		r.staleLocked()
		return
	case c.Version == s.Version, s.stale && chat.Newer(c.Version, s.Version):
		return // it is known, or about to be read
	case !chat.Newer(c.Version, s.Version): // the store has gone back, or this came late
		s.back = true
		r.staleLocked()
		return
	case c.Prev != s.Version: // one is missing
		r.staleLocked()
		return
	}
	codec.ApplyRules(&s.Rules, c)
	r.newRulesLocked(len(c.Modes) > 0 || c.Pin != nil, targets(c.Set, c.Lift))
}

// targets are those of two lists of measures.
func targets(one, other []chat.Measure) []string {
	all := make([]string, 0, len(one)+len(other))
	for _, m := range slices.Concat(one, other) {
		if m.What != chat.Shadow { // or they would be notified
			all = append(all, m.Target)
		}
	}
	return all
}

// newRulesLocked notifies members of new rules. The argument told is whether they see a difference, targets are the
// users whose measures are new or gone. The lock r.mu must be held.
func (r *Room) newRulesLocked(told bool, targets []string) {
	s := &r.rules
	s.modes, s.prefixes = "", nil
	if told {
		r.nativesLocked(func(st *stream) { st.control(codec.RoomText(r.modesLocked())) })
	}
	if r.hall.cfg().OnRules != nil {
		r.hall.cfg().OnRules(r, targets)
	}
}

// unpinLocked takes the pinned message off the screens if it was taken away, and out of the store where this node asked
// for that. The lock r.mu must be held.
func (r *Room) unpinLocked(taken func(chat.Entry) bool, asked bool) {
	s := &r.rules
	if s.Pinned.JSON == "" || !taken(s.Pinned) {
		return
	}
	if s.hidden != s.Pinned {
		s.hidden, s.modes = s.Pinned, ""
		r.nativesLocked(func(st *stream) { st.control(codec.RoomText(r.modesLocked())) })
	}
	if asked {
		s.unpin = true
		r.enqueueLocked()
	}
}

// staleLocked has a publisher read the rules. r.mu must be held.
func (r *Room) staleLocked() {
	r.rules.stale = true
	r.enqueueLocked()
}

// modesLocked is what native members receive of the rules, as a JSON object. r.mu must be held.
func (r *Room) modesLocked() string {
	s := &r.rules
	if s.modes == "" {
		shown := s.Rules
		if shown.Pinned == s.hidden {
			shown.Pinned = chat.Entry{}
		}
		s.modes = codec.ModesObject(&shown, r.recalls.cleared)
	}
	return s.modes
}

// RoleOf is the role of a user in this room, whose token gives them one.
func (r *Room) RoleOf(user string, token chat.Role) chat.Role {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rules.Empty() {
		return token
	}
	return r.rules.RoleOf(user, token, r.hall.cfg().Clock.Now().UnixMilli())
}

// Appointed are the users to whom the room gives a role of at least least; nil of none.
func (r *Room) Appointed(least chat.Role) (users map[string]struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rules.Empty() {
		return nil
	}
	users = map[string]struct{}{}
	for _, m := range r.rules.Measures(r.hall.cfg().Clock.Now().UnixMilli()) {
		if m.What == chat.Appoint && m.Role >= least {
			users[m.Target] = struct{}{}
		}
	}
	return users
}

// Against is the measure of the first one of the kinds that is in force here against a user with a token's role.
func (r *Room) Against(user string, token chat.Role, kinds ...chat.What) (m chat.Measure, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rules.Empty() {
		return m, false
	}
	now := r.hall.cfg().Clock.Now().UnixMilli()
	for _, what := range kinds {
		if m, ok = r.rules.Against(what, user, token, now); ok {
			return m, true
		}
	}
	return chat.Measure{}, false
}

// Bars is the measure that keeps a user with a token's role, or whoever comes from an address, out of the room. The
// result ok says that there is one. The argument from is the zero value where nobody knows it.
func (r *Room) Bars(user string, token chat.Role, from netip.Prefix) (m chat.Measure, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rules.bars(user, token, from, r.hall.cfg().Clock.Now())
}

// Bars is [Room.Bars] for rules that no live room has.
func Bars(of chat.Rules, user string, token chat.Role, from netip.Prefix, now time.Time) (m chat.Measure, ok bool) {
	s := rules{Rules: of}
	return s.bars(user, token, from, now)
}

func (s *rules) bars(user string, token chat.Role, from netip.Prefix, now time.Time) (m chat.Measure, ok bool) {
	if s.Empty() {
		return m, false
	}
	ms := now.UnixMilli()
	for _, what := range []chat.What{chat.Ban, chat.Kick} {
		if m, ok = s.Against(what, user, token, ms); ok {
			return m, true
		}
	}
	return s.barsAddress(from, s.RoleOf(user, token, ms), ms)
}

// barsAddress is the ban of the longest prefix of addresses that from is in, and that holds for a role.
func (s *rules) barsAddress(from netip.Prefix, role chat.Role, now int64) (m chat.Measure, ok bool) {
	if !from.IsValid() {
		return m, false
	}
	addr := from.Addr().Unmap()
	for _, bits := range s.lengths() {
		if bits > from.Bits() {
			continue // nobody knows whether it is in there
		}
		p, err := addr.Prefix(bits)
		if err != nil {
			continue // of the other kind of addresses
		}
		if m, ok = s.Find(chat.BanAddress, p.String(), now); ok && m.ByRole > role {
			return m, true
		}
	}
	return chat.Measure{}, false
}

// lengths are those of the prefixes that are banned, the longest first.
func (s *rules) lengths() []int {
	if s.prefixes != nil || s.Empty() {
		return s.prefixes
	}
	s.prefixes = []int{}
	for _, m := range s.Measures(0) {
		if p, err := netip.ParsePrefix(m.Target); m.What == chat.BanAddress && err == nil && !slices.Contains(s.prefixes, p.Bits()) {
			s.prefixes = append(s.prefixes, p.Bits())
		}
	}
	slices.Sort(s.prefixes)
	slices.Reverse(s.prefixes)
	return s.prefixes
}

// Terms are the lists of terms that the room's rules name, see chat.Rules. The map is the caller's.
func (r *Room) Terms() map[string]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.rules.Terms)
}

// Measures are all that are in force in the room. The slice is the caller's.
func (r *Room) Measures() []chat.Measure {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rules.Measures(r.hall.cfg().Clock.Now().UnixMilli())
}

// Modes are what clients receive of the room's rules, as a JSON object.
func (r *Room) Modes() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.modesLocked()
}

// RulesChanged takes the store's answer to a change of rules that this node asked for: it goes by it before whoever
// asked knows. It never blocks.
func (h *Hall) RulesChanged(id string, ev chat.Event) {
	if r := h.lookup(id); r != nil {
		r.mu.Lock()
		defer r.unlock()
		r.changeRulesLocked(ev.Rules)
	}
}
