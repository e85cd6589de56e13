// Locks: free, fought over, shared.
// The twin of ../sync_bench.c.

package weftbench

import (
	"runtime"
	"slices"
	"sync"
	"testing"
)

const (
	lockers = 8
	readers = 8
)

// One operation: lock and unlock; nobody else wants it.
func BenchmarkMutex(b *testing.B) {
	var m sync.Mutex

	for range b.N {
		m.Lock()
		m.Unlock()
	}
}

type fight struct {
	m    sync.Mutex
	left int // protected by m, and so is ops
	ops  [lockers]int
}

// locker yields while it holds the lock, so that the others come and find it
// locked.
func (f *fight) locker(i int) {
	for more := true; more; {
		f.m.Lock()
		more = f.left > 0
		if more {
			f.left--
			f.ops[i]++
			runtime.Gosched()
		}
		f.m.Unlock()
	}
}

// One operation: one lock by any of eight goroutines.
func BenchmarkMutexContended(b *testing.B) {
	f := fight{left: b.N}
	var wg sync.WaitGroup

	for i := range lockers {
		wg.Go(func() { f.locker(i) })
	}
	wg.Wait()
	// The busiest goroutine's turns for each turn of the idlest; 1 is fair.
	most, least := slices.Max(f.ops[:]), slices.Min(f.ops[:])
	b.ReportMetric(float64(most)/float64(max(least, 1)), "max/min-ops")
}

// One operation: one read lock and unlock by any of eight goroutines.
func BenchmarkRWMutexRead(b *testing.B) {
	var m sync.RWMutex
	var wg sync.WaitGroup

	for i := range readers {
		wg.Go(func() {
			for k := range share(b.N, i, readers) {
				m.RLock()
				m.RUnlock()
				if k%1024 == 0 {
					runtime.Gosched() // as ours does
				}
			}
		})
	}
	wg.Wait()
}
