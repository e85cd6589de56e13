package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

const (
	batchLines = 512
	readBuffer = 256 << 10
	maxLine    = 16 << 20
)

// A batch owns the bytes of its lines.  A worker puts what is to be written into out.
type batch struct {
	bytes []byte
	ends  []int // of the lines in bytes
	out   []byte
	done  chan struct{} // closed by the worker
}

var batches = sync.Pool{New: func() any { return new(batch) }}

func newBatch() *batch {
	b := batches.Get().(*batch)
	b.bytes, b.ends, b.out = b.bytes[:0], b.ends[:0], b.out[:0]
	b.done = make(chan struct{})
	return b
}

func (b *batch) add(line []byte) {
	b.bytes = append(b.bytes, line...)
	b.ends = append(b.ends, len(b.bytes))
}

// lines calls f for each line.
func (b *batch) lines(f func(line []byte)) {
	from := 0
	for _, end := range b.ends {
		f(b.bytes[from:end])
		from = end
	}
}

// scan sends the lines of r in batches; what has been read goes on its way before r is asked
// for more than its buffer holds, so that no line waits for others.
func scan(r io.Reader, out chan<- *batch) error {
	b := newBatch()
	flush := func() {
		if len(b.ends) > 0 {
			out <- b
			b = newBatch()
		}
	}
	s := bufio.NewScanner(&flusher{r, flush})
	s.Buffer(make([]byte, readBuffer), maxLine)
	for s.Scan() {
		b.add(s.Bytes())
		if len(b.ends) == batchLines {
			flush()
		}
	}
	flush()
	return s.Err()
}

type flusher struct {
	r     io.Reader
	flush func()
}

func (f *flusher) Read(p []byte) (int, error) {
	f.flush()
	return f.r.Read(p)
}

// tail is a file that has no end until stop is closed.
type tail struct {
	f    *os.File
	stop <-chan os.Signal
}

func (t *tail) Read(p []byte) (int, error) {
	for {
		n, err := t.f.Read(p)
		if n > 0 || (err != nil && err != io.EOF) {
			return n, err
		}
		select {
		case <-t.stop:
			return 0, io.EOF
		case <-time.After(time.Millisecond):
		}
	}
}

func readFile(path string, follow bool, stop <-chan os.Signal, out chan<- *batch) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if follow {
		return scan(&tail{f, stop}, out)
	}
	return scan(f, out)
}

// serve reads connections until it is told to stop.
func serve(address string, stop <-chan os.Signal, out chan<- *batch) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	go func() {
		<-stop
		l.Close()
	}()
	var reading sync.WaitGroup
	defer reading.Wait()
	for {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("accepting: %w", err)
		}
		reading.Go(func() {
			defer c.Close()
			if err := scan(c, out); err != nil {
				fmt.Fprintf(os.Stderr, "%v: %v\n", c.RemoteAddr(), err)
			}
		})
	}
}
