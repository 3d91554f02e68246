package room

import "sync/atomic"

// copies are one room's messages times members. All atomic.
type copies struct{ offered, sent, skipped, left atomic.Uint64 }

// counters are the hall's figures. All atomic.
type counters struct {
	rooms, members atomic.Int64
	tally          tally
	awaiting       atomic.Int64 // rooms with answers of the store whose events have not come, see Room.unlock
	full           atomic.Int64 // members whose socket takes no more

	offered, accepted                      atomic.Uint64
	refusedBusy, local                     atomic.Uint64
	retries, drifts, reports, reportErrors atomic.Uint64
	sent, skipped, left                    atomic.Uint64
	sentBytes, writes, volleyed            atomic.Uint64
	welcomes                               atomic.Uint64
	gaps, fetches, fetchErrors, missed     atomic.Uint64
	epochs                                 atomic.Uint64
	held, heldDropped                      atomic.Uint64
}

// Stats are a hall's figures at one moment. Those that count up begin at 0 when the
// hall starts. A copy is one message for one member.
type Stats struct {
	Rooms   int64 // live now
	Members int64 // now
	Waiting int64 // messages on their way to the store now
	Full    int64 // members whose socket takes no more now

	LogBytes int64 // of the logs of all rooms now

	Accepted            uint64 // messages that came from the store and were not given before, each room's once
	RefusedBusy         uint64 // messages refused with ErrBusy, by the queues' bounds or the shares in them
	RefusedUnauthorized uint64 // messages refused by Callbacks.Authorize
	RefusedStore        uint64 // messages the store did not take
	RefusedRate         uint64 // messages of users who send too much
	RefusedRules        uint64 // messages that rules forbid, and those of Room.Shadow
	Shed                Shed   // messages left out, because the room had too many
	Held                uint64 // messages that were given to the store to wait for a moderator
	HeldDropped         uint64 // messages that had to go for those
	RefusedOld          uint64 // messages given up after Config.QueueAge, that no member had

	Local     uint64 // messages that members of this node received before the store, which was away
	LocalOnly uint64 // those of them that were given up after Config.QueueAge, before the store was asked
	// Unconfirmed messages were given up after the store was asked: it may have them or not.
	Unconfirmed uint64
	Retries     uint64 // batches tried again
	Repeats     uint64 // messages that were stored before, and not again

	// Offered copies are those of each message for each member at that moment:
	// Offered = Sent + Skipped + Left + what is still on its way.
	Offered   uint64
	Sent      uint64 // copies handed to sockets
	Skipped   uint64 // copies jumped over for members that were too slow
	Left      uint64 // copies not sent because their member left first
	SentBytes uint64 // bytes of Sent
	Writes    uint64 // writes that carried Sent
	Volleyed  uint64 // those of them that went to the kernel together, see VolleyWriter

	Welcomes    uint64 // first frames built, not those sent
	Gaps        uint64 // holes noticed in what the store sent
	Fetches     uint64 // reads of history to load a room or to catch up
	FetchErrors uint64 // those that failed
	Missed      uint64 // messages that passed unheard and could not be read any more: trimmed or recalled meanwhile
	Epochs      uint64 // times a room's count started again

	Drifts       uint64 // quiet rooms found to lack something, by asking the store
	Reports      uint64 // reports of rooms to the store
	ReportErrors uint64 // those that failed
}

// Stats reads the figures. It is cheap.
func (h *Hall) Stats() Stats {
	c := &h.stats
	var shed Shed
	for s := range shed {
		for class := range shed[s] {
			shed[s][class] = c.tally.shed[s][class].Load()
		}
	}
	return Stats{
		Shed:  shed,
		Rooms: c.rooms.Load(), Members: c.members.Load(), Waiting: c.tally.posts.Load(), Full: c.full.Load(),
		LogBytes: h.budget.bytes.Load(),
		Accepted: c.accepted.Load(), Offered: c.offered.Load(), RefusedBusy: c.refusedBusy.Load(),
		RefusedUnauthorized: c.tally.refusedUnauthorized.Load(), RefusedStore: c.tally.refusedStore.Load(), RefusedRate: c.tally.refusedRate.Load(), RefusedRules: c.tally.refusedRules.Load(),
		Sent: c.sent.Load(), Skipped: c.skipped.Load(), Left: c.left.Load(),
		SentBytes: c.sentBytes.Load(), Writes: c.writes.Load(), Volleyed: c.volleyed.Load(), Welcomes: c.welcomes.Load(),
		Gaps: c.gaps.Load(), Fetches: c.fetches.Load(), FetchErrors: c.fetchErrors.Load(),
		Missed: c.missed.Load(), Epochs: c.epochs.Load(),
		RefusedOld: c.tally.expired.Load(), Local: c.local.Load(), LocalOnly: c.tally.localOnly.Load(), Unconfirmed: c.tally.unconfirmed.Load(),
		Held: c.held.Load(), HeldDropped: c.heldDropped.Load(),
		Retries: c.retries.Load(), Repeats: c.tally.repeats.Load(),
		Drifts: c.drifts.Load(), Reports: c.reports.Load(), ReportErrors: c.reportErrors.Load(),
	}
}
