package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"barrage/bench"
	"barrage/bench/swarm"
)

// mood is how good a finding is; the larger, the worse.
type mood int

const (
	plain mood = iota
	good
	warning
	problem
	partial
)

// Word names the mood, so that nothing is shown by colour alone.
func (m mood) Word() string {
	return [...]string{"Note", "Good", "Warning", "Problem", "Incomplete"}[m]
}

// finding is one sentence about a result.
type finding struct {
	Mood mood
	Text string
}

// findings say in plain words what a result is worth, the worst first.
func findings(r *bench.Result) []finding {
	var out []finding
	say := func(m mood, format string, args ...any) { out = append(out, finding{m, fmt.Sprintf(format, args...)}) }
	if r.Partial != "" && r.Partial != r.Missing() { // The text of Missing follows below.
		say(partial, "The run ended before its time: %s. The figures hold up to that moment.", strings.TrimSuffix(r.Partial, "."))
	}
	m, c := &r.Messages, &r.Connections
	if faults := faults(r); len(faults) > 0 {
		say(problem, "Of %s that were expected, %s.", plural(m.Expected, "copy"), strings.Join(faults, ", "))
	}
	if m.Sent < m.Offered {
		say(problem, "Of %s that were due, %s could not be sent.", plural(m.Offered, "message"), number(m.Offered-m.Sent))
	}
	if c.Failed > 0 {
		say(problem, "%s of %s could not connect, the last one: %s.", number(c.Failed), plural(c.Wanted, "viewer"), why(c.FailedWhy))
	}
	if c.Made == 0 {
		say(problem, "No viewer connected.")
	}
	if c.Broken > 0 {
		say(problem, "%s cut off, the last one: %s.", plural(c.Broken, "connection"), why(c.BrokenWhy))
	}
	for _, w := range r.Warnings {
		say(warning, "%s", w)
	}
	if c.Failed == 0 && c.Broken == 0 && r.Client.Died == 0 && c.Made > 0 && c.Made >= c.Wanted {
		say(good, "All %s connected, and none was cut off.", plural(c.Made, "viewer"))
	}
	switch {
	case m.Offered == 0:
		say(plain, "No messages were due.")
	case m.Expected > 0 && len(faults(r)) == 0:
		sampled := "sampled viewers"
		if m.Sampled > 0 {
			sampled = plural(m.Sampled, "sampled viewer")
		}
		say(good, "All %s that were expected came: 0 lost, 0 doubled, 0 out of order (order: in %s).", plural(m.Expected, "copy"), sampled)
	}
	describeAnswers(r, say)
	describeConditions(r, say)
	slices.SortStableFunc(out, func(a, b finding) int { return cmp.Compare(b.Mood, a.Mood) })
	return out
}

// describeConditions adds what the figures leave out, and what held for the run.
func describeConditions(r *bench.Result, say func(m mood, format string, args ...any)) {
	m, c := &r.Messages, &r.Connections
	if r.Peer == "barrage" && len(r.Target.Addrs) == 0 && !slices.ContainsFunc(r.Scenario.Env, aboutLimits) {
		with := "no limits"
		if r.Scenario.Limits {
			with = "their usual limits"
		}
		say(plain, "The nodes had %s on what a client may send.", with)
	}
	if m.Others > 0 {
		say(plain, "Others said %s in the rooms, which count for nothing.", plural(m.Others, "message"))
	}
	if m.Uncounted > 0 {
		say(plain, "%s more went to viewers of which nobody knows exactly what they should have got: slow, cut off, late, in a room where others spoke, or of a client process that died.", plural(m.Uncounted, "copy"))
	}
	if c.SlowEnded > 0 {
		say(plain, "%s cut off.", plural(c.SlowEnded, "slow viewer"))
	}
}

// describeAnswers reports which outcomes senders received, whether all nodes showed the same, and what became of gifts.
func describeAnswers(r *bench.Result, say func(m mood, format string, args ...any)) {
	m := &r.Messages
	if !alike(m.Seen) {
		say(problem, "Viewers did not see the same on all nodes: %s.", seenBy(m.Seen))
	}
	if g := m.Gifts; g.Lost > 0 {
		say(problem, "Of %s of gifts at viewers who looked, %s lost.", plural(g.Expected, "copy"), number(g.Lost))
	}
	if n := m.Answers.Unanswered; n > 0 {
		say(warning, "Of %s that were sent, %s neither acknowledged nor refused: no answer came, or its connection ended before. Viewers should have them.",
			plural(m.Sent, "message"), number(n))
	}
	if n := untold(r); n > 0 {
		say(warning, "The servers left out %s (%s), for which the dialect has no word: their copies are among those lost.",
			plural(n, "message"), byReason(r.Server.Dropped))
	}
	if len(m.Seen) > 1 && m.Expected > 0 && alike(m.Seen) && m.Seen[0].Sampled > 0 {
		say(good, "Viewers saw the same on all nodes, in one order: %s.", seenBy(m.Seen))
	}
	if g := m.Gifts; g.Sent > 0 && g.Lost == 0 {
		say(good, "Of %s, %s refused; of their %s at viewers who looked, 0 lost.", plural(g.Sent, "gift"), number(g.Refused), plural(g.Expected, "copy"))
	}
	if n := m.Answers.TurnedAway(); n > 0 {
		say(plain, "Of %s that were sent, %s refused: %s. No viewer should have those, and latency is of the others.",
			plural(m.Sent, "message"), number(n), byReason(m.Answers.Refused))
	}
}

// byReason lists counts by their names, the largest first.
func byReason(counts map[string]uint64) string {
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), strings.Compare(a, b))
	})
	for i, name := range names {
		names[i] = number(counts[name]) + " " + name
	}
	return strings.Join(names, ", ")
}

// aboutLimits reports whether a setting of a node's environment is one of its limits.
func aboutLimits(setting string) bool { return strings.HasPrefix(setting, "BARRAGE_LIMITS_") }

// alike reports whether all viewers that looked saw the same.
func alike(seen []swarm.Seen) bool {
	return !slices.ContainsFunc(seen, func(s swarm.Seen) bool { return s.Alike < s.Sampled })
}

// seenBy says what viewers of each node saw.
func seenBy(seen []swarm.Seen) string {
	var parts []string
	for i, s := range seen {
		part := fmt.Sprintf("node %d: %s to %s", i+1, plural(s.Delivered, "copy"), plural(s.Viewers, "viewer"))
		if s.Viewers > 0 && s.Delivered%uint64(s.Viewers) == 0 {
			part = fmt.Sprintf("node %d: %s to each of %s", i+1, plural(s.Delivered/uint64(s.Viewers), "copy"), plural(s.Viewers, "viewer"))
		}
		parts = append(parts, fmt.Sprintf("%s, of whom %s looked and %s saw the same", part, number(s.Sampled), number(s.Alike)))
	}
	return strings.Join(parts, "; ")
}

// faults are what went wrong with copies: "12 lost".
func faults(r *bench.Result) (out []string) {
	m := &r.Messages
	add := func(n uint64, what string) {
		if n > 0 {
			out = append(out, number(n)+" "+what)
		}
	}
	add(m.Lost, "lost")
	add(m.Doubled, "doubled")
	add(m.Wrong, "of refused messages")
	add(m.OutOfOrder, "out of order")
	if m.Disagree > 0 {
		out = append(out, plural(m.Disagree, "viewer")+" saw another order")
	}
	return out
}

func why(s string) string {
	if s == "" {
		return "nobody knows why"
	}
	return strings.TrimSuffix(s, ".")
}

// verdict is a result's findings in a few words, and its worst mood, which says that it is
// not of all that was asked for.
func verdict(r *bench.Result) (string, mood) {
	var parts []string
	worst := good
	add := func(m mood, format string, args ...any) {
		parts = append(parts, fmt.Sprintf(format, args...))
		worst = max(worst, m)
	}
	if f := faults(r); len(f) > 0 {
		add(problem, "%s", strings.Join(f, ", "))
	}
	if n := r.Messages.Offered - min(r.Messages.Sent, r.Messages.Offered); n > 0 {
		add(problem, "%s not sent", number(n))
	}
	if !alike(r.Messages.Seen) {
		add(problem, "nodes differ")
	}
	if n := r.Connections.Failed; n > 0 {
		add(problem, "%s refused", plural(n, "viewer"))
	}
	if n := r.Connections.Broken; n > 0 {
		add(problem, "%s cut off", number(n))
	}
	switch {
	case len(parts) > 0:
	case r.Connections.Made == 0:
		add(problem, "nobody connected")
	case r.Messages.Expected > 0:
		add(good, "all came")
	default:
		add(good, "all stayed")
	}
	if n := r.Messages.Answers.TurnedAway(); n > 0 {
		add(plain, "%s refused", plural(n, "message"))
	}
	if n := r.Messages.Answers.Unanswered; n > 0 {
		add(warning, "%s not answered", number(n))
	}
	if n := len(r.Warnings); n > 0 {
		add(warning, "%s", plural(n, "warning"))
	}
	if r.Partial != "" {
		worst = partial
	}
	return strings.Join(parts, ", "), worst
}

// verdictText is the verdict where it stands alone.
func verdictText(r *bench.Result) string {
	text, m := verdict(r)
	if m == partial {
		return strings.ToUpper(m.Word()) + ", " + text
	}
	return text
}
