// Permits: free, fought over.
// The twin of ../../patterns/semaphore_bench.c.

package patterns

import (
	"context"
	"runtime"
	"sync"
	"testing"

	"golang.org/x/sync/semaphore"
)

// One operation: acquire and release; nobody else wants it.
func BenchmarkSemaphore(b *testing.B) {
	s, ctx := semaphore.NewWeighted(4), context.Background()
	for range b.N {
		s.Acquire(ctx, 1)
		s.Release(1)
	}
}

// One operation: acquire and release one of four by any of eight goroutines.
// Who holds one yields, so that the others come and find none.
func BenchmarkSemaphoreContended(b *testing.B) {
	s, ctx := semaphore.NewWeighted(4), context.Background()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range share(b.N, i, 8) {
				s.Acquire(ctx, 1)
				runtime.Gosched()
				s.Release(1)
			}
		})
	}
	wg.Wait()
}
