package main

import (
	"bytes"
	"errors"
	"strconv"
	"time"
)

type syslogEntry struct {
	priority               int
	time                   time.Time
	host, tag, process, id []byte
	structured, message    []byte
}

var errSyslog = errors.New("not RFC 5424")

func (e *syslogEntry) parse(line []byte) error {
	head, rest, ok := bytes.Cut(line, []byte(">1 "))
	if !ok || len(head) < 2 || head[0] != '<' {
		return errSyslog
	}
	var err error
	if e.priority, err = strconv.Atoi(string(head[1:])); err != nil {
		return errSyslog
	}
	stamp, rest, _ := bytes.Cut(rest, []byte(" "))
	if e.time, err = time.Parse(time.RFC3339Nano, string(stamp)); err != nil {
		return errSyslog
	}
	for _, word := range []*[]byte{&e.host, &e.tag, &e.process, &e.id} {
		if *word, rest, ok = bytes.Cut(rest, []byte(" ")); !ok {
			return errSyslog
		}
	}
	n := structuredLen(rest)
	if n == 0 {
		return errSyslog
	}
	e.structured, e.message = rest[:n], bytes.TrimPrefix(rest[n:], []byte(" "))
	return nil
}

// structuredLen is the length of "-" or of [id name="value"]..., or 0.
func structuredLen(p []byte) int {
	if len(p) > 0 && p[0] == '-' {
		return 1
	}
	quoted, n := false, 0
	for i := 0; i < len(p); i++ {
		switch {
		case quoted && p[i] == '\\':
			i++
		case p[i] == '"':
			quoted = !quoted
		case !quoted && p[i] == ']':
			n = i + 1
			if n == len(p) || p[n] != '[' {
				return n
			}
		}
	}
	return n
}

func (e *syslogEntry) append(out []byte) []byte {
	out = strconv.AppendInt(append(out, '<'), int64(e.priority), 10)
	out = append(out, ">1 "...)
	out = e.time.AppendFormat(out, "2006-01-02T15:04:05.000Z07:00")
	for _, word := range [][]byte{e.host, e.tag, e.process, e.id, e.structured, e.message} {
		out = append(append(out, ' '), word...)
	}
	return out
}
