package fleet

import "time"

// PeekPatience sets how long answers are waited for. Tests of other packages use it before the first question; lint
// forbids the name to others.
func (f *Fleet) PeekPatience(d time.Duration) { f.patience = d }
