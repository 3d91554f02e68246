package swarm

// sample is what a viewer knows that reads everything.
type sample struct {
	plan  *Plan
	seen  numbers
	last  []uint64 // highest number seen of each sender, plus 1
	found uint64   // different messages seen
	gifts uint64   // those of them that are gifts
	// Counted copies.
	doubled, outOfOrder uint64
	others              uint64 // messages that others sent in the room
	// refused has the room's messages that were, nil while nobody knows them. wrong were seen all the same, wrongGifts
	// are the gifts among them.
	refused           *numbers
	wrong, wrongGifts uint64
	// set and order are hashes of the messages seen, without and with their order.
	set, order uint64
}

// newSample prepares a sample of a room of the plan.
func newSample(p *Plan, room int32) *sample {
	return &sample{plan: p, seen: newNumbers(p, room), last: make([]uint64, max(p.senders(int(room)), 1))}
}

// judge gives the sample the messages of its room that were refused.
func (s *sample) judge(refused *numbers) {
	s.refused = refused
	for number := range refused.all() {
		if s.seen.has(number) {
			s.fault(number)
		}
	}
}

// fault counts a message that was refused and came all the same.
func (s *sample) fault(number uint64) {
	s.wrong++
	if s.plan.gift(number) {
		s.wrongGifts++
	}
}

// note takes one message and reports whether it is new.
func (s *sample) note(number uint64) bool {
	if !s.seen.add(number) {
		s.doubled++
		return false
	}
	if s.plan.gift(number) {
		s.gifts++
	}
	if s.refused.has(number) {
		s.fault(number)
	}
	// Messages of one sender are in order; between two senders there is no order but the room's.
	last := &s.last[number%uint64(len(s.last))]
	if number < *last {
		s.outOfOrder++
	}
	*last = max(*last, number+1)
	s.found++
	s.set += mix(number)
	s.order = mix(s.order + number)
	return true
}

// mix is a good hash of one number (the finalizer of MurmurHash3), the same in every
// process.
func mix(n uint64) uint64 {
	n++
	n ^= n >> 33
	n *= 0xff51afd7ed558ccd
	n ^= n >> 33
	n *= 0xc4ceb9fe1a85ec53
	return n ^ n>>33
}
