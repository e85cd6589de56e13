// Calls through a closed breaker, and refused ones.
// The twin of ../../patterns/breaker_bench.c.

package patterns

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/sony/gobreaker/v2"
)

func works() (int, error) { return 0, nil }
func fails() (int, error) { return 0, errors.New("input/output error") }

func breakerCalls(cb *gobreaker.CircuitBreaker[int], n int) {
	for ; n > 0; n-- {
		cb.Execute(works)
	}
}

func benchmarkBreaker(b *testing.B, goroutines int, s gobreaker.Settings) {
	cb := gobreaker.NewCircuitBreaker[int](s)
	var wg sync.WaitGroup
	for i := 0; i < goroutines; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			breakerCalls(cb, (b.N+i)/goroutines)
		}()
	}
	wg.Wait()
}

var failureRate = gobreaker.Settings{
	Interval:     10 * time.Second,
	BucketPeriod: time.Second,
	ReadyToTrip: func(c gobreaker.Counts) bool {
		return c.Requests >= 10 && float64(c.TotalFailures) >= 0.5*float64(c.Requests)
	},
}

func BenchmarkBreaker(b *testing.B)  { benchmarkBreaker(b, 1, gobreaker.Settings{}) }
func BenchmarkBreaker8(b *testing.B) { benchmarkBreaker(b, 8, gobreaker.Settings{}) }

// With a window of ten buckets.
func BenchmarkBreakerRate(b *testing.B)  { benchmarkBreaker(b, 1, failureRate) }
func BenchmarkBreakerRate8(b *testing.B) { benchmarkBreaker(b, 8, failureRate) }

func BenchmarkBreakerOpen(b *testing.B) {
	cb := gobreaker.NewCircuitBreaker[int](gobreaker.Settings{
		ReadyToTrip: func(gobreaker.Counts) bool { return true },
	})
	cb.Execute(fails)
	b.ResetTimer()
	breakerCalls(cb, b.N)
}
