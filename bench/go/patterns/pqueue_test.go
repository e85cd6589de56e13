// A priority queue of a thousand, by one goroutine and by eight: container/heap, with
// a mutex and a condition variable, as its users write it.
// The twin of ../../patterns/pqueue_bench.c.

package patterns

import (
	"container/heap"
	"runtime"
	"sync"
	"testing"
)

type item struct {
	priority int64
	turn     uint64
	place    int
	value    any
}

type items []*item

func (h items) Len() int { return len(h) }
func (h items) Less(i, j int) bool {
	return h[i].priority < h[j].priority ||
		h[i].priority == h[j].priority && h[i].turn < h[j].turn
}
func (h items) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}
func (h *items) Push(x any) {
	i := x.(*item)
	i.place = len(*h)
	*h = append(*h, i)
}
func (h *items) Pop() any {
	old := *h
	i := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return i
}

type pqueue struct {
	m      sync.Mutex
	c      *sync.Cond
	h      items
	turn   uint64
	closed bool
}

func newPqueue() *pqueue {
	q := &pqueue{}
	q.c = sync.NewCond(&q.m)
	return q
}

func (q *pqueue) push(value any, priority int64) *item {
	q.m.Lock()
	q.turn++
	i := &item{priority: priority, turn: q.turn, value: value}
	heap.Push(&q.h, i)
	q.m.Unlock()
	q.c.Signal()
	return i
}

func (q *pqueue) pop() (any, bool) {
	q.m.Lock()
	defer q.m.Unlock()
	for len(q.h) == 0 {
		if q.closed {
			return nil, false
		}
		q.c.Wait()
	}
	return heap.Pop(&q.h).(*item).value, true
}

func (q *pqueue) close() {
	q.m.Lock()
	q.closed = true
	q.m.Unlock()
	q.c.Broadcast()
}

func randomNext(x *uint32) int64 {
	*x = *x*1664525 + 1013904223
	return int64(*x >> 8)
}

func (q *pqueue) hold(n int, x uint32) {
	for i := range n {
		q.push(nil, randomNext(&x))
		q.pop()
		if i%64 == 0 {
			runtime.Gosched()
		}
	}
}

func fullPqueue() *pqueue {
	q, x := newPqueue(), uint32(1)
	for range 1000 {
		q.push(nil, randomNext(&x))
	}
	return q
}

// One operation: a push and a pop, with a thousand there.
func BenchmarkPqueue(b *testing.B) {
	q := fullPqueue()
	b.ResetTimer()
	q.hold(b.N, 2)
}

// The same, by any of eight goroutines.
func BenchmarkPqueueContended(b *testing.B) {
	var wg sync.WaitGroup
	q := fullPqueue()
	b.ResetTimer()
	for i := range 8 {
		wg.Go(func() { q.hold(share(b.N, i, 8), uint32(2+i)) })
	}
	wg.Wait()
}

// One operation: a push to another goroutine that waits in pop, and its answer.
func BenchmarkPqueueWait(b *testing.B) {
	var wg sync.WaitGroup
	q, done := newPqueue(), make(chan struct{})
	wg.Go(func() {
		for {
			if _, ok := q.pop(); !ok {
				return
			}
			done <- struct{}{}
		}
	})
	for range b.N {
		q.push(nil, 0)
		<-done
	}
	q.close()
	wg.Wait()
}
