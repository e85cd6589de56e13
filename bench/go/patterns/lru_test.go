// A cache of 8,192: hits, new keys, and eight who do both.
// The twin of ../../patterns/lru_bench.c.

package patterns

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/hashicorp/golang-lru/v2/expirable"
)

const (
	lruSize = 8192
	lruKeys = 2 * lruSize
)

type cache interface {
	Add(key string, value any) bool
	Get(key string) (any, bool)
}

var lruKey = func() (keys [lruKeys]string) {
	for i := range keys {
		keys[i] = fmt.Sprintf("key%05d", i)
	}
	return
}()

func newLru() *lru.Cache[string, any] {
	c, _ := lru.New[string, any](lruSize)
	fill(c)
	return c
}

func fill(c cache) {
	for i := range lruSize / 2 {
		c.Add(lruKey[i], nil)
	}
}

// One operation: a get of what is there.
func BenchmarkLruHit(b *testing.B) {
	c := newLru()
	b.ResetTimer()
	for n := b.N; n > 0; n-- {
		c.Get(lruKey[n*7%(lruSize/2)])
	}
}

// The same, in a cache whose values expire.
func BenchmarkLruHitTtl(b *testing.B) {
	c := expirable.NewLRU[string, any](lruSize, nil, time.Hour)
	fill(c)
	b.ResetTimer()
	for n := b.N; n > 0; n-- {
		c.Get(lruKey[n*7%(lruSize/2)])
	}
}

// One operation: a put of a key that is not there; another one has to go.
func BenchmarkLruPut(b *testing.B) {
	c := newLru()
	b.ResetTimer()
	for n := b.N; n > 0; n-- {
		c.Add(lruKey[n%lruKeys], nil)
	}
}

// One operation: a get, and a put if it missed, by any of eight; four in five hit.
func BenchmarkLruContended(b *testing.B) {
	var wg sync.WaitGroup
	c := newLru()
	b.ResetTimer()
	for i := range 8 {
		wg.Go(func() {
			x := uint32(2 + i)
			for i := range share(b.N, i, 8) {
				x = x*1664525 + 1013904223
				k := lruKey[(x>>8)%(lruSize*5/4)]
				if _, ok := c.Get(k); !ok {
					c.Add(k, nil)
				}
				if i%64 == 0 {
					runtime.Gosched()
				}
			}
		})
	}
	wg.Wait()
}
