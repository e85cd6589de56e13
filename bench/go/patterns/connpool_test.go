// Acquire and release, alone and by eight goroutines.
// The twin of ../../patterns/connpool_bench.c.

package patterns

import (
	"context"
	"runtime"
	"sync"
	"testing"

	"github.com/jackc/puddle/v2"
)

func benchmarkConnpool(b *testing.B, goroutines int, max int32, yields bool) {
	ctx := context.Background()
	p, _ := puddle.NewPool(&puddle.Config[int]{
		Constructor: func(context.Context) (int, error) { return 0, nil },
		Destructor:  func(int) {},
		MaxSize:     max,
	})
	var wg sync.WaitGroup
	for i := 0; i < goroutines; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for n := (b.N + i) / goroutines; n > 0; n-- {
				r, _ := p.Acquire(ctx)
				if yields {
					runtime.Gosched()
				}
				r.Release()
			}
		}()
	}
	wg.Wait()
	p.Close()
}

func BenchmarkConnpool(b *testing.B) { benchmarkConnpool(b, 1, 4, false) }

// Eight, and a connection for each.
func BenchmarkConnpool8(b *testing.B) { benchmarkConnpool(b, 8, 8, false) }

// Eight share two, and let the others run while they have one: most have to wait.
func BenchmarkConnpoolWait8(b *testing.B) { benchmarkConnpool(b, 8, 2, true) }
