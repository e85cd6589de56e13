// Values through the stages, as one would write them in Go.
// The twin of ../../patterns/plumbing_bench.c.

package patterns

import (
	"container/heap"
	"context"
	"sync"
	"testing"
	"time"
)

const (
	capacity = 16
	ways     = 4
)

func generator[T any](ctx context.Context, next func() (T, bool)) <-chan T {
	out := make(chan T, capacity)
	go func() {
		defer close(out)
		for v, ok := next(); ok; v, ok = next() {
			select {
			case out <- v:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

func countDown(n int) func() (int64, bool) {
	left := int64(n)
	return func() (int64, bool) {
		left--
		return left, left >= 0
	}
}

func orDone[T any](ctx context.Context, in <-chan T) <-chan T {
	out := make(chan T, capacity)
	go func() {
		defer close(out)
		relay(ctx, in, out)
	}()
	return out
}

func relay[T any](ctx context.Context, in <-chan T, out chan<- T) bool {
	for {
		select {
		case v, ok := <-in:
			if !ok {
				return true
			}
			select {
			case out <- v:
			case <-ctx.Done():
				return false
			}
		case <-ctx.Done():
			return false
		}
	}
}

func readAll[T any](c <-chan T) {
	for range c {
	}
}

func background(b *testing.B) context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	b.Cleanup(cancel)
	return ctx
}

func BenchmarkGenerator(b *testing.B) {
	ctx := background(b)
	readAll(generator(ctx, countDown(b.N)))
}

func BenchmarkOrDone(b *testing.B) {
	ctx := background(b)
	readAll(orDone(ctx, generator(ctx, countDown(b.N))))
}

// The same without a goroutine.
func BenchmarkOrDoneRecv(b *testing.B) {
	ctx := background(b)
	in := generator(ctx, countDown(b.N))
	for {
		select {
		case _, ok := <-in:
			if !ok {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

func tee[T any](ctx context.Context, in <-chan T) (<-chan T, <-chan T) {
	out1, out2 := make(chan T, capacity), make(chan T, capacity)
	go func() {
		defer close(out1)
		defer close(out2)
		for {
			var v T
			var ok bool
			select {
			case v, ok = <-in:
				if !ok {
					return
				}
			case <-ctx.Done():
				return
			}
			o1, o2 := out1, out2
			for range 2 {
				select {
				case o1 <- v:
					o1 = nil
				case o2 <- v:
					o2 = nil
				case <-ctx.Done():
					return
				}
			}
		}
	}()
	return out1, out2
}

func BenchmarkTee(b *testing.B) {
	ctx := background(b)
	var wg sync.WaitGroup
	out1, out2 := tee(ctx, generator(ctx, countDown(b.N)))
	wg.Go(func() { readAll(out1) })
	wg.Go(func() { readAll(out2) })
	wg.Wait()
}

func makeWays() (in []chan int64) {
	for range ways {
		in = append(in, make(chan int64, capacity))
	}
	return
}

// Out to four and in again.
func BenchmarkFanOutIn(b *testing.B) {
	ctx := background(b)
	in := generator(ctx, countDown(b.N))
	c := makeWays()
	go func() {
		for _, o := range c {
			defer close(o)
		}
		for {
			select {
			case v, ok := <-in:
				if !ok {
					return
				}
				select {
				case c[0] <- v:
				case c[1] <- v:
				case c[2] <- v:
				case c[3] <- v:
				case <-ctx.Done():
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	out := make(chan int64, capacity)
	var wg sync.WaitGroup
	for _, i := range c {
		wg.Go(func() { relay(ctx, i, out) })
	}
	go func() { wg.Wait(); close(out) }()
	readAll(out)
}

func BenchmarkFanOutInOrdered(b *testing.B) {
	ctx := background(b)
	in := generator(ctx, countDown(b.N))
	c := makeWays()
	go func() {
		for _, o := range c {
			defer close(o)
		}
		for i := 0; ; i = (i + 1) % ways {
			select {
			case v, ok := <-in:
				if !ok {
					return
				}
				select {
				case c[i] <- v:
				case <-ctx.Done():
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	out := make(chan int64, capacity)
	go func() {
		defer close(out)
		for i := 0; ; i = (i + 1) % ways {
			select {
			case v, ok := <-c[i]:
				if !ok { // so will the others be: they are fed in turn
					return
				}
				select {
				case out <- v:
				case <-ctx.Done():
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	readAll(out)
}

type head struct {
	v  int64
	in <-chan int64
}
type heads []head

func (h heads) Len() int           { return len(h) }
func (h heads) Less(i, j int) bool { return h[i].v < h[j].v }
func (h heads) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *heads) Push(x any)        { *h = append(*h, x.(head)) }
func (h *heads) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}

func BenchmarkFanMerge(b *testing.B) {
	ctx := background(b)
	var h heads
	for range ways {
		in := generator(ctx, countDown(b.N/ways))
		if v, ok := <-in; ok {
			h = append(h, head{v, in})
		}
	}
	heap.Init(&h)
	out := make(chan int64, capacity)
	go func() {
		defer close(out)
		for len(h) > 0 {
			select {
			case out <- h[0].v:
			case <-ctx.Done():
				return
			}
			select {
			case v, ok := <-h[0].in:
				if !ok {
					heap.Pop(&h)
					continue
				}
				h[0].v = v
				heap.Fix(&h, 0)
			case <-ctx.Done():
				return
			}
		}
	}()
	readAll(out)
}

// Of channels with a hundred values each.
func BenchmarkBridge(b *testing.B) {
	ctx := background(b)
	left := int64(b.N)
	in := generator(ctx, func() (<-chan int64, bool) {
		if left <= 0 {
			return nil, false
		}
		c := make(chan int64, 100)
		for range 100 {
			c <- left
			left--
		}
		close(c)
		return c, true
	})
	out := make(chan int64, capacity)
	go func() {
		defer close(out)
		for {
			select {
			case part, ok := <-in:
				if !ok || !relay(ctx, part, out) {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	readAll(out)
}

// By a hundred, or a second.
func BenchmarkBatch(b *testing.B) {
	ctx := background(b)
	in := generator(ctx, countDown(b.N))
	out := make(chan []int64, 1)
	go func() {
		defer close(out)
		timer := time.NewTimer(time.Second)
		timer.Stop()
		batch := make([]int64, 0, 100)
		send := func() bool {
			timer.Stop()
			select {
			case out <- batch:
				batch = make([]int64, 0, 100)
				return true
			case <-ctx.Done():
				return false
			}
		}
		for {
			select {
			case v, ok := <-in:
				if !ok {
					if len(batch) > 0 {
						send()
					}
					return
				}
				batch = append(batch, v)
				if len(batch) == 1 {
					timer.Reset(time.Second)
				}
				if len(batch) == 100 && !send() {
					return
				}
			case <-timer.C:
				if !send() {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	readAll(out)
}

func BenchmarkPmap8(b *testing.B) {
	ctx := background(b)
	in := generator(ctx, countDown(b.N))
	out := make(chan int64, capacity)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for {
				select {
				case v, ok := <-in:
					if !ok {
						return
					}
					select {
					case out <- v * v:
					case <-ctx.Done():
						return
					}
				case <-ctx.Done():
					return
				}
			}
		})
	}
	go func() { wg.Wait(); close(out) }()
	readAll(out)
}

// The usual way: each job has a channel for its result, and a queue keeps their order.
func BenchmarkPmap8Ordered(b *testing.B) {
	type job struct {
		v      int64
		result chan int64
	}
	ctx := background(b)
	in := generator(ctx, countDown(b.N))
	jobs, queue := make(chan job), make(chan job, 32)
	out := make(chan int64, capacity)
	go func() {
		defer close(jobs)
		defer close(queue)
		for v := range in {
			j := job{v, make(chan int64, 1)}
			select {
			case queue <- j:
			case <-ctx.Done():
				return
			}
			select {
			case jobs <- j:
			case <-ctx.Done():
				return
			}
		}
	}()
	for range 8 {
		go func() {
			for j := range jobs {
				j.result <- j.v * j.v
			}
		}()
	}
	go func() {
		defer close(out)
		for j := range queue {
			select {
			case out <- <-j.result:
			case <-ctx.Done():
				return
			}
		}
	}()
	readAll(out)
}

type subscriber struct {
	c    chan int64
	gone chan struct{}
}

// One operation: a value to eight, each of which receives it.
func BenchmarkBroadcast8(b *testing.B) {
	ctx := background(b)
	var mu sync.Mutex
	var subs []subscriber
	var wg sync.WaitGroup
	for range 8 {
		s := subscriber{make(chan int64, capacity), make(chan struct{})}
		subs = append(subs, s)
		wg.Go(func() { readAll(s.c) })
	}
	for i := range b.N {
		mu.Lock()
		for _, s := range subs {
			select {
			case s.c <- int64(i):
			case <-s.gone:
			case <-ctx.Done():
			}
		}
		mu.Unlock()
	}
	for _, s := range subs {
		close(s.c)
	}
	wg.Wait()
}
