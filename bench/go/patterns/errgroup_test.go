// Members of a group.
// The twin of ../../patterns/errgroup_bench.c.

package patterns

import (
	"context"
	"testing"

	"golang.org/x/sync/errgroup"
)

func nothing() error { return nil }

func benchmarkErrgroup(b *testing.B, limit int) {
	for n := b.N; n > 0; n -= 100 {
		g, _ := errgroup.WithContext(context.Background())
		g.SetLimit(limit)
		for i := 0; i < 100 && i < n; i++ {
			g.Go(nothing)
		}
		g.Wait()
	}
}

// One operation: a member, of groups of a hundred.
func BenchmarkErrgroup(b *testing.B) { benchmarkErrgroup(b, -1) }

// The same, eight at a time.
func BenchmarkErrgroupLimit8(b *testing.B) { benchmarkErrgroup(b, 8) }
