// Calls that work at once, and after two failures.
// The twin of ../../patterns/retry_bench.c.

package patterns

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/cenkalti/backoff/v5"
)

var errRetry = errors.New("input/output error")

func retryUntil(at int) {
	n := 0
	backoff.Retry(context.Background(), func() (int, error) {
		if n++; n < at {
			return 0, errRetry
		}
		return 0, nil
	}, backoff.WithBackOff(backoff.NewConstantBackOff(1)), backoff.WithMaxTries(5))
}

func BenchmarkRetry(b *testing.B) {
	for b.Loop() {
		retryUntil(1)
	}
}

// The waits are a nanosecond each.
func BenchmarkRetryTwice(b *testing.B) {
	for b.Loop() {
		retryUntil(3)
	}
}

// Eight goroutines; it has no budget.
func BenchmarkRetryBudget8(b *testing.B) {
	var wg sync.WaitGroup
	for i := 0; i < 8; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for n := (b.N + i) / 8; n > 0; n-- {
				retryUntil(1)
			}
		}()
	}
	wg.Wait()
}
