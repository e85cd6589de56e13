package main

import (
	"bufio"
	"io"
	"net"
	"os"
)

const writeBuffer = 256 << 10

// process runs step over all lines in n workers.  Batches come out in the order in which they
// went in: each is sent on before it is ready, and whoever receives it waits for it.
func process(in <-chan *batch, n int, do step) <-chan *batch {
	ordered := make(chan *batch, queued)
	work := make(chan *batch)
	for range n {
		go func() {
			for b := range work {
				b.lines(func(line []byte) { b.out = do(b.out, line) })
				close(b.done)
			}
		}()
	}
	go func() {
		defer close(ordered)
		defer close(work)
		for b := range in {
			ordered <- b
			work <- b
		}
	}()
	return ordered
}

func openSink(path, address string) (io.WriteCloser, error) {
	if address != "" {
		return net.Dial("tcp", address)
	}
	return os.Create(path)
}

// write flushes when nothing more is waiting, so that a line is not late for want of others.
func write(sink io.WriteCloser, in <-chan *batch) error {
	w := bufio.NewWriterSize(sink, writeBuffer)
	for b := range in {
		<-b.done
		if _, err := w.Write(b.out); err != nil {
			return err
		}
		batches.Put(b)
		if len(in) > 0 {
			continue
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return sink.Close()
}
