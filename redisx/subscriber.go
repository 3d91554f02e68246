package redisx

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"barrage/internal/once"
)

// errNoSlots is why not all events of a cluster can be had.
var errNoSlots = errors.New("some slots have no master")

// subscriber spreads the channels that are wanted over links. There is one link, main, for
// all that is published with PUBLISH. With sharded pub/sub there is one more for every master of the cluster, which has
// the channels of the rooms in its slots.
type subscriber struct {
	// Immutable after newSubscriber.
	main *link
	// sharded is nil without sharded pub/sub.
	sharded *sharding
	// running waits for the links' goroutines.
	running *sync.WaitGroup

	// Immutable after run.
	// report is called with the reason why not all events can be had, or with nil.
	report func(state error)
	// resumed is called where events may have been missed until now; back: it was because a connection was lost. It may be
	// called from many goroutines.
	resumed func(back bool)

	// updating keeps the reports in order. Locked before mu.
	updating sync.Mutex

	mu sync.Mutex // guards the fields below
	// retired is what links that are gone counted in rebuilt.
	retired uint64
	// homes has the link of every channel that is wanted.
	homes map[string]*link
	// faults hold why a link cannot be used; nil = it can.
	faults map[*link]error
}

// sharding is what only sharded pub/sub needs.
type sharding struct {
	// Immutable after newSubscriber.
	node    string
	timeout time.Duration
	// slotOf is the slot of a channel.
	slotOf func(channel string) uint16
	// open makes a link to a master. It is not running.
	open func(addr, probe string) *link
	// probe has Redis take a probe for a link.
	probe func(context.Context, *link) error
	// read asks the cluster who has which slot.
	read func(context.Context) (slotTable, error)
	// wake asks for another look at the slots. One is enough.
	wake once.Signal
	// unassigned has the channels whose master is not known. It has no connection.
	unassigned *link

	// Guarded by subscriber.mu.
	table  slotTable
	shards map[string]shard
}

// shard is the link to a master. Guarded by subscriber.mu.
type shard struct {
	link *link
	stop context.CancelFunc
}

func newSubscriber(one *link, s *sharding, running *sync.WaitGroup) *subscriber {
	subs := &subscriber{
		main:    one,
		sharded: s,
		running: running,
		homes:   make(map[string]*link),
		faults:  map[*link]error{one: errNotYet},
	}
	if s != nil {
		subs.faults[s.unassigned] = errNotYet
	}
	return subs
}

// want asks for channels and returns once the server has confirmed them, or with an error
// when ctx ends or they are unwanted first. The wish outlives ctx.
func (s *subscriber) want(ctx context.Context, channels ...string) error {
	s.mu.Lock()
	for _, channel := range channels {
		if s.homes[channel] == nil {
			home := s.homeLocked(channel)
			s.homes[channel] = home
			home.add(channel, false)
		}
	}
	s.mu.Unlock()
	for _, channel := range channels {
		if err := s.await(ctx, channel); err != nil {
			return err
		}
	}
	return nil
}

// await waits for one channel, wherever it moves.
func (s *subscriber) await(ctx context.Context, channel string) error {
	for {
		s.mu.Lock()
		home := s.homes[channel]
		s.mu.Unlock()
		if home == nil {
			return errUnwanted
		}
		if err := home.await(ctx, channel); !errors.Is(err, errMoved) {
			return err
		}
	}
}

// unwant gives channels up. It does not wait.
func (s *subscriber) unwant(channels ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, channel := range channels {
		if home := s.homes[channel]; home != nil {
			delete(s.homes, channel)
			home.drop(channel, false)
		}
	}
}

// wanted reports whether anybody wants the events of channel.
func (s *subscriber) wanted(channel string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.homes[channel] != nil
}

// users are those whose channels are wanted.
func (s *subscriber) users() (all []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for channel := range s.homes {
		if user, ok := strings.CutPrefix(channel, userChannelPrefix); ok {
			all = append(all, user)
		}
	}
	return all
}

// count is how many channels are wanted.
func (s *subscriber) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.homes)
}

// rebuilt is how many connections were made anew because they were deaf.
func (s *subscriber) rebuilt() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.retired + s.main.rebuilt.Load()
	if s.sharded != nil {
		for _, shard := range s.sharded.shards {
			n += shard.link.rebuilt.Load()
		}
	}
	return n
}

// homeLocked is the link that channel belongs on. s.mu must be held.
func (s *subscriber) homeLocked(channel string) *link {
	if s.sharded == nil || !isRoomChannel(channel) {
		return s.main
	}
	if shard, ok := s.sharded.shards[s.sharded.table.master(s.sharded.slotOf(channel))]; ok {
		return shard.link
	}
	return s.sharded.unassigned
}

// run keeps all links until ctx ends. It returns before they have ended.
func (s *subscriber) run(ctx context.Context, report func(state error), resumed func(back bool)) {
	s.report, s.resumed = report, resumed
	s.runLink(ctx, s.main)
	if s.sharded != nil {
		s.running.Go(func() { s.keepMap(ctx) }) // Ends with ctx.
	}
}

// runLink keeps one link until ctx ends.
func (s *subscriber) runLink(ctx context.Context, l *link) {
	lost := false         // or not there at first
	s.running.Go(func() { // Ends with ctx.
		l.run(ctx, linkCallbacks{
			late: func() { s.resumed(false) },
			state: func(err error) {
				s.update(func() {
					if _, ok := s.faults[l]; ok { // Else it was retired meanwhile.
						s.faults[l] = err
					}
				})
				if lost && err == nil {
					s.resumed(true)
				}
				lost = err != nil
			},
		})
	})
}

// update makes a change, with mu held, and reports the state after it.
func (s *subscriber) update(change func()) {
	s.updating.Lock()
	defer s.updating.Unlock()
	s.mu.Lock()
	change()
	state := s.stateLocked()
	s.mu.Unlock()
	s.report(state)
}

// stateLocked is why not all events can be had, or nil. s.mu must be held.
func (s *subscriber) stateLocked() error {
	for _, fault := range s.faults {
		if fault != nil {
			return fault
		}
	}
	return nil
}

// remapPause is how long to wait between two looks at the slots. While one moves, the
// nodes of a cluster do not agree for some milliseconds.
const remapPause = 50 * time.Millisecond

// keepMap keeps the links in step with the masters until ctx ends.
func (s *subscriber) keepMap(ctx context.Context) {
	every := time.NewTicker(topologyEvery)
	defer every.Stop()
	for failures := 0; ; {
		pause := remapPause
		if table, err := s.sharded.read(ctx); err == nil {
			failures = 0
			s.remap(ctx, table)
		} else if ctx.Err() == nil {
			failures++
			pause = backoff(failures)
			s.askMap() // Until it is known.
		}
		rest := time.NewTimer(pause)
		select {
		case <-rest.C:
		case <-ctx.Done():
			rest.Stop()
			return
		}
		select {
		case <-s.sharded.wake:
		case <-every.C:
		case <-ctx.Done():
			return
		}
	}
}

// askMap has keepMap look soon.
func (s *subscriber) askMap() { s.sharded.wake.Set() }

// remap makes links to new masters, moves the channels, and ends the links to those that
// are none any more.
func (s *subscriber) remap(ctx context.Context, table slotTable) {
	s.update(func() {
		masters := table.masters()
		s.sharded.table = table
		for addr := range masters {
			s.keepShardLocked(ctx, addr)
		}
		for channel, home := range s.homes {
			if now := s.homeLocked(channel); now != home {
				home.drop(channel, true)
				s.homes[channel] = now
				now.add(channel, true)
			}
		}
		for addr, shard := range s.sharded.shards {
			if masters[addr] {
				shard.link.retry()
				continue
			}
			shard.stop()
			s.retired += shard.link.rebuilt.Load()
			delete(s.sharded.shards, addr)
			delete(s.faults, shard.link)
		}
		s.faults[s.sharded.unassigned] = nil
		if table.holes() {
			s.faults[s.sharded.unassigned] = errNoSlots
		}
	})
}

// keepShardLocked has a link to the master at addr, and has it listen to a probe there.
// s.mu must be held.
func (s *subscriber) keepShardLocked(ctx context.Context, addr string) {
	sh := s.sharded
	if have, ok := sh.shards[addr]; ok {
		if sh.table.master(sh.slotOf(have.link.probeName())) != addr {
			have.link.setProbe(s.shardProbe(addr))
		}
		return
	}
	ctx, stop := context.WithCancel(ctx)
	l := sh.open(addr, s.shardProbe(addr))
	sh.shards[addr] = shard{l, stop}
	s.faults[l] = errNotYet
	s.runLink(ctx, l)
	s.running.Go(func() { s.keepProbing(ctx, l) }) // Ends with ctx.
}

// shardProbe is the name of a probe whose slot addr has. It must have one.
func (s *subscriber) shardProbe(addr string) string {
	for i := 0; ; i++ {
		probe := probeOf(s.sharded.node, strconv.Itoa(i))
		if s.sharded.table.master(s.sharded.slotOf(probe)) == addr {
			return probe
		}
	}
}

// keepProbing sends probes to a shard's link until ctx ends.
func (s *subscriber) keepProbing(ctx context.Context, l *link) {
	ticker := time.NewTicker(probeEvery)
	defer ticker.Stop()
	for {
		probing, cancel := context.WithTimeout(ctx, s.sharded.timeout)
		err := s.sharded.probe(probing, l)
		cancel()
		if err == nil {
			l.tookProbe()
		}
		select {
		case <-ticker.C:
		case <-l.ask:
		case <-ctx.Done():
			return
		}
	}
}
