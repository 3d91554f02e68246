package room

// latest is the last things that were put into it, at most as many as the argument most of put. The zero value is
// ready.
type latest[T any] struct {
	items []T
	next  int // where the oldest stands, once it is full
}

// put adds x, and drops the oldest where there are most already: always the same most.
// It returns what it dropped.
func (r *latest[T]) put(x T, most int) (old T, full bool) {
	if len(r.items) < most {
		r.items = append(r.items, x)
		return old, false
	}
	old, r.items[r.next] = r.items[r.next], x
	r.next = (r.next + 1) % most
	return old, true
}

// inOrder is a copy, oldest first.
func (r *latest[T]) inOrder() []T {
	return append(append([]T(nil), r.items[r.next:]...), r.items[:r.next]...)
}
