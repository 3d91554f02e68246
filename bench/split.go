package bench

import (
	"cmp"
	"math"
	"slices"

	"barrage/bench/swarm"
)

// shares are the parts of rooms 1.. n in the whole, largest first: in proportion to
// 1/k^zipf. They sum to 1, but for rounding.
func shares(n int, zipf float64) []float64 {
	parts := make([]float64, n)
	sum := 0.0
	for k := range parts {
		parts[k] = math.Pow(float64(k+1), -zipf)
		sum += parts[k]
	}
	for k := range parts {
		parts[k] /= sum
	}
	return parts
}

// split divides total by parts into whole numbers of at least least each, which sum to total exactly. The rest that
// rounding down leaves goes to those that lost most by it. The number total is at least least for each part.
func split(total, least int, parts []float64) []int {
	free := total - least*len(parts)
	whole := make([]int, len(parts))
	order := make([]int, len(parts))
	left := free
	rest := func(k int) float64 { return parts[k]*float64(free) - float64(whole[k]) }
	for k, part := range parts {
		whole[k] = int(part * float64(free))
		left -= whole[k]
		order[k] = k
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(rest(b), rest(a)) })
	for _, k := range order[:left] {
		whole[k]++
	}
	for k := range whole {
		whole[k] += least
	}
	return whole
}

// rooms lays s out. Slow viewers are taken where a room has more than its senders.
func (s Scenario) rooms() []swarm.Room {
	parts := shares(s.Rooms, s.Zipf)
	viewers, late := split(s.Viewers, 1, parts), split(s.Arrival.Viewers, 0, parts)
	rooms := make([]swarm.Room, s.Rooms)
	due := 0.0 // slow viewers, carried on from room to room so that small rooms have their part
	for k := range rooms {
		due += s.Slow.Share * float64(viewers[k])
		slow := min(int(due+0.5), max(viewers[k]-s.Senders, 0))
		due -= float64(slow)
		rooms[k] = swarm.Room{Viewers: viewers[k], Slow: slow, Late: late[k], Rate: s.Rate * parts[k]}
	}
	return rooms
}

// sampled is how many viewers look at order: as many as asked for, where there are so many
// that are not slow.
func (s Scenario) sampled() int {
	fast := 0
	for _, room := range s.rooms() {
		fast += room.Viewers - room.Slow + room.Late
	}
	return min(s.Sample, s.Viewers, fast)
}
