// Entering and leaving: empty, and with others waiting.
// The twin of ../../patterns/bulkhead_bench.c.

package patterns

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

type bulkhead struct {
	places  chan struct{}
	waiting atomic.Int32
	queue   int32
	wait    time.Duration
}

var errFull, errLate = errors.New("full"), errors.New("late")

func (h *bulkhead) enter() error {
	select {
	case h.places <- struct{}{}:
		return nil
	default:
	}
	defer h.waiting.Add(-1)
	if h.waiting.Add(1) > h.queue {
		return errFull
	}
	t := time.NewTimer(h.wait)
	defer t.Stop()
	select {
	case h.places <- struct{}{}:
		return nil
	case <-t.C:
		return errLate
	}
}

func (h *bulkhead) leave() { <-h.places }

// One operation: enter and leave; nobody else is there.
func BenchmarkBulkhead(b *testing.B) {
	h := &bulkhead{places: make(chan struct{}, 4), queue: 8, wait: time.Second}
	for range b.N {
		h.enter()
		h.leave()
	}
}

// One operation: enter and leave, four at a time, by any of eight goroutines.
func BenchmarkBulkheadContended(b *testing.B) {
	h := &bulkhead{places: make(chan struct{}, 4), queue: 8, wait: time.Second}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range share(b.N, i, 8) {
				h.enter()
				runtime.Gosched()
				h.leave()
			}
		})
	}
	wg.Wait()
}
