// Jobs through a pool of eight workers.
// The twin of ../../patterns/workerpool_bench.c.

package patterns

import (
	"sync"
	"testing"

	"github.com/panjf2000/ants/v2"
)

func benchmarkWorkerpool(b *testing.B, submitters int) {
	p, _ := ants.NewPool(8)
	defer p.Release()
	var jobs, all sync.WaitGroup
	for i := 0; i < submitters; i++ {
		n := (b.N + i) / submitters
		jobs.Add(n)
		all.Add(1)
		go func() {
			defer all.Done()
			for ; n > 0; n-- {
				p.Submit(jobs.Done)
			}
		}()
	}
	all.Wait()
	jobs.Wait()
}

// One submits.
func BenchmarkWorkerpool(b *testing.B) { benchmarkWorkerpool(b, 1) }

// Eight do.
func BenchmarkWorkerpool8(b *testing.B) { benchmarkWorkerpool(b, 8) }
