package redisx

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/redis/rueidis"
)

// slots is how many slots a cluster has.
const slots = 16384

// slotTable says who has which slot: ranges in order, without those nobody has.
type slotTable []slotRange

// slotRange is a run of slots, both ends included.
type slotRange struct {
	first, last uint16
	// master is host:port.
	master string
}

// master is who has slot; empty = nobody.
func (t slotTable) master(slot uint16) string {
	i, _ := slices.BinarySearchFunc(t, slot, func(r slotRange, slot uint16) int { return int(r.last) - int(slot) })
	if i < len(t) && t[i].first <= slot {
		return t[i].master
	}
	return ""
}

// masters are all who have slots.
func (t slotTable) masters() map[string]bool {
	all := make(map[string]bool)
	for _, r := range t {
		all[r.master] = true
	}
	return all
}

// holes reports whether there are slots that nobody has.
func (t slotTable) holes() bool {
	n := 0
	for _, r := range t {
		n += int(r.last) - int(r.first) + 1
	}
	return n != slots
}

// slotOf is the slot of a key or a channel; 16384 if Redis is no cluster.
func (r *Redis) slotOf(key string) uint16 {
	cmd := r.client.B().Get().Key(key).Build()
	return min(cmd.Slot(), slots)
}

// readSlots asks the nodes of the cluster, in no order, until one answers who has which slot.
func (r *Redis) readSlots(ctx context.Context) (slotTable, error) {
	if !r.client.contact.Load() {
		return nil, errNotYet
	}
	var errs []error
	for addr, node := range r.client.Nodes() {
		ctx, cancel := context.WithTimeout(ctx, r.cfg.Timeout)
		table, err := readSlotsOf(ctx, addr, node)
		cancel()
		if err == nil {
			return table, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// watchMasters calls changed whenever slots have other masters than before, until Close. A master that is gone may have
// taken messages with it, or the events of them.
func (r *Redis) watchMasters(changed func()) {
	ticker := time.NewTicker(topologyEvery)
	defer ticker.Stop()
	var last slotTable
	for {
		if table, err := r.readSlots(r.ctx); err == nil {
			if last != nil && !slices.Equal(table, last) {
				changed()
			}
			last = table
		}
		select {
		case <-ticker.C:
		case <-r.ctx.Done():
			return
		}
	}
}

// readSlotsOf asks one node who has which slot.
func readSlotsOf(ctx context.Context, addr string, node rueidis.Client) (slotTable, error) {
	ranges, err := node.Do(ctx, node.B().ClusterSlots().Build()).ToArray()
	if err != nil {
		return nil, err
	}
	var table slotTable
	for _, fields := range ranges {
		r, err := parseSlotRange(addr, fields)
		if err != nil {
			return nil, err
		}
		table = append(table, r)
	}
	slices.SortFunc(table, func(a, b slotRange) int { return int(a.first) - int(b.first) })
	return table, nil
}

// parseSlotRange reads an entry of CLUSTER SLOTS. An entry is first and last slot, and the nodes that have them, the
// master first, each as host, port, and more. A node that does not know its own name leaves it out: then it is that of
// addr.
func parseSlotRange(addr string, entry rueidis.RedisMessage) (slotRange, error) {
	bad := func(err error) (slotRange, error) {
		return slotRange{}, fmt.Errorf("cannot read the slots that %s knows: %w", addr, err)
	}
	fields, err := entry.ToArray()
	if err != nil || len(fields) < 3 {
		return bad(errors.Join(errBadAnswer, err))
	}
	first, err1 := fields[0].AsUint64()
	last, err2 := fields[1].AsUint64()
	master, err3 := fields[2].ToArray()
	if err := errors.Join(err1, err2, err3); err != nil || first > last || last >= slots || len(master) < 2 {
		return bad(errors.Join(errBadAnswer, err))
	}
	host, err1 := master[0].ToString()
	port, err2 := master[1].AsInt64()
	if rueidis.IsRedisNil(err1) || host == "" {
		host, _, err1 = net.SplitHostPort(addr)
	}
	if err := errors.Join(err1, err2); err != nil {
		return bad(err)
	}
	return slotRange{uint16(first), uint16(last), net.JoinHostPort(host, strconv.FormatInt(port, 10))}, nil
}
