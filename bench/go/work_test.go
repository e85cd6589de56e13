// Do two workers do the work of one in half the time?
// The twin of ../work_bench.c.

package weftbench

import (
	"sync"
	"testing"
)

const (
	steps10us = 5200
	workers   = 8
	pairs     = 2
)

// busy does a fixed amount of arithmetic; its result is never 0 for an x that is
// not.
//
//go:noinline
func busy(x uint64, steps int) uint64 {
	for range steps {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	return x
}

func worker(tasks <-chan uint64, out *uint64) {
	var all uint64

	for seed := range tasks {
		all |= busy(seed, steps10us)
	}
	*out = all
}

// One operation: one task of about 10 us, by one of eight workers.
func BenchmarkWork10us(b *testing.B) {
	tasks := make(chan uint64, 128)
	var wg sync.WaitGroup
	var out [workers]uint64

	for i := range workers {
		wg.Go(func() { worker(tasks, &out[i]) })
	}
	b.ResetTimer()
	for i := range b.N {
		tasks <- uint64(i) + 1
	}
	close(tasks)
	wg.Wait()
	var all uint64
	for _, x := range out {
		all |= x
	}
	if all == 0 {
		b.Fatal("no work was done")
	}
}

type ball struct {
	x    uint64
	hops int
}

// player works, then hits it back, until no hops are left.
func player(in <-chan ball, out chan<- ball, last *uint64) {
	for ball := range in {
		if ball.hops == 0 {
			break
		}
		ball.x = busy(ball.x, 10*steps10us)
		ball.hops--
		*last = ball.x
		out <- ball
	}
	close(out)
}

// One operation: 100 us of work and a hop to the partner; two pairs at once.
func BenchmarkPairs100us(b *testing.B) {
	var c [2 * pairs]chan ball
	var last [2 * pairs]uint64
	var wg sync.WaitGroup

	for i := range c {
		c[i] = make(chan ball)
	}
	for i := range c {
		wg.Go(func() { player(c[i], c[i^1], &last[i]) })
	}
	b.ResetTimer()
	for i := range pairs {
		c[2*i] <- ball{1, share(b.N, i, pairs)}
	}
	wg.Wait()
	if last[0] == 0 {
		b.Fatal("no work was done")
	}
}
