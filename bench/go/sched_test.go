// What a goroutine costs: to start, yield, hop, park and sleep.
// The twin of ../sched_bench.c.

package weftbench

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	batchSize = 1000
	ringSize  = 1000
	million   = 1_000_000
	sleepers  = 100_000
	idlers    = 10_000
)

// share returns the i-th of parts equal shares of n.
func share(n, i, parts int) int {
	if i < n%parts {
		return n/parts + 1
	}
	return n / parts
}

// One operation: one goroutine started, run and waited for.
func BenchmarkSpawnJoin(b *testing.B) {
	var wg sync.WaitGroup
	empty := func() { wg.Done() }

	for n := b.N; n > 0; n -= batchSize {
		batch := min(n, batchSize)
		wg.Add(batch)
		for range batch {
			go empty()
		}
		wg.Wait()
	}
}

// One operation: one yield, by either of two goroutines.
func BenchmarkYield(b *testing.B) {
	var wg sync.WaitGroup

	for i := range 2 {
		wg.Go(func() {
			for range share(b.N, i, 2) {
				runtime.Gosched()
			}
		})
	}
	wg.Wait()
}

// node passes the token on; it counts the hops that are left.
func node(in <-chan int, out, done chan<- int) {
	for hops := range in {
		if hops > 0 {
			out <- hops - 1
		} else {
			done <- 0
		}
	}
}

// One operation: the token goes from one goroutine to the next.
func BenchmarkRing1000(b *testing.B) {
	done := make(chan int)
	nodes := make([]chan int, ringSize)
	for i := range nodes {
		nodes[i] = make(chan int)
	}
	for i := range nodes {
		go node(nodes[i], nodes[(i+1)%ringSize], done)
	}
	nodes[0] <- 2 * ringSize // everyone has run once
	<-done
	b.ResetTimer()
	nodes[0] <- b.N
	<-done
	b.StopTimer()
	for _, c := range nodes {
		close(c)
	}
}

// resident returns the bytes of memory in use now.
func resident() int64 {
	var size, pages int64

	text, err := os.ReadFile("/proc/self/statm")
	if err == nil {
		fmt.Sscan(string(text), &size, &pages)
	}
	return pages * int64(os.Getpagesize())
}

type millionCost struct{ ns, bytes int64 }

// spawnMillion measures from the first start to the last end, and what they took
// while all were parked.
func spawnMillion() millionCost {
	gate := make(chan struct{})
	var parked, ended sync.WaitGroup
	waitAtGate := func() {
		parked.Done()
		<-gate
		ended.Done()
	}

	before := resident()
	start := time.Now()
	parked.Add(million)
	ended.Add(million)
	for range million {
		go waitAtGate()
	}
	parked.Wait()
	bytes := resident() - before
	close(gate)
	ended.Wait()
	return millionCost{time.Since(start).Nanoseconds(), bytes}
}

var firstMillion millionCost

// One operation: a million goroutines.  The first million of a process is the one
// that counts; "again" is what later millions cost, which find their memory in the
// free lists.
func BenchmarkSpawn1M(b *testing.B) {
	if firstMillion.ns == 0 {
		firstMillion = spawnMillion()
	}
	again := int64(0)
	b.ResetTimer()
	for range b.N {
		again += spawnMillion().ns
	}
	b.ReportMetric(float64(firstMillion.ns)/million, "ns/goroutine")
	b.ReportMetric(float64(again)/float64(b.N)/million, "again-ns/goroutine")
	b.ReportMetric(float64(firstMillion.bytes)/million, "B/goroutine")
}

// One operation: 100,000 goroutines that sleep for 10 ms each.
func BenchmarkTimers100k(b *testing.B) {
	var wg sync.WaitGroup
	nap := func() {
		time.Sleep(10 * time.Millisecond)
		wg.Done()
	}

	for range b.N {
		wg.Add(sleepers)
		for range sleepers {
			go nap()
		}
		wg.Wait()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/sleepers, "ns/goroutine")
}

func BenchmarkSleep50us(b *testing.B) {
	for range b.N {
		time.Sleep(50 * time.Microsecond)
	}
}

func wakeups() int64 {
	var r syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return r.Nvcsw
}

func BenchmarkIdle10k(b *testing.B) {
	gate := make(chan int)
	var parked, ended sync.WaitGroup
	parked.Add(idlers)
	ended.Add(idlers)
	for range idlers {
		go func() {
			parked.Done()
			<-gate
			ended.Done()
		}()
	}
	parked.Wait()
	woken := int64(0)
	b.ResetTimer()
	for range b.N {
		syscall.Nanosleep(&syscall.Timespec{Nsec: 500_000_000}, nil)
		before := wakeups()
		syscall.Nanosleep(&syscall.Timespec{Sec: 1}, nil)
		woken += wakeups() - before - 1
	}
	b.StopTimer()
	b.ReportMetric(float64(woken)/float64(b.N), "wakeups")
	close(gate)
	ended.Wait()
}
