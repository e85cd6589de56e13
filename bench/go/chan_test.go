// Channels: handing over, buffering, fan-in, pipelines.
// The twin of ../chan_bench.c.

package weftbench

import (
	"sync"
	"testing"
)

const (
	producers = 8
	stages    = 5
	primes    = 500
	lastPrime = 3571
)

// One operation: there and back through unbuffered channels.
func BenchmarkPingPong(b *testing.B) {
	ping, pong := make(chan int), make(chan int)

	go func() {
		for v := range ping {
			pong <- v
		}
	}()
	b.ResetTimer()
	for i := range b.N {
		ping <- i
		<-pong
	}
	close(ping)
}

func countUp(out chan<- int, n int) {
	for i := range n {
		out <- i
	}
	close(out)
}

// drain returns how many values came before the channel was closed.
func drain(in <-chan int) int {
	n := 0
	for range in {
		n++
	}
	return n
}

// One operation: one value from a producer to a consumer.
func BenchmarkBuffered(b *testing.B) {
	c := make(chan int, 128)

	go countUp(c, b.N)
	if n := drain(c); n != b.N {
		b.Fatal(n)
	}
}

// One operation: one value from one of eight producers to the consumer.
func BenchmarkFanIn(b *testing.B) {
	c := make(chan int, 128)
	var wg sync.WaitGroup

	for i := range producers {
		wg.Go(func() {
			for v := range share(b.N, i, producers) {
				c <- v
			}
		})
	}
	go func() {
		wg.Wait()
		close(c)
	}()
	if n := drain(c); n != b.N {
		b.Fatal(n)
	}
}

func stage(in <-chan int, out chan<- int) {
	for v := range in {
		out <- v + 1
	}
	close(out)
}

// One operation: one value from the source through five stages to the sink.
func BenchmarkPipeline5(b *testing.B) {
	var c [stages + 1]chan int

	for i := range c {
		c[i] = make(chan int, 100)
	}
	for i := range stages {
		go stage(c[i], c[i+1])
	}
	b.ResetTimer()
	go countUp(c[0], b.N)
	if n := drain(c[stages]); n != b.N {
		b.Fatal(n)
	}
}

func candidates(out chan<- int32) {
	for i := int32(2); i <= lastPrime; i++ {
		out <- i
	}
	close(out)
}

func filter(in <-chan int32, out chan<- int32, prime int32) {
	for i := range in {
		if i%prime != 0 {
			out <- i
		}
	}
	close(out)
}

// sieve is a chain that grows by one filter per prime.  It returns how many it
// found.
func sieve() int {
	c := make(chan int32)
	go candidates(c)
	for n := 0; ; n++ {
		prime, ok := <-c
		if !ok {
			return n
		}
		next := make(chan int32)
		go filter(c, next, prime)
		c = next
	}
}

// One operation: the first 500 primes.
func BenchmarkSieve(b *testing.B) {
	for range b.N {
		if n := sieve(); n != primes {
			b.Fatal(n)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/primes, "ns/prime")
}
