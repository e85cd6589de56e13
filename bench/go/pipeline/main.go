// Pipeline is the log pipeline that one would write in Go with the standard library: a
// goroutine per source, batches of lines through channels, a pool of workers, a goroutine
// that writes.  It loses no line and keeps their order within a source; it has no checkpoints,
// and none of the rest that makes a product.
//
//	pipeline -in FILE [-follow] | -listen HOST:PORT   -out FILE | -send HOST:PORT
//	         -format raw|json|access|syslog  [-level LEVEL]
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"runtime"
	"syscall"
)

// Between the stages; a batch is at most 512 lines, so this bounds the memory.
const queued = 16

func run() error {
	in := flag.String("in", "", "file to read")
	follow := flag.Bool("follow", false, "go on at the end of the file")
	listen := flag.String("listen", "", "address to accept lines at")
	out := flag.String("out", "", "file to write")
	send := flag.String("send", "", "address to send lines to")
	format := flag.String("format", "raw", "raw, json, access or syslog")
	level := flag.String("level", "trace", "drop lines below")
	flag.Parse()

	step, err := newStep(*format, *level)
	if err != nil {
		return err
	}
	sink, err := openSink(*out, *send)
	if err != nil {
		return err
	}
	parsed := make(chan *batch, queued)
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, os.Interrupt)

	errs := make(chan error, 1)
	go func() {
		defer close(parsed)
		if *listen != "" {
			errs <- serve(*listen, stop, parsed)
		} else {
			errs <- readFile(*in, *follow, stop, parsed)
		}
	}()
	done := process(parsed, runtime.GOMAXPROCS(0), step)
	if err := write(sink, done); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	return <-errs
}

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}
