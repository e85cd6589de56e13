// Calls that nobody shares, and one that eight do.
// The twin of ../../patterns/singleflight_bench.c.

package patterns

import (
	"context"
	"runtime"
	"sync"
	"testing"

	"golang.org/x/sync/singleflight"
)

func quick() (any, error) { return nil, nil }

func slow() (any, error) {
	runtime.Gosched()
	return nil, nil
}

// One operation: a call that nobody joins, by somebody who stays.
func BenchmarkSingleflight(b *testing.B) {
	var g singleflight.Group
	for range b.N {
		g.Do("key", quick)
	}
}

// The same, by somebody who could leave.
func BenchmarkSingleflightCtx(b *testing.B) {
	var g singleflight.Group
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for range b.N {
		select {
		case <-g.DoChan("key", quick):
		case <-ctx.Done():
		}
	}
}

// One operation: an answer for one of eight, who all ask for the same.
func BenchmarkSingleflightContended(b *testing.B) {
	var g singleflight.Group
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range share(b.N, i, 8) {
				g.Do("key", slow)
			}
		})
	}
	wg.Wait()
}
