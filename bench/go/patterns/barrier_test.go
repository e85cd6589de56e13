// Rounds of two and of eight; a latch.  Go has no barrier: this is the one of a mutex and a
// condition variable that is written instead; its latch is a wait group.
// The twin of ../../patterns/barrier_bench.c.

package patterns

import (
	"sync"
	"testing"
)

type barrier struct {
	m                sync.Mutex
	c                *sync.Cond
	parties, waiting int
	round            uint64
}

func (x *barrier) wait() {
	x.m.Lock()
	defer x.m.Unlock()
	if x.waiting++; x.waiting == x.parties {
		x.waiting = 0
		x.round++
		x.c.Broadcast()
		return
	}
	for r := x.round; r == x.round; {
		x.c.Wait()
	}
}

func roundsOf(b *testing.B, parties int) {
	var wg sync.WaitGroup
	x := &barrier{parties: parties}
	x.c = sync.NewCond(&x.m)
	for range parties {
		wg.Go(func() {
			for range b.N {
				x.wait()
			}
		})
	}
	wg.Wait()
}

// One operation: a round of two goroutines.
func BenchmarkBarrier2(b *testing.B) { roundsOf(b, 2) }

// One operation: a round of eight.
func BenchmarkBarrier8(b *testing.B) { roundsOf(b, 8) }

// One operation: a latch of eight, counted down and waited for.
func BenchmarkLatch(b *testing.B) {
	for range b.N {
		var l sync.WaitGroup
		l.Add(8)
		for range 8 {
			l.Done()
		}
		l.Wait()
	}
}
