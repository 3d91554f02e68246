package swarm

// This file is the outcomes of messages, in dialects that report them to senders (manner.accounts): each was taken, or
// refused with a code. Refused messages are expected at no viewer.

const (
	// mostCodes bounds how many codes of refusals are counted apart; those of further ones are otherCode.
	mostCodes = 32
	// mostCode bounds a code in bytes, because the server chooses it.
	mostCode = 64
	// otherCode counts the rest.
	otherCode = "other"
)

// verdicts is what was answered about the messages of one room.
type verdicts struct {
	known   numbers // answered
	refused numbers
	// Counted messages: those refused, and the gifts among them.
	turnedAway, gifts int64
}

// answered takes the answer to a message of a viewer; an empty code reports that it was taken. A message that was
// answered before, that is another sender's, or was not offered yet, is passed over. So is what comes once what was
// refused is reported to the crew. That message counts as not answered, which is what viewers are held to.
func (l *loop) answered(v *viewer, number uint64, code string) {
	room := v.seat.room
	if v.speaker == nil || l.sender == nil || l.reportedSent || number >= l.sender.offered.Load() ||
		number%uint64(len(l.speakers[room])) != uint64(v.seat.speaker) {
		return
	}
	r := l.verdicts[room]
	if r == nil {
		r = &verdicts{known: newNumbers(l.plan, room), refused: newNumbers(l.plan, room)}
		l.verdicts[room] = r
	}
	if !r.known.add(number) {
		return
	}
	v.speaker.settle()
	gift := l.plan.gift(number)
	if code == "" {
		l.totals.Answers.Acked++
		if gift {
			l.totals.Gifts.Acked++
		}
		return
	}
	r.refused.add(number)
	r.turnedAway++
	if gift {
		r.gifts++
		l.totals.Gifts.Refused++
	}
	l.totals.Answers.refuse(code, 1)
}

// refuse counts n refusals with a code.
func (a *Answers) refuse(code string, n uint64) {
	if _, known := a.Refused[code]; !known && len(a.Refused) >= mostCodes-1 || len(code) > mostCode {
		code = otherCode
	}
	if a.Refused == nil {
		a.Refused = map[string]uint64{}
	}
	a.Refused[code] += n
}

// owed reports whether an answer to something sent may still come.
func (l *loop) owed() bool {
	if !l.manner.accounts {
		return false
	}
	for _, i := range l.speaking {
		if v := &l.viewers[i]; v.stage >= watching && v.speaker.owes() {
			return true
		}
	}
	return false
}
