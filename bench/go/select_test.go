// Select over four channels: ready, blocking, with a timeout.
// The twin of ../select_bench.c.

package weftbench

import (
	"testing"
	"time"
)

const cases = 4

type four [cases]chan int32

func makeFour(capacity int) (f four) {
	for i := range f {
		f[i] = make(chan int32, capacity)
	}
	return f
}

func selectFour(f *four) int32 {
	select {
	case v := <-f[0]:
		return v
	case v := <-f[1]:
		return v
	case v := <-f[2]:
		return v
	case v := <-f[3]:
		return v
	}
}

// One operation: fill one of four, take it out with a select.
func BenchmarkSelect4(b *testing.B) {
	f := makeFour(1)
	right := 0

	b.ResetTimer()
	for i := range b.N {
		want := int32(i % cases)
		f[want] <- want
		if selectFour(&f) == want {
			right++
		}
	}
	if right != b.N {
		b.Fatal(right)
	}
}

// answer answers each request on the channel that it names.
func answer(ask <-chan int32, f *four) {
	for i := range ask {
		f[i] <- i
	}
}

// One operation: ask the partner, block in a select on four, be woken.
func BenchmarkSelectBlock(b *testing.B) {
	f, ask := makeFour(0), make(chan int32)
	right := 0

	go answer(ask, &f)
	b.ResetTimer()
	for i := range b.N {
		want := int32(i % cases)
		ask <- want
		if selectFour(&f) == want {
			right++
		}
	}
	close(ask)
	if right != b.N {
		b.Fatal(right)
	}
}

// One operation: ask the partner, wait for the answer for at most a second.  One
// timer, reset each time, is the fastest way that Go offers: since 1.23 it needs
// neither Stop nor draining before Reset.
func BenchmarkSelectTimeout(b *testing.B) {
	f, ask := makeFour(0), make(chan int32)
	right := 0

	go answer(ask, &f)
	b.ResetTimer()
	timer := time.NewTimer(time.Second)
	for range b.N {
		ask <- 0
		timer.Reset(time.Second)
		select {
		case <-f[0]:
			right++
		case <-timer.C:
		}
	}
	timer.Stop()
	close(ask)
	if right != b.N {
		b.Fatal(right)
	}
}
