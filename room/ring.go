package room

// ring is the last things that were put into it, at most as many as put is told. The zero value is
// ready.
type ring[T any] struct {
	items []T
	next  int // where the oldest stands, once it is full
}

// put adds x, and drops the oldest where there are most already: always the same most.
func (r *ring[T]) put(x T, most int) {
	if len(r.items) < most {
		r.items = append(r.items, x)
		return
	}
	r.items[r.next] = x
	r.next = (r.next + 1) % most
}

// oldest is the zero value where there is nothing.
func (r *ring[T]) oldest() (x T) {
	if len(r.items) > 0 {
		x = r.items[r.next]
	}
	return x
}

// inOrder is a copy, oldest first.
func (r *ring[T]) inOrder() []T {
	return append(append([]T(nil), r.items[r.next:]...), r.items[:r.next]...)
}
