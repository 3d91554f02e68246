package swarm

// finish reports what was sent once nothing more will be, and the totals once nothing more will come.
func (l *loop) finish() {
	begun := l.stopped || !l.loadAt.IsZero()
	if !begun || l.done {
		return
	}
	gone := l.gone()
	if gone && l.sender != nil {
		l.sender.stop()
	}
	if !l.reportedSent && l.hushed() && (!l.owed() || l.now.After(l.deadline)) {
		l.reportedSent = true
		l.report(report{Sent: &sentReport{Rooms: l.uttered()}})
	}
	if l.reportedSent && l.rooms != nil && (gone || l.complete()) {
		l.done = true
		l.reportDone()
	}
}

// uttered is what was sent in the rooms whose senders are here.
func (l *loop) uttered() map[int]roomReport {
	rooms := map[int]roomReport{}
	if l.sender == nil {
		return rooms
	}
	for room, n := range l.sender.byRoom {
		if n == 0 {
			continue
		}
		r := roomReport{Messages: int64(n), Gifts: int64(l.sender.giving[room])}
		if v := l.verdicts[int32(room)]; v != nil && v.turnedAway > 0 {
			r.Messages, r.Gifts, r.Refused = r.Messages-v.turnedAway, r.Gifts-v.gifts, v.refused
		}
		rooms[room] = r
	}
	return rooms
}

// hushed reports whether the sender has ended.
func (l *loop) hushed() bool {
	if l.sender == nil {
		return true
	}
	select {
	case <-l.sender.done:
		return true
	default:
		return false
	}
}

// gone reports whether all viewers that read have ended other than by our will, with none
// to come. Slow ones do not count: the data that fills their sockets hides the end from them.
func (l *loop) gone() bool {
	return l.reading == 0 && l.pending == 0 && l.next == len(l.queue) && len(l.returning) == 0 &&
		l.totals.Failed+l.totals.Broken > 0
}

// complete reports whether nothing more is to be waited for.
func (l *loop) complete() bool {
	switch {
	case !l.stopped && l.now.Before(l.endAt):
		return false
	case l.now.After(l.deadline):
		return true
	case l.pending > 0 || l.next < len(l.queue) || len(l.returning) > 0:
		return false
	case l.now.Sub(l.quietSince) < settle:
		return false
	}
	for i := range l.viewers {
		if expected, exact := l.expected(&l.viewers[i]); exact && l.viewers[i].distinct() < expected {
			return false
		}
	}
	return true
}

// expected is how many copies a viewer should have; exact says whether that is known.
func (l *loop) expected(v *viewer) (n uint64, exact bool) {
	all := l.rooms[v.seat.room].Messages
	if v.stage != watching || v.seat.slow || !v.exact || all < 0 {
		return 0, false
	}
	return uint64(all) - min(v.before, uint64(all)), true
}

// distinct is how many copies a viewer has, without those that it knows to be doubles, or of refused messages.
func (v *viewer) distinct() uint64 {
	if v.sample != nil {
		return v.got - v.sample.doubled - v.sample.wrong
	}
	return v.got
}

// retire takes a viewer that ended into account: nobody knows what it should have got.
func (l *loop) retire(v *viewer) {
	l.totals.Uncounted += v.distinct()
	l.reckon(v)
	v.got = 0
	if s := v.sample; s != nil {
		v.sample = newSample(l.plan, v.seat.room)
		v.sample.others = s.others
		l.judge(v)
	}
}

// judge gives a sampled viewer the messages that were refused, once that is known.
func (l *loop) judge(v *viewer) {
	if l.rooms != nil && v.sample != nil {
		v.sample.judge(&l.rooms[v.seat.room].Refused)
	}
}

// reckon adds what a sampled viewer found out by itself.
func (l *loop) reckon(v *viewer) {
	if v.sample != nil {
		l.totals.Doubled += v.sample.doubled
		l.totals.OutOfOrder += v.sample.outOfOrder
		l.totals.Wrong += v.sample.wrong
	}
}

// othersIn is how many messages of others came in each room, as far as somebody here has read them. A viewer that only
// counts cannot distinguish them from ours.
func (l *loop) othersIn() map[int32]uint64 {
	in := map[int32]uint64{}
	for i := range l.viewers {
		if s := l.viewers[i].sample; s != nil && s.others > 0 {
			room := l.viewers[i].seat.room
			in[room] = max(in[room], s.others)
		}
	}
	return in
}

// reportDone adds it all up.
func (l *loop) reportDone() {
	l.measured()
	o := &l.totals
	r := done{Reading: l.reading}
	if l.sender != nil {
		s := l.sender
		o.Offered, o.Sent = s.offered.Load(), s.sent.Load()
		o.Measured.Sent = s.sentMeasured.Load()
		o.Late = s.late
		o.Gifts.Sent = s.gifts.Load()
		if l.manner.accounts {
			o.Answers.Unanswered = o.Sent - o.Answers.Acked - o.Answers.TurnedAway()
		}
	}
	o.Seen = make([]Seen, len(l.plan.Targets))
	others := l.othersIn()
	for _, n := range others {
		o.Others += n
	}
	for i := range l.viewers {
		v := &l.viewers[i]
		if v.stage != watching && v.stage != leaving {
			continue
		}
		has, whole := v.distinct(), false
		if n, exact := l.expected(v); exact && (v.sample != nil || others[v.seat.room] == 0) {
			o.Expected += n
			o.Delivered += min(has, n)
			o.Lost += n - min(has, n)
			o.Doubled += has - min(has, n)
			seen := &o.Seen[v.seat.target]
			seen.Viewers++
			seen.Delivered += min(has, n)
			seen.Lost += n - min(has, n)
			whole = v.before == 0
		} else {
			o.Uncounted += has
		}
		l.reckon(v)
		if s := v.sample; s != nil {
			r.Sightings = append(r.Sightings, sighting{v.seat.room, s.found, s.set, s.order, int(v.seat.target), whole})
			if whole {
				o.Gifts.account(l.rooms[v.seat.room].Gifts, s)
			}
		}
	}
	r.Totals = *o
	r.Latency, r.Connect = wireHistogram{o.Latency}, wireHistogram{o.Connect}
	r.Welcome, r.Late = wireHistogram{o.Welcome}, wireHistogram{o.Late}
	l.report(report{Done: &r})
}
