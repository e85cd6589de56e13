// TCP: a hundred clients and their server in one process.
// The twin of ../net_bench.c.

package weftbench

import (
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"
)

const (
	conns   = 100
	message = 64
)

func serve(c net.Conn) {
	defer c.Close()
	buf := make([]byte, 1024)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		if _, err = c.Write(buf[:n]); err != nil {
			return
		}
	}
}

func acceptAll(l net.Listener) {
	for range conns {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go serve(c)
	}
}

// client sends len(took) messages, each after the answer to the one before, and
// notes the times.
func client(c net.Conn, took []time.Duration) error {
	buf := make([]byte, message)

	for i := range took {
		start := time.Now()
		if _, err := c.Write(buf); err != nil {
			return err
		}
		if _, err := io.ReadFull(c, buf); err != nil {
			return err
		}
		took[i] = time.Since(start)
	}
	return nil
}

// echoRun returns how long it took to send a message for each of took, over all
// connections.
func echoRun(b *testing.B, dialled []net.Conn, took []time.Duration) time.Duration {
	var wg sync.WaitGroup
	start := time.Now()

	for i, c := range dialled {
		mine := share(b.N, i, conns)
		part := took[:mine]
		took = took[mine:]
		wg.Go(func() {
			if err := client(c, part); err != nil {
				b.Error(err)
			}
		})
	}
	wg.Wait()
	return time.Since(start)
}

// One operation: 64 bytes there and back, on one of a hundred connections.
func BenchmarkEcho100(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	go acceptAll(l)
	dialled := make([]net.Conn, conns)
	for i := range dialled {
		if dialled[i], err = net.Dial("tcp", l.Addr().String()); err != nil {
			b.Fatal(err)
		}
		defer dialled[i].Close()
	}
	took := make([]time.Duration, b.N)
	b.ResetTimer()
	elapsed := echoRun(b, dialled, took)
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(b.N)/elapsed.Seconds(), "req/s")
	b.ReportMetric(float64(took[b.N*99/100])/float64(time.Microsecond), "p99-us")
}
