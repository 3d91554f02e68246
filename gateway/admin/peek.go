package admin

import (
	"maps"
	"slices"

	"barrage/gateway/keys"
)

// This file is what tests of package gateway, which go over the wire, see and do of what the wire does not show.
// Nothing else uses it: lint forbids the names.

// PeekOperations are the method and the path of each operation, by what a key must be able to do for it.
func (p *Port) PeekOperations() map[keys.Can][]string {
	all := map[keys.Can][]string{}
	for can, routes := range p.operations() {
		all[can] = slices.Collect(maps.Keys(routes))
	}
	return all
}

// PeekBusy has as many exports and searches under way as there may be.
func (p *Port) PeekBusy() {
	p.rooms.exports.underWay.Add(mostLongReads)
	p.rooms.searches.underWay.Add(mostLongReads)
}
