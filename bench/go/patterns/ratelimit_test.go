// What a limiter costs, and how well it keeps to its rate.
// The twin of ../../patterns/ratelimit_bench.c.

package patterns

import (
	"context"
	"math"
	"sync"
	"testing"
	"time"

	"golang.org/x/time/rate"
)

const (
	crowd  = 8
	plenty = 1000000000
)

func allow(l *rate.Limiter, n int) {
	for ; n > 0; n-- {
		l.Allow()
	}
}

func waitFor(l *rate.Limiter, n int) {
	for ; n > 0; n-- {
		l.Wait(context.Background())
	}
}

func rateAlone(b *testing.B, use func(*rate.Limiter, int), r, burst int) {
	use(rate.NewLimiter(rate.Limit(r), burst), b.N)
}

func rateCrowd(b *testing.B, use func(*rate.Limiter, int), r, burst int) {
	l := rate.NewLimiter(rate.Limit(r), burst)
	var wg sync.WaitGroup
	for i := 0; i < crowd; i++ {
		n := b.N / crowd
		if i < b.N%crowd {
			n++
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			use(l, n)
		}()
	}
	wg.Wait()
}

// One operation: a token asked for; there are enough, or none.
func BenchmarkRatelimitAllow(b *testing.B)  { rateAlone(b, allow, plenty, plenty) }
func BenchmarkRatelimitDeny(b *testing.B)   { rateAlone(b, allow, 1, 1) }
func BenchmarkRatelimitWait(b *testing.B)   { rateAlone(b, waitFor, plenty, plenty) }
func BenchmarkRatelimitAllow8(b *testing.B) { rateCrowd(b, allow, plenty, plenty) }
func BenchmarkRatelimitDeny8(b *testing.B)  { rateCrowd(b, allow, 1, 1) }
func BenchmarkRatelimitWait8(b *testing.B)  { rateCrowd(b, waitFor, plenty, plenty) }

// One operation: an event at so many a second, which are waited for by one goroutine.
func accuracy(b *testing.B, r, burst int) {
	l := rate.NewLimiter(rate.Limit(r), burst)
	waitFor(l, burst)
	b.ResetTimer()
	begun := time.Now()
	var now, least, over float64
	for i := 1; i <= b.N; i++ {
		l.Wait(context.Background())
		now = time.Since(begun).Seconds()
		f := float64(i) - float64(r)*now
		if i == 1 || f < least {
			least = f
		}
		over = max(over, f-least+1-float64(burst))
	}
	b.ReportMetric(100*math.Abs(float64(b.N)/now/float64(r)-1), "%-off")
	b.ReportMetric(over, "over")
}

func BenchmarkRatelimitAt10(b *testing.B)          { accuracy(b, 10, 1) }
func BenchmarkRatelimitAt100(b *testing.B)         { accuracy(b, 100, 1) }
func BenchmarkRatelimitAt1000(b *testing.B)        { accuracy(b, 1000, 1) }
func BenchmarkRatelimitAt5000(b *testing.B)        { accuracy(b, 5000, 1) }
func BenchmarkRatelimitAt5000Burst10(b *testing.B) { accuracy(b, 5000, 10) }
